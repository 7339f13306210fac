import { linesOf } from '../../setup/env-file.ts';
import { setUp } from '../../setup/set-up.ts';
import { type Command, readOptions, UsageError } from '../command.ts';
import { exitStatus } from '../terminal.ts';

const help = `Makes what a service needs to begin: prisma.config.ts, an encryption key, logins of its own (prisma/grants/logins.sql),
and an .env file with their variables, which its owner alone may read. What is there stays as it is, so it can be run
again; it prints no secret unless it is asked to.

Usage: consent-destinations init [options]

Options:
  --migrate        Run the migrations too, by the service's own Prisma.
  --prefix NAME    What the logins are called: NAME_tenant, NAME_service, NAME_loading. Default: destinations.
  --file FILE      Where the variables go. Default: .env.
  --show-secrets   Print the variables that were added, with their values, for a secret store.
  --dry-run        Say what would be made, and make nothing.
  -h, --help       Print this.

Environment:
  DATABASE_URL  The login that owns the tables and may make logins. Without it there are no logins.

Exit status: 0 if all is there, 1 if something is left to do, which it says, 2 if it could not begin.

Examples:
  # In the folder of a new service, on a database that is there
  DATABASE_URL="$MIGRATOR_URL" consent-destinations init --migrate

  # Then, with the service's own logins
  set -a; . ./.env; set +a
  consent-destinations doctor`;

const marks = { made: '✓ made', kept: '· kept', left: '! left' } as const;

export const init: Command = {
	name: 'init',
	summary: 'make logins, a key, prisma.config.ts and .env',
	help,
	async run(args, { stdout, environment, folder = process.cwd() }) {
		const options = readOptions(args, {
			migrate: { type: 'boolean', default: false },
			prefix: { type: 'string', default: 'destinations' },
			file: { type: 'string', default: '.env' },
			'show-secrets': { type: 'boolean', default: false },
			'dry-run': { type: 'boolean', default: false },
		});
		if (!/^[a-z_][a-z0-9_]{0,40}$/.test(options.prefix)) {
			throw new UsageError('--prefix must have 1 to 41 small letters, digits and underscores.');
		}
		const { steps, added } = await setUp({
			folder,
			envFile: options.file,
			prefix: options.prefix,
			connectionString: environment.DATABASE_URL || undefined,
			hasKeys: Boolean(environment.DESTINATIONS_ENCRYPTION_KEYS),
			migrate: options.migrate,
			dryRun: options['dry-run'],
		});
		if (options['dry-run']) stdout.line('Nothing was made: this is what would be.');
		for (const { outcome, message } of steps)
			stdout.line(`  ${marks[outcome].padEnd(8)}${message}`);
		if (added.size > 0) {
			stdout.line(
				`Keep ${options.file} out of version control. A key that is lost takes the settings with it.`,
			);
		}
		if (options['show-secrets'] && !options['dry-run']) stdout.lines(linesOf(added).trimEnd());
		return steps.some(({ outcome }) => outcome === 'left') ? exitStatus.failed : exitStatus.done;
	},
};
