import { counted } from '../../doctor/finding.ts';
import { linesOf } from '../../setup/env-file.ts';
import { setUp } from '../../setup/set-up.ts';
import { defineCommand } from '../command.ts';
import { optionalUrl } from '../environment.ts';
import { textOption } from '../option.ts';
import { styled } from '../printer.ts';
import { exitStatus } from '../terminal.ts';

const marks = {
	made: styled('green', '✓ made  '),
	kept: styled('dim', '· kept  '),
	left: styled('yellow', '! left  '),
} as const;

/** Where nothing is created. */
const marksOfDryRun = { ...marks, made: styled('green', '+ new   ') } as const;

export const init = defineCommand({
	name: 'init',
	summary: 'create logins, a key, prisma.config.ts and .env',
	description: `Creates what a service needs: prisma.config.ts, an encryption key, logins of its own (prisma/grants/logins.sql), and an
.env file with their variables, which only its owner can read. It keeps what already exists, so you can run it again.
It prints no secret without --show-secrets.`,
	options: {
		migrate: { help: "Also run the migrations, with the service's own Prisma." },
		prefix: textOption(
			{
				value: 'NAME',
				help: 'Name the logins NAME_tenant, NAME_service and NAME_loading. Default: destinations.',
			},
			(prefix) => /^[a-z_][a-z0-9_]{0,40}$/.test(prefix),
			'have 1 to 41 small letters, digits and underscores, and not begin with a digit',
		),
		file: textOption(
			{ value: 'FILE', help: 'Write the variables to this file. Default: .env.', isFile: true },
			(file) => file !== '',
			'name a file',
		),
		'show-secrets': {
			help: 'Print the variables that were added, with their values, for a secret store.',
		},
		'dry-run': { help: 'Print what would be created, and create nothing.' },
	},
	environment: {
		DATABASE_URL:
			'The login that owns the tables and can create logins. Without it, no logins are created.',
	},
	statuses:
		'0 if everything exists, 1 if something is left to do, 2 if it could not begin or stopped half way.',
	examples: `# In the folder of a new service, on an existing database
DATABASE_URL="$MIGRATOR_URL" consent-destinations init --migrate

# Then, with the service's own logins
set -a; . ./.env; set +a
consent-destinations doctor`,
	async run(options, { stdout, environment, folder = process.cwd() }) {
		const { file = '.env', prefix = 'destinations', migrate } = options;
		const dryRun = options['dry-run'];
		const { steps, added, failure } = await setUp({
			folder,
			envFile: file,
			prefix,
			connectionString: optionalUrl(environment, 'DATABASE_URL'),
			hasKeys: Boolean(environment.DESTINATIONS_ENCRYPTION_KEYS),
			migrate,
			dryRun,
		});
		if (dryRun) stdout.line('Nothing was created. Without --dry-run, this happens:');
		for (const { outcome, message } of steps) {
			stdout.line('  ', (dryRun ? marksOfDryRun : marks)[outcome], message);
		}
		if (added.size > 0) {
			stdout.line(
				`Keep ${file} out of version control. Without its key nobody can decrypt the settings.`,
			);
		}
		if (options['show-secrets'] && !dryRun) stdout.lines(linesOf(added).trimEnd());
		if (failure !== undefined) {
			stdout.line('Not finished: see below. What is done stays. Run init again, and it continues.');
			throw failure;
		}
		const left = steps.filter(({ outcome }) => outcome === 'left').length;
		if (left > 0) {
			stdout.line(
				`${counted(left, 'thing')} ${left === 1 ? 'is' : 'are'} left to do, marked "left" above. Then run init again.`,
			);
			return exitStatus.failed;
		}
		stdout.line(dryRun ? 'Nothing prevents it.' : 'Everything exists.');
		return exitStatus.done;
	},
});
