import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createDestinationsClient } from '../../src/index.ts';
import {
	createDatabase,
	withClient,
	withDatabase,
	withLogin,
} from '../../src/testing/databases.ts';
import type { TestDatabase } from '../../src/testing/test-database.ts';
import { FormerDatabase } from '../adoption/former-table.ts';
import { newLogins, stateOf } from '../adoption/state.ts';
import { type Ended, run } from '../packaging/command.ts';
import { offline } from '../packaging/migrating.ts';
import { Service } from '../packaging/service.ts';
import { newKeys } from '../support/extended-client.ts';
import {
	type InstalledPostgres,
	startInstalledPostgres,
} from '../support/installed-postgres/index.ts';
import { commandsOf } from './command-lines.ts';
import { ranBy } from './who-runs.ts';

// What the guides say, word for word, in a service that has installed the package, up to the first write after it.

let postgres: InstalledPostgres | undefined;
let service: Service;
let folder: string;
/** What was typed here, by document. */
const typed = new Map<string, Set<string>>();

beforeAll(async () => {
	postgres = await startInstalledPostgres('the commands of the guides, which need psql');
	service = await Service.create({ type: 'module', environment: offline });
	folder = await mkdtemp(join(tmpdir(), 'destinations-procedures-'));
});

afterAll(async () => {
	await service?.remove();
	await postgres?.[Symbol.asyncDispose]();
	await rm(folder, { recursive: true, force: true });
});

/** Types commands of a guide into a shell, one after the other. Each has to succeed. */
async function type(
	path: string,
	beginnings: readonly string[],
	environment: Record<string, string>,
	cwd = service.folder,
	change: (line: string) => string = (line) => line,
): Promise<string[]> {
	const printed: string[] = [];
	for (const line of commandsOf(path, ...beginnings)) {
		typed.set(path, (typed.get(path) ?? new Set()).add(line));
		const { status, output } = await shell(change(line), environment, cwd);
		if (status !== 0) throw new Error(`${line} ended with ${status}:\n${output}`);
		printed.push(output);
	}
	return printed;
}

function shell(line: string, environment: Record<string, string>, cwd: string): Promise<Ended> {
	const script = `
		npx() { command="$1"; shift; "$SERVICE/node_modules/.bin/$command" "$@"; }
		${line}
		eval "\${THEN:-}"`;
	const path = `${postgres?.programs}${delimiter}${process.env.PATH}`;
	return run(['bash', '-ec', script], {
		cwd,
		environment: { ...offline, SERVICE: service.folder, PATH: path, ...environment },
	});
}

/** Another database of the server of this test, with nothing in it. */
async function emptyDatabase(database: TestDatabase, name: string): Promise<string> {
	await withClient(database.connectionString, (admin) => createDatabase(admin, name));
	return withDatabase(database.connectionString, name);
}

/** Tables that a platform has before. */
const platform = ['organizations', 'users']
	.map((name) => `CREATE TABLE ${name} (id uuid PRIMARY KEY DEFAULT gen_random_uuid())`)
	.join(';');

async function newOrganization(connectionString: string): Promise<string> {
	const { rows } = await withClient(connectionString, (client) =>
		client.query('INSERT INTO organizations DEFAULT VALUES RETURNING id'),
	);
	return rows[0].id;
}

const destinationOf = (organizationId: string) => ({
	...{ organizationId, type: 'posthog' as const, name: 'EU', environment: 'production' as const },
	settings: { apiKey: 'phc_first' },
});

test('migrate, give logins, harden, look, rotate, and seal what is in plaintext', async () => {
	if (postgres === undefined) return;
	const owner = await emptyDatabase(postgres.database, 'whole');
	await withClient(owner, (client) => client.query(platform));
	const passwords = { TENANT_PASSWORD: 't', SERVICE_PASSWORD: 's', LOADER_PASSWORD: 'l' };
	const asOwner = { MIGRATOR_URL: owner, OWNER_URL: owner, ADMIN_URL: owner, ...passwords };
	const login = (name: string, password: string) =>
		withLogin(owner, `destinations_${name}`, password);
	const logins = {
		connectionString: login('tenant', 't'),
		serviceConnectionString: login('service', 's'),
	};
	const asService = {
		DATABASE_URL: logins.connectionString,
		DATABASE_SERVICE_URL: logins.serviceConnectionString,
	};

	const [deployed] = await type('docs/guides/migrate.md', ['DATABASE_URL="$MIGRATOR_URL"'], {
		MIGRATOR_URL: owner,
	});
	expect(deployed).toContain('successfully applied');
	const grants = join(service.folder, 'node_modules/@consent-io/destinations');
	await type('docs/guides/tenancy.md', ['psql'], asOwner, grants);
	await type('docs/guides/migrate.md', ['psql "$OWNER_URL" --single'], asOwner);

	const [made] = await type('docs/guides/keys.md', ['export DESTINATIONS_ENCRYPTION_KEYS='], {
		THEN: 'printf %s "$DESTINATIONS_ENCRYPTION_KEYS"',
	});
	const [key = ''] = /:[0-9a-f]{64}$/.exec(made ?? '') ?? [];
	const old = `old${key}`;

	const [looked] = await type('docs/guides/migrate.md', ['npx consent-destinations doctor'], {
		...asService,
		DESTINATIONS_ENCRYPTION_KEYS: old,
	});
	expect(looked).toContain('0 failures');
	const organizationId = await newOrganization(owner);
	await using writing = createDestinationsClient({ ...logins, keys: old });
	const { id } = await writing
		.forOrganization(organizationId)
		.destinations.create(destinationOf(organizationId));

	const begun = await type(
		'docs/guides/operations.md',
		[
			'npx consent-destinations doctor',
			'npx consent-destinations doctor --sql',
			'npx consent-destinations verify',
		],
		{ ...asService, DESTINATIONS_ENCRYPTION_KEYS: old },
	);
	expect(begun.at(-1)).toMatch(/\bold\b/);
	const purged = await type(
		'docs/guides/operations.md',
		['npx consent-destinations purge --deleted-older-than 90d'],
		asService,
		folder,
	);
	expect(purged[0]).toContain('0 entries would be removed from the log');
	expect(purged[1]).toContain('entries were removed from the log');
	expect((await readFile(join(folder, 'audit.jsonl'), 'utf8')).trim()).toContain(id);

	const fresh = newKeys().replace(/^[^:]+/, 'new');
	const ring = { ...asService, DESTINATIONS_ENCRYPTION_KEYS: `${fresh},${old}` };
	const rotated = await type(
		'docs/guides/keys.md',
		[
			'npx consent-destinations rotate --dry-run',
			'npx consent-destinations rotate',
			'npx consent-destinations verify',
		],
		ring,
	);
	expect(rotated.at(-1)).toContain('new');
	expect(rotated.at(-1)).not.toMatch(/\bold\b/);

	await using now = createDestinationsClient({ ...logins, keys: fresh });
	const { destinations } = now.forOrganization(organizationId);
	expect((await destinations.findById(id))?.settings).toMatchObject({ apiKey: 'phc_first' });
	const other = await newOrganization(owner);
	await withClient(owner, (admin) =>
		admin.query(
			`INSERT INTO destinations (organization_id, type, name, environment, settings, settings_encrypted)
			 VALUES ($1, 'posthog', 'older', 'production', '{"apiKey": "phc_plain"}', false)`,
			[other],
		),
	);
	const sealed = await type(
		'docs/guides/keys.md',
		[
			'npx consent-destinations rotate --from-plaintext --dry-run',
			'npx consent-destinations rotate --from-plaintext',
			'npx consent-destinations verify',
		],
		{ ...asService, DESTINATIONS_ENCRYPTION_KEYS: fresh },
	);
	expect(sealed.at(-1)).toContain('all of them decrypt');
	const [plain] = await now.forOrganization(other).destinations.findByOrganization(other);
	expect(plain?.settings).toMatchObject({ apiKey: 'phc_plain' });
	await destinations.update(id, { name: 'After all of it' });
});

test('fill organizations and users from tables of other names', async () => {
	if (postgres === undefined) return;
	const { connectionString, logins } = await postgres.database.clone();
	await withClient(connectionString, (client) =>
		client.query(`CREATE TABLE public.tenants (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
			INSERT INTO public.tenants DEFAULT VALUES;
			CREATE SCHEMA IF NOT EXISTS auth; CREATE TABLE auth.users (id uuid PRIMARY KEY)`),
	);
	const url = { MIGRATOR_URL: connectionString, OWNER_URL: connectionString };
	const path = 'docs/guides/migrate.md';
	const [command = ''] = commandsOf(path, 'psql "$MIGRATOR_URL"');
	// A number is refused before anything is made; then the second key that the guide says.
	const refused = await shell(command, url, service.folder);
	expect([refused.status, refused.output]).toEqual([3, expect.stringContaining('uuid')]);
	await type(path, ['psql "$OWNER_URL" -c'], url);
	await withClient(connectionString, (client) =>
		client.query('ALTER TABLE tenants DROP COLUMN id; ALTER TABLE tenants RENAME public_id TO id'),
	);
	await type(path, ['psql "$MIGRATOR_URL"'], url);
	const { rows } = await withClient(connectionString, (client) =>
		client.query('TABLE public.tenants'),
	);
	await using db = createDestinationsClient({ ...logins, keys: newKeys() });
	const organizationId: string = rows[0].id;
	const { destinations } = db.forOrganization(organizationId);
	const { id } = await destinations.create(destinationOf(organizationId));
	expect(await destinations.findById(id)).toMatchObject({ organizationId });
});

test('give an adoption up, and adopt after all', async () => {
	if (postgres === undefined) return;
	const former = await FormerDatabase.open({ count: 30 });
	try {
		const { client, environment, keys } = former;
		const path = 'docs/guides/adopt.md';
		const before = await stateOf(client);
		await type(path, ['npx consent-destinations adopt --prepare', 'psql'], environment);
		const after = await stateOf(client);
		expect(after.whole).toEqual(before.whole);
		await client.query(`UPDATE destinations SET name = 'After it was given up'`);
		const rows = await client.query('SELECT id FROM destinations');
		const adopted = await type(
			path,
			['', ' --prepare', ' --apply'].map((option) => `npx consent-destinations adopt${option}`),
			environment,
		);
		expect(adopted.at(-1)).toContain('Adopted.');
		const [deployed] = await type(path, ['npx prisma migrate deploy'], environment);
		expect(deployed).toContain('No pending migrations');
		const logins = await newLogins(former);
		const [doctor] = await type(path, ['npx consent-destinations doctor'], {
			DATABASE_URL: logins.tenant,
			DATABASE_SERVICE_URL: logins.service,
			DESTINATIONS_ENCRYPTION_KEYS: keys,
		});
		expect(doctor).toContain('0 failures');
		const [verified] = await type(path, ['npx consent-destinations verify'], {
			DATABASE_URL: logins.service,
			DESTINATIONS_ENCRYPTION_KEYS: keys,
		});
		expect(verified).toContain('all of them decrypt');
		await using db = createDestinationsClient({
			connectionString: logins.tenant,
			serviceConnectionString: logins.service,
			keys,
		});
		const { items } = await db.asService().destinations.list({ limit: 1 });
		for (const { id, organizationId, name } of items) {
			expect(name).toBe('After it was given up');
			const { destinations } = db.forOrganization(organizationId);
			expect((await destinations.update(id, { name: 'After all' })).version).toBe(2);
		}
		expect(items).toHaveLength(1);
		expect(rows.rowCount).toBe(30);
	} finally {
		await former.close();
	}
});

test('copy the models of destinations beside those of a service', async () => {
	const project = join(folder, 'models');
	await mkdir(join(project, 'prisma/schema'), { recursive: true });
	const models = 'node_modules/@consent-io/destinations/prisma/models';
	await cp(join(service.folder, models), join(project, models), { recursive: true });
	await type('docs/guides/prisma.md', ['cp'], {}, project);
	const read = (path: string) => readFile(join(project, path), 'utf8');
	expect(await read('prisma/schema/destinations.prisma')).toBe(
		await read(`${models}/destinations.prisma`),
	);
});

test('what is said to be run here was', () => {
	if (postgres === undefined) return;
	const said = ranBy('test/docs/procedures.test.ts').map(({ path, line }) => `${path}: ${line}`);
	const ran = [...typed].flatMap(([path, lines]) => [...lines].map((line) => `${path}: ${line}`));
	expect(ran.sort()).toEqual(said.sort());
});
