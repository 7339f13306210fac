import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient, withDatabase, withLogin } from '../../src/testing/databases.ts';
import { startTestDatabase } from '../../src/testing/index.ts';
import type { TestDatabase } from '../../src/testing/test-database.ts';
import { codeBlocks } from '../docs/markdown.ts';
import { run } from './command.ts';
import { root } from './made-once.ts';
import { Service } from './service.ts';

/** A server of its own: the logins that the quick start makes are the whole server's. */
let database: TestDatabase;
/** Of the login that the guide asks for, which owns the database and can create roles, and is not a superuser. */
let migratorUrl: string;
let adminUrl: string;
let service: Service;
let blocks: { language: string; code: string }[];
const running: ChildProcess[] = [];

beforeAll(async () => {
	database = await startTestDatabase({ source: 'embedded' });
	await withClient(database.connectionString, async (client) => {
		await client.query(`CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'm'`);
		// As whoever creates these roles gets them, which are the tests' here.
		await client.query(
			'GRANT authenticated, service_role, destinations_loader TO migrator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE',
		);
		await client.query('CREATE DATABASE empty OWNER migrator');
		// Logins of the tests, which a server of a service does not have: doctor would warn of them.
		await client.query(`DO $$
			DECLARE login name;
			BEGIN
				FOR login IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'destinations\\_test\\_%' LOOP
					EXECUTE format('REVOKE authenticated, service_role, destinations_loader FROM %I', login);
				END LOOP;
			END $$`);
	});
	adminUrl = withDatabase(database.connectionString, 'empty');
	migratorUrl = withLogin(adminUrl, 'migrator', 'm');
	service = await Service.create({ type: 'module' });
	await rm(join(service.folder, 'prisma.config.ts'));
	const text = await readFile(join(root, 'docs/guides/service.md'), 'utf8');
	const quickStart = text.slice(0, text.indexOf('\n## Errors'));
	blocks = codeBlocks({ path: 'docs/guides/service.md', text: quickStart });
});

afterAll(async () => {
	for (const child of running) child.kill();
	await service?.remove();
	await database?.stop();
});

/** Types lines into one shell, as somebody does who follows the guide. What npm installs is there already. */
function type(lines: string, environment: Record<string, string> = {}) {
	const script = `
		set -e
		npm() { :; }
		npx() { command="$1"; shift; node_modules/.bin/"$command" "$@"; }
		${lines}`;
	return run(['bash', '-c', script], { cwd: service.folder, environment });
}

function blockWith(text: string): string {
	const block = blocks.find(({ code }) => code.includes(text));
	if (block === undefined) throw new Error(`The quick start has no block with ${text}`);
	return block.code;
}

const env = () => readFile(join(service.folder, '.env'), 'utf8');

test('ends with a green doctor, command by command, and prints no secret', async () => {
	const lines = blockWith('init --migrate').replace('postgresql://…', migratorUrl);
	expect(lines).not.toContain('…');
	const { status, output } = await type(lines);
	if (status !== 0) throw new Error(output);
	expect(output).toMatch(/\n0 failures, 0 warnings, \d+ notes?\. No problems found\.\n$/);
	expect(output).toMatch(/All \d+ migrations have run/);
	for (const made of ['prisma.config.ts', 'the migrations', 'destinations_tenant', '.env']) {
		expect(output).toContain(made);
	}
	const text = await env();
	const secrets = [...text.matchAll(/:([0-9a-f]{48,64})\b/g)].map(([, secret = '']) => secret);
	expect(secrets).toHaveLength(4);
	expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
	expect((await stat(join(service.folder, '.env'))).mode & 0o777).toBe(0o600);
	expect(await readFile(join(service.folder, 'prisma.config.ts'), 'utf8')).toBe(
		`export { default } from '@consent-io/destinations/prisma-config';\n`,
	);
});

test('the passwords never reached the server: it was given what it stores of them', async () => {
	const { rows } = await withClient(adminUrl, (client) =>
		client.query<{ rolpassword: string }>(
			`SELECT rolpassword FROM pg_authid
			 WHERE rolname IN ('destinations_tenant', 'destinations_service', 'destinations_loading')`,
		),
	);
	expect(rows).toHaveLength(3);
	for (const { rolpassword } of rows) expect(rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
});

test('goes on to a first route', async () => {
	const probe = createServer().listen(0);
	await new Promise((resolve) => probe.once('listening', resolve));
	const address = probe.address();
	const port = typeof address === 'object' && address !== null ? address.port : 0;
	await new Promise((resolve) => probe.close(resolve));
	const [server] = blocks.filter(({ language }) => language === 'ts').slice(-1);
	await service.write({
		'server.ts': server?.code.replace('listen(3000)', `listen(${port})`) ?? '',
	});

	const commands = blockWith('--import tsx server.ts');
	expect(commands).toContain('psql "$DATABASE_SERVICE_URL" -c ');
	const [, serviceUrl = ''] = /DATABASE_SERVICE_URL=(\S+)/.exec(await env()) ?? [];
	const sql = [...commands.matchAll(/ -c '([^']+)'/g)].map(([, statement = '']) => statement);
	const organizationId = await withClient(serviceUrl, async (client) => {
		for (const statement of sql.slice(0, -1)) await client.query(statement);
		return (await client.query<{ id: string }>(sql.at(-1) ?? '')).rows[0]?.id;
	});
	const start = /ORGANIZATION_ID=… (node --import tsx server\.ts)/.exec(commands)?.[1] ?? 'false';
	const script = `set -a; . ./.env; set +a; exec ${start}`;
	const child = spawn('bash', ['-c', script], {
		cwd: service.folder,
		env: { ...process.env, NODE_OPTIONS: '', ORGANIZATION_ID: organizationId ?? '' },
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	running.push(child);
	let complaint = '';
	child.stderr?.on('data', (part) => {
		complaint += part;
	});
	for (;;) {
		const response = await fetch(`http://localhost:${port}`).catch(() => undefined);
		if (response !== undefined) {
			expect([response.status, await response.json()]).toEqual([200, []]);
			break;
		}
		if (child.exitCode !== null) throw new Error(complaint);
		await sleep(100);
	}
	child.kill('SIGTERM');
	const [status] = await once(child, 'exit');
	expect(status).toBe(0);
});

describe('init', () => {
	const init = (options = '', environment: Record<string, string> = {}) =>
		service.run(`consent-destinations init ${options}`.trim(), {
			environment: { DATABASE_URL: migratorUrl, ...environment },
		});

	test('run again, keeps all that is there', async () => {
		const before = await env();
		const { status, stdout } = await init('--migrate --show-secrets');
		expect(status).toBe(0);
		expect(stdout).not.toContain('✓ made');
		expect(stdout).toMatch(/kept +the migrations: none were pending\n/);
		expect(stdout).toMatch(
			/kept +the logins destinations_tenant, destinations_service, destinations_loading\n/,
		);
		expect(stdout).not.toMatch(/[0-9a-f]{48}/);
		expect(await env()).toBe(before);
	});

	test('does not migrate with a login of the service, and says which one can', async () => {
		const [, DATABASE_URL = ''] = /^DATABASE_URL=(\S+)/m.exec(await env()) ?? [];
		const { status, output } = await init('--migrate', { DATABASE_URL });
		expect([status, output]).toEqual([
			2,
			expect.stringMatching(/Set DATABASE_URL to the URL of the login that owns the database/),
		]);
	});

	test('says what it has made where it fails half way, and continues from there', async () => {
		await withClient(adminUrl, async (client) => {
			await client.query(`CREATE ROLE plain LOGIN PASSWORD 'p'`);
			await client.query('CREATE DATABASE half OWNER plain');
		});
		const half = withDatabase(adminUrl, 'half');
		const options = '--migrate --prefix half --file half.env';
		const { status, stdout, stderr } = await init(options, {
			DATABASE_URL: withLogin(half, 'plain', 'p'),
		});
		expect(status).toBe(2);
		expect(stdout).toMatch(/made +DATABASE_URL, .* in half\.env\n/);
		expect(stdout).toMatch(/made +the migrations that were pending\n/);
		expect(stdout).toMatch(/left +the logins half_tenant, half_service, half_loading: not created/);
		expect(stdout).toMatch(/ Run init again, and it continues\.\n$/);
		expect(stderr).toMatch(/^CONFIGURATION: The logins were not created: permission denied/);
		const [, unborn = ''] =
			/^DATABASE_URL=(\S+)/m.exec(await readFile(join(service.folder, 'half.env'), 'utf8')) ?? [];
		const doctor = await service.run('consent-destinations doctor', {
			environment: { DATABASE_URL: unborn },
		});
		expect(doctor.stderr).toMatch(/authentication failed.*\nfix: .*If `init` wrote the URL, /);
		const again = await init(options, { DATABASE_URL: half });
		expect([again.status, again.stdout]).toEqual([
			0,
			expect.stringMatching(/made +the logins half_tenant, half_service, half_loading\n/),
		]);
	});

	test('says so where the migrations cannot run, too', async () => {
		await withClient(adminUrl, (client) => client.query('CREATE DATABASE bare OWNER migrator'));
		const bare = await Service.create({ missing: ['prisma'] });
		try {
			const { status, stdout, stderr } = await bare.run(
				'consent-destinations init --migrate --prefix bare',
				{ environment: { DATABASE_URL: withDatabase(migratorUrl, 'bare') } },
			);
			expect([status, stderr]).toEqual([2, expect.stringContaining('There is no Prisma here')]);
			expect(stdout).toMatch(/made +DATABASE_URL, .* in \.env\n/);
			expect(stdout).toMatch(
				/left +the logins bare_tenant, bare_service, bare_loading: not created/,
			);
			expect(stdout).not.toContain('the migrations');
		} finally {
			await bare.remove();
		}
	});

	test('says of a database without migrations that its logins are not made yet', async () => {
		await withClient(adminUrl, (client) => client.query('CREATE DATABASE later OWNER migrator'));
		const later = { DATABASE_URL: withDatabase(migratorUrl, 'later') };
		for (const dryRun of [' --dry-run', '']) {
			const { status, stdout } = await init(`--prefix later --file later.env${dryRun}`, later);
			expect(status).toBe(1);
			expect(stdout).toMatch(/ in later\.env; its URLs are for logins that do not exist yet\n/);
			expect(stdout).toMatch(/left +migrations and logins: run `npx prisma migrate deploy`/);
			expect(stdout).toMatch(
				/\n1 thing is left to do, marked "left" above\. Then run init again\.\n$/,
			);
		}
		const dry = await init('--prefix later --file later.env --migrate --dry-run', later);
		expect(dry.stdout).toMatch(/new +the migrations\n.*new +the logins later_tenant, /s);
		expect(dry.stdout).not.toContain('do not exist yet');
	});

	test('with a wrong password says what to do, and writes nothing', async () => {
		const wrong = withLogin(migratorUrl, 'migrator', 'wrong');
		const { status, stderr } = await init('--file wrong.env', { DATABASE_URL: wrong });
		expect(status).toBe(1);
		expect(stderr).toMatch(
			/^UNAVAILABLE: .*\nThe database says: password .*\nfix: Correct user and password in the URL;/,
		);
		await expect(stat(join(service.folder, 'wrong.env'))).rejects.toThrow('ENOENT');
	});

	test('makes the logins whose passwords are in the file, where it was killed before', async () => {
		await withClient(migratorUrl, (client) =>
			client.query('DROP ROLE destinations_service; DROP ROLE destinations_loading'),
		);
		const before = await env();
		const { status, stdout } = await init();
		expect([status, stdout]).toEqual([
			0,
			expect.stringMatching(/made +the logins destinations_service, destinations_loading\n/),
		]);
		expect(await env()).toBe(before);
		expect((await type('set -a; . ./.env; set +a; npx consent-destinations doctor')).status).toBe(
			0,
		);
	});

	test('says of a login whose password it does not know that its URL is to be added, and makes no other', async () => {
		const { status, stdout } = await init('--file other.env');
		expect(status).toBe(1);
		for (const name of ['tenant', 'service', 'loading']) {
			expect(stdout).toContain(`left  DATABASE_`);
			expect(stdout).toContain(`destinations_${name} is there`);
		}
		const made = await readFile(join(service.folder, 'other.env'), 'utf8');
		expect(made).toMatch(/^DESTINATIONS_ENCRYPTION_KEYS=[\w-]+:[0-9a-f]{64}\n$/);
	});

	test('adds to a file that is there, prints what it added if it is asked to, and closes the file to others', async () => {
		await service.write({
			'third.env': "# ours\nPORT=3000\nDESTINATIONS_ENCRYPTION_KEYS='k1:ours'",
		});
		const options = '--prefix third --file third.env';
		const dry = await init(`${options} --dry-run --show-secrets`);
		expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining('third_tenant')]);
		expect(dry.stdout).not.toMatch(/[0-9a-f]{48}/);
		const { status, stdout } = await init(`${options} --show-secrets`);
		expect(status).toBe(0);
		const text = await readFile(join(service.folder, 'third.env'), 'utf8');
		expect(text).toMatch(
			/^# ours\nPORT=3000\nDESTINATIONS_ENCRYPTION_KEYS='k1:ours'\nDATABASE_URL=postgres\S+\nDATABASE_SERVICE_URL=\S+\nDATABASE_LOADER_URL=\S+\n$/,
		);
		expect(stdout).toContain(text.split("'k1:ours'\n")[1]);
		expect(stdout).toContain('nobody else may read');
		expect((await stat(join(service.folder, 'third.env'))).mode & 0o777).toBe(0o600);
		const [, url = ''] = /DATABASE_SERVICE_URL=(\S+)/.exec(text) ?? [];
		const { rows } = await withClient(url, (client) => client.query('SELECT current_user'));
		expect(rows).toEqual([{ current_user: 'third_service' }]);
	});

	test('writes nothing where the database cannot be reached', async () => {
		const environment = { DATABASE_URL: 'postgresql://nobody:phc_secret@localhost:1/none' };
		const { status, output } = await init('--file none.env', environment);
		expect([status, output]).toEqual([1, expect.stringContaining('UNAVAILABLE')]);
		expect(output).not.toContain('phc_secret');
		await expect(stat(join(service.folder, 'none.env'))).rejects.toThrow('ENOENT');
	});

	test('stands beside the Prisma project of a service, whose configuration it leaves alone', async () => {
		const own = 'export default { schema: "own.prisma" };\n';
		const host = await Service.create({ files: { 'prisma.config.ts': own } });
		try {
			const { status, stdout } = await host.run('consent-destinations init');
			expect(status).toBe(1);
			expect(stdout).toContain('left  logins: set DATABASE_URL');
			expect(await readFile(join(host.folder, 'prisma.config.ts'), 'utf8')).toBe(own);
			expect(await readFile(join(host.folder, 'destinations.config.ts'), 'utf8')).toContain(
				'@consent-io/destinations/prisma-config',
			);
			const refused = await host.run('consent-destinations init --prefix Bad-Name');
			expect([refused.status, refused.output]).toEqual([2, expect.stringContaining('--prefix')]);
		} finally {
			await host.remove();
		}
	});
});
