import { execFile, spawn } from 'node:child_process';
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	realpathSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { createEmptyDatabase } from '../support/database.ts';

const root = path.resolve(__dirname, '../..');
const engineDirectory = path.join(root, 'prisma/engine');
const engine = path.join(engineDirectory, 'schema-engine.mjs');
const cli = path.join(root, 'node_modules/prisma/build/index.js');

const model = `model Widget {
  id   Int    @id @default(autoincrement())
  name String
}`;
const table = `CREATE TABLE "Widget" (
	"id" SERIAL NOT NULL, "name" TEXT NOT NULL, CONSTRAINT "Widget_pkey" PRIMARY KEY ("id")
);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'twice; %', n; RETURN n * 2; END; $$;
DO $$ BEGIN RAISE WARNING 'told;'; PERFORM twice(1); END; $$;`;
const init = '20240101000000_init';

const temporary: string[] = [];
const databases: { drop(): Promise<void> }[] = [];

afterAll(async () => {
	for (const directory of temporary) rmSync(directory, { recursive: true });
	// The last first: one of them is dropped from the one before.
	for (const database of databases.reverse()) await database.drop();
});

function temporaryDirectory(): string {
	const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'schema-engine-')));
	temporary.push(directory);
	return directory;
}

/** A project with a schema and these migrations. */
function createProject(migrations: Record<string, string>, models = model): string {
	const directory = temporaryDirectory();
	writeFileSync(
		path.join(directory, 'prisma.config.mjs'),
		`export default {
			schema: 'schema.prisma',
			migrations: { path: 'migrations' },
			datasource: { url: process.env.DATABASE_URL },
		};`,
	);
	const provider = 'provider = "postgresql"\n';
	writeFileSync(
		path.join(directory, 'schema.prisma'),
		`datasource db {\n${provider}}\n${models}\n`,
	);
	mkdirSync(path.join(directory, 'migrations'));
	writeFileSync(path.join(directory, 'migrations/migration_lock.toml'), provider);
	for (const [name, sql] of Object.entries(migrations)) addMigration(directory, name, sql);
	return directory;
}

function addMigration(project: string, name: string, sql: string): void {
	const directory = path.join(project, 'migrations', name);
	mkdirSync(directory, { recursive: true });
	writeFileSync(path.join(directory, 'migration.sql'), sql);
}

async function emptyDatabase(): Promise<string> {
	const database = await createEmptyDatabase();
	databases.push(database);
	return database.connectionString;
}

function edit(url: string, change: (url: URL) => void): string {
	const edited = new URL(url);
	change(edited);
	return edited.href;
}

async function query(url: string, sql: string): Promise<unknown[]> {
	const client = new Client({ connectionString: url });
	await client.connect();
	try {
		return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
	} finally {
		await client.end();
	}
}

interface Run {
	readonly code: number;
	readonly output: string;
}

function run(file: string, args: string[], cwd: string, url: string, input = ''): Promise<Run> {
	const env = {
		...process.env,
		DATABASE_URL: url,
		PRISMA_SCHEMA_ENGINE_BINARY: engine,
		CHECKPOINT_DISABLE: '1',
	};
	return new Promise((resolve) => {
		const child = execFile(process.execPath, [file, ...args], { cwd, env }, (error, out, err) => {
			resolve({ code: error === null ? 0 : Number(error.code), output: out + err });
		});
		child.stdin?.end(input);
	});
}

const prisma = (project: string, url: string, command: string, input?: string): Promise<Run> =>
	run(cli, command.split(' '), project, url, input);

/** What the CLI does before it starts on the migrations. */
const canConnect = (url: string): Promise<Run> =>
	run(
		engine,
		['--datasource', JSON.stringify({ url }), 'cli', 'can-connect-to-database'],
		root,
		'',
	);

/** The engine itself, asked to apply a migration as `migrate deploy` does. */
function startEngine(url: string, sql: string) {
	const child = spawn(engine, ['--datasource', JSON.stringify({ url })]);
	const content = { tag: 'ok', value: sql };
	const migrationsList = {
		baseDir: '/migrations',
		lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"' },
		shadowDbInitScript: '',
		migrationDirectories: [{ path: init, migrationFile: { path: 'migration.sql', content } }],
	};
	const filters = { externalTables: [], externalEnums: [] };
	const params = { migrationsList, filters };
	const request = { jsonrpc: '2.0', id: 7, method: 'applyMigrations', params };
	child.stdin.write(`${JSON.stringify(request)}\n`);
	const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
	return { child, exited };
}

test('applies migrations once, in the schema of the URL', async () => {
	const project = createProject({ [init]: table });
	const url = edit(await emptyDatabase(), (it) => it.searchParams.set('schema', 'the app'));

	const first = await prisma(project, url, 'migrate deploy');
	expect(first).toEqual({ code: 0, output: expect.stringContaining('successfully applied') });
	expect(await query(url, 'SELECT "the app".twice(4)')).toEqual([8]);

	const [again, status] = await Promise.all([
		prisma(project, url, 'migrate deploy'),
		prisma(project, url, 'migrate status'),
	]);
	expect(again).toEqual({ code: 0, output: expect.stringContaining('No pending migrations') });
	expect(status).toEqual({ code: 0, output: expect.stringContaining('schema is up to date') });
});

test('stops at a failed migration until it is resolved', async () => {
	const broken = '20240102000000_broken';
	const sql = 'CREATE TABLE half ();\n\nCREATE TABEL rest ();';
	const project = createProject({ [init]: table, [broken]: sql });
	const url = await emptyDatabase();

	const failed = await prisma(project, url, 'migrate deploy');
	expect(failed.code).toBe(1);
	for (const part of [
		'P3018',
		`Migration name: ${broken}`,
		'code: 42601',
		'syntax error',
		'line 3',
	]) {
		expect(failed.output).toContain(part);
	}
	expect(await query(url, "SELECT to_regclass('half')")).toEqual([null]);
	const next = await prisma(project, url, 'migrate deploy');
	expect(next).toEqual({ code: 1, output: expect.stringContaining('P3009') });

	const rolledBack = await prisma(project, url, `migrate resolve --rolled-back ${broken}`);
	expect(rolledBack).toEqual({ code: 0, output: expect.stringContaining('as rolled back') });
	const applied = await prisma(project, url, `migrate resolve --applied ${broken}`);
	expect(applied).toEqual({ code: 0, output: expect.stringContaining('as applied') });
	const unresolved = `SELECT migration_name FROM _prisma_migrations
		WHERE finished_at IS NULL AND rolled_back_at IS NULL`;
	expect(await query(url, unresolved)).toEqual([]);
});

test('says why it does not get at the database, without the password', async () => {
	const project = createProject({ [init]: table });
	const url = await emptyDatabase();
	await query(url, 'CREATE TABLE theirs ()');
	const secret = 'hu#sh/hu?sh';
	const wrong = edit(url, (it) => {
		it.password = encodeURIComponent(secret);
	});
	const refused = edit(wrong, (it) => {
		it.port = '1';
	});
	const encrypted = edit(url, (it) => it.searchParams.set('sslmode', 'require'));
	const runs = await Promise.all([
		prisma(project, url, 'migrate deploy'),
		prisma(project, refused, 'migrate deploy'),
		canConnect(wrong.replace(encodeURIComponent(secret), secret)),
		canConnect(encrypted),
		canConnect(edit(url, (it) => it.searchParams.set('sslmode', 'prefer'))),
	]);
	for (const [index, code] of ['P3005', 'P1001', 'P1013', 'P1011'].entries()) {
		expect(runs[index]).toEqual({ code: 1, output: expect.stringContaining(code) });
	}
	expect(runs[4]?.code).toBe(0);
	for (const { output } of runs) {
		expect(output).not.toContain('sh/hu');
		expect(output).not.toContain(encodeURIComponent(secret));
	}
});

test('creates a database that is missing', async () => {
	const project = createProject({ [init]: table });
	const existing = await emptyDatabase();
	const name = `${new URL(existing).pathname.slice(1)}_New`;
	databases.push({
		drop: async () => void (await query(existing, `DROP DATABASE IF EXISTS "${name}"`)),
	});
	const url = edit(existing, (it) => {
		it.pathname = name;
	});

	expect(await canConnect(url)).toEqual({ code: 1, output: expect.stringContaining('P1003') });
	const deploy = await prisma(project, url, 'migrate deploy');
	expect(deploy.code).toBe(0);
	expect(deploy.output).toContain(`database ${name} created`);
	expect(await query(url, 'SELECT count(*)::int FROM "Widget"')).toEqual([0]);
});

test('twenty deploys at once apply a migration once', async () => {
	const url = await emptyDatabase();
	const answers = await Promise.all(
		Array.from({ length: 20 }, async () => {
			const { child, exited } = startEngine(url, table);
			for await (const line of child.stdout) {
				child.stdin.end();
				expect(await exited).toBe(0);
				return JSON.parse(String(line));
			}
		}),
	);
	const applied = answers.map((answer) => answer.result?.appliedMigrationNames);
	expect(applied.filter((names) => names?.length === 0)).toHaveLength(19);
	expect(applied).toContainEqual([init]);
});

test('compares migrations, schema and database', async () => {
	const project = createProject({ [init]: table });
	const url = await emptyDatabase();
	const run = (command: string, at = url) => prisma(project, at, `migrate diff ${command}`);
	const runs = await Promise.all([
		run('--from-migrations migrations --to-schema schema.prisma --exit-code'),
		run('--from-config-datasource --to-schema schema.prisma --script --exit-code'),
		// Nothing listens there: this one does without a database.
		run('--from-empty --to-schema schema.prisma --script', 'postgresql://localhost:1/none'),
	]);
	expect(runs[0]).toEqual({ code: 0, output: expect.stringContaining('No difference detected') });
	expect(runs[1]).toEqual({ code: 2, output: expect.stringContaining('CREATE TABLE "Widget"') });
	expect(runs[2]).toEqual({ code: 0, output: expect.stringContaining('CREATE TABLE "Widget"') });
});

test('writes the next migration, and leaves no shadow database behind', async () => {
	const next = `${model.replace('}', '  kind Kind?\n}')}\nenum Kind {\n  A\n}`;
	const project = createProject({ [init]: table }, next);
	const url = await emptyDatabase();
	const dev = await prisma(project, url, 'migrate dev --create-only --name kind');
	expect(dev).toEqual({ code: 0, output: expect.stringContaining('without applying it') });
	const name = readdirSync(path.join(project, 'migrations')).find((it) => it.endsWith('_kind'));
	const file = path.join(project, 'migrations', String(name), 'migration.sql');
	expect(readFileSync(file, 'utf8')).toContain('ADD COLUMN     "kind" "Kind"');
	const shadows = "SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_shadow_db%'";
	expect(await query(url, shadows)).toEqual([]);
});

test('executes a script whole', async () => {
	const url = await emptyDatabase();
	const run = await prisma(createProject({}), url, 'db execute --stdin', table);
	expect(run).toEqual({ code: 0, output: expect.stringContaining('Script executed successfully') });
	expect(await query(url, 'SELECT twice(2)')).toEqual([4]);
});

test('once the CLI is gone, it is gone, and its migration rolled back', async () => {
	const url = await emptyDatabase();
	const { child, exited } = startEngine(url, 'CREATE TABLE slow (); SELECT pg_sleep(60);');
	const running = `SELECT count(*)::int FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'CREATE TABLE slow%'`;
	const count = async () => (await query(url, running))[0];
	while ((await count()) !== 1) await delay(100);
	child.stdin.end();
	expect(await exited).toBe(0);
	while ((await count()) !== 0) await delay(100);
	expect(await query(url, "SELECT to_regclass('slow')")).toEqual([null]);
});

test('is found, unless another engine is there', async () => {
	const directory = temporaryDirectory();
	// As it is installed, but without the packages it takes.
	const copy = path.join(directory, 'prisma/engine');
	cpSync(engineDirectory, copy, { recursive: true });
	cpSync(path.join(root, 'package.json'), path.join(directory, 'package.json'));
	const put = (file: string, content = '') => {
		mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
		writeFileSync(path.join(directory, file), content);
	};
	const remove = (file: string) => rmSync(path.join(directory, file));
	const locate = (environment: Record<string, string> = {}) => {
		const file = pathToFileURL(path.join(copy, 'locate.mjs')).href;
		const script = `import { schemaEnginePath } from ${JSON.stringify(file)};
			process.stdout.write(String(schemaEnginePath()));`;
		const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
			cwd: directory,
			env: { PATH: String(process.env.PATH), XDG_CACHE_HOME: directory, ...environment },
		});
		return text(child.stdout);
	};

	expect(await locate()).toBe('undefined');
	const args = ['--datasource', '{"url":"postgresql://h/x"}', 'cli', 'can-connect-to-database'];
	const { output } = await run(path.join(copy, 'schema-engine.mjs'), args, directory, '');
	expect(output).toMatch(/needs the package pg: run npm install --save-dev --save-exact pg@\^8/);

	put('node_modules/@prisma/schema-engine-wasm/schema_engine_bg.js');
	cpSync(
		path.join(root, 'node_modules/@prisma/schema-engine-wasm/package.json'),
		path.join(directory, 'node_modules/@prisma/schema-engine-wasm/package.json'),
	);
	put('node_modules/prisma/package.json', '{}');
	put('node_modules/@prisma/engines/package.json', '{}');
	put('node_modules/@prisma/engines-version/index.js', 'exports.enginesVersion = "abc";');
	expect(await locate()).toBe(path.join(copy, 'schema-engine.mjs'));
	expect(await locate({ PRISMA_SCHEMA_ENGINE_BINARY: '/theirs' })).toBe('/theirs');

	put('node_modules/@prisma/engines/schema-engine-debian');
	expect(await locate()).toBe('undefined');
	remove('node_modules/@prisma/engines/schema-engine-debian');
	put('prisma/master/abc/debian/schema-engine');
	expect(await locate()).toBe(path.join(copy, 'schema-engine.mjs'));
	put('prisma/master/abc/debian/schema-engine.sha256');
	expect(await locate()).toBe('undefined');
});
