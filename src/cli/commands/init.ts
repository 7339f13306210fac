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

export const init = defineCommand({
	name: 'init',
	summary: 'make logins, a key, prisma.config.ts and .env',
	description: `Makes what a service needs to begin: prisma.config.ts, an encryption key, logins of its own (prisma/grants/logins.sql),
and an .env file with their variables, which its owner alone may read. What is there stays as it is, so it can be run
again; it prints no secret unless it is asked to.`,
	options: {
		migrate: { help: "Run the migrations too, by the service's own Prisma." },
		prefix: textOption(
			{
				value: 'NAME',
				help: 'What the logins are called: NAME_tenant, NAME_service, NAME_loading. Default: destinations.',
			},
			(prefix) => /^[a-z_][a-z0-9_]{0,40}$/.test(prefix),
			'have 1 to 41 small letters, digits and underscores, and not begin with a digit',
		),
		file: textOption(
			{ value: 'FILE', help: 'Where the variables are written. Default: .env.', isFile: true },
			(file) => file !== '',
			'name a file',
		),
		'show-secrets': {
			help: 'Print the variables that were added, with their values, for a secret store.',
		},
		'dry-run': { help: 'Say what would be made, and make nothing.' },
	},
	environment: {
		DATABASE_URL:
			'The login that owns the tables and may make logins. Without it there are no logins.',
	},
	statuses:
		'0 if all is there, 1 if something is left to do, which it says, 2 if it could not begin.',
	examples: `# In the folder of a new service, on a database that is there
DATABASE_URL="$MIGRATOR_URL" consent-destinations init --migrate

# Then, with the service's own logins
set -a; . ./.env; set +a
consent-destinations doctor`,
	async run(options, { stdout, environment, folder = process.cwd() }) {
		const { file = '.env', prefix = 'destinations', migrate } = options;
		const dryRun = options['dry-run'];
		const { steps, added } = await setUp({
			folder,
			envFile: file,
			prefix,
			connectionString: optionalUrl(environment, 'DATABASE_URL'),
			hasKeys: Boolean(environment.DESTINATIONS_ENCRYPTION_KEYS),
			migrate,
			dryRun,
		});
		if (dryRun) stdout.line('Nothing was made: this is what would be.');
		for (const { outcome, message } of steps) stdout.line('  ', marks[outcome], message);
		if (added.size > 0) {
			stdout.line(
				`Keep ${file} out of version control. A key that is lost takes the settings with it.`,
			);
		}
		if (options['show-secrets'] && !dryRun) stdout.lines(linesOf(added).trimEnd());
		const left = steps.filter(({ outcome }) => outcome === 'left').length;
		if (left > 0) {
			stdout.line(
				`What is marked "left" is still to do: ${left} of ${steps.length}. Then run init again.`,
			);
			return exitStatus.failed;
		}
		stdout.line(dryRun ? 'Nothing is in its way.' : 'All is there.');
		return exitStatus.done;
	},
});
