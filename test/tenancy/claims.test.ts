import { randomUUID } from 'node:crypto';
import { ConfigurationError, type DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';

// Raw SQL may set the claims within its own statement: SECURITY.md says so, and how to keep it from it.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = await deployment.openWithTwoLogins();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

/** The organizations whose rows one statement sees under claims that it sets for itself. */
async function seenUnder(setting: string, claims: string): Promise<string[]> {
	return a.client.transaction(async ({ prisma }) => {
		await prisma.$executeRawUnsafe(`DO $$ BEGIN
			PERFORM set_config('request.jwt.claims', '', true);
			PERFORM set_config('${setting}', '${claims.replaceAll("'", "''")}', true);
			CREATE TEMP TABLE seen AS SELECT DISTINCT organization_id FROM public.destinations;
		END $$`);
		const rows = await prisma.$queryRaw<{ id: string }[]>`
			SELECT organization_id::text AS id FROM pg_temp.seen`;
		return rows.map(({ id }) => id);
	});
}

const json = (organization: unknown) => JSON.stringify({ organization_id: organization });

const worthless: [string, (id: string) => string][] = [
	['empty', () => ''],
	['blank', () => '   '],
	['no JSON', () => 'organization_id'],
	['cut short', (id) => json(id).slice(0, -1)],
	['a text', (id) => JSON.stringify(id)],
	['null', () => 'null'],
	['a number', () => '1'],
	['a list', (id) => `[${json(id)}]`],
	['without the organization', (id) => JSON.stringify({ sub: id, role: 'authenticated' })],
	['of another case', (id) => JSON.stringify({ Organization_Id: id, organizationId: id })],
	...['user_metadata', 'raw_app_meta_data', 'claims'].map(
		(part): [string, (id: string) => string] => [
			`one level down, in ${part}`,
			(id) => JSON.stringify({ [part]: { organization_id: id } }),
		],
	),
	[
		'two levels down',
		(id) => JSON.stringify({ app_metadata: { app_metadata: JSON.parse(json(id)) } }),
	],
	['in a text of app_metadata', (id) => JSON.stringify({ app_metadata: json(id) })],
	[
		'in a list of app_metadata',
		(id) => JSON.stringify({ app_metadata: [{ organization_id: id }] }),
	],
	['with null', () => json(null)],
	['with an empty text', () => json('')],
	['with true', () => json(true)],
	['with a list', (id) => json([id])],
	['with an object', (id) => json({ id })],
	['with two ids', (id) => json(`${id},${id}`)],
	['with a wildcard', () => json('%')],
	['with SQL', (id) => json(`${id}' OR true --`)],
	['with a NUL', (id) => `{"organization_id": "${id}\\u0000"}`],
	['that are very deep', () => `{"organization_id": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
];

describe('claims that name no organization let nothing through', () => {
	test.each(worthless)('claims %s', async (_, make) => {
		expect(await seenUnder('request.jwt.claims', make(a.id))).toEqual([]);
		expect(await seenUnder('request.jwt.claim', make(a.id))).toEqual([]);
	});
});

test('a key that stands twice means the last one, and never both', async () => {
	const twice = (first: string, second: string) =>
		`{"organization_id": "${first}", "organization_id": "${second}"}`;
	expect(await seenUnder('request.jwt.claims', twice(b.id, a.id))).toEqual([a.id]);
	expect(await seenUnder('request.jwt.claims', twice(a.id, b.id))).toEqual([b.id]);
	expect(await seenUnder('request.jwt.claims', twice(a.id, 'x'))).toEqual([]);
	expect(await seenUnder('request.jwt.claims', twice(a.id, randomUUID()))).toEqual([]);
});

test('app_metadata names the organization, unless the claims themselves do', async () => {
	const claims = (own: object) =>
		JSON.stringify({ ...own, app_metadata: { organization_id: b.id } });
	expect(await seenUnder('request.jwt.claims', claims({}))).toEqual([b.id]);
	expect(await seenUnder('request.jwt.claims', claims({ organization_id: a.id }))).toEqual([a.id]);
	expect(await seenUnder('request.jwt.claims', claims({ organization_id: 'x' }))).toEqual([]);
});

test('claims of another role give no rights', async () => {
	const claims = JSON.stringify({ role: 'service_role', organization_id: a.id });
	expect(await seenUnder('request.jwt.claims', claims)).toEqual([a.id]);
});

test('claims are data, whatever the ids of a scope look like', async () => {
	const [row] = await a.client.prisma.$queryRaw<{ claims: object }[]>`
		SELECT current_setting('request.jwt.claims')::jsonb AS claims`;
	expect(row?.claims).toEqual({
		role: 'authenticated',
		organization_id: a.id,
		sub: a.actorId,
	});
	const [service] = await db.asService({ actorId: a.actorId }).prisma.$queryRaw<object[]>`
		SELECT current_setting('request.jwt.claims')::jsonb AS claims`;
	expect(service).toEqual({ claims: { role: 'service_role', sub: a.actorId } });
});

/** SQL that sets the claims of B and reads, all in one statement. */
const forgeries: Record<string, () => string> = {
	'set_config before the rows are read': () =>
		`WITH forged AS MATERIALIZED (
			SELECT set_config('request.jwt.claims', '${json(b.id)}', true) AS claims)
		 SELECT (SELECT count(*)::int FROM destinations WHERE claims IS NOT NULL) AS rows FROM forged`,
	'an UPDATE of pg_settings': () =>
		`UPDATE pg_settings SET setting = '${json(b.id)}' WHERE name = 'search_path'`,
	'an anonymous block': () => `DO $$ BEGIN
		SET LOCAL request.jwt.claims = '${json(b.id)}';
		UPDATE public.destinations SET description = 'Forged'; END $$`,
	'an anonymous block that resets the role': () => `DO $$ BEGIN
		RESET ROLE; SET ROLE authenticated;
		SET LOCAL request.jwt.claims = '${json(b.id)}';
		UPDATE public.destinations SET description = 'Forged'; END $$`,
	'an anonymous block that changes the login itself': () =>
		`DO $$ BEGIN RESET ROLE; ALTER ROLE CURRENT_USER SET application_name = 'taken over'; END $$`,
	'a function with a setting of its own': () =>
		`CREATE FUNCTION pg_temp.forge() RETURNS bigint LANGUAGE sql
			SET request.jwt.claims = '${json(b.id)}' AS 'SELECT count(*) FROM public.destinations'`,
	'a function with a body of SQL': () =>
		`CREATE FUNCTION pg_temp.forge_again() RETURNS bigint LANGUAGE sql
			SET request.jwt.claims = '${json(b.id)}'
			BEGIN ATOMIC SELECT count(*) FROM public.destinations; END`,
};

test('without measures, SQL that sets the claims in its own statement acts as it likes', async () => {
	const { prisma } = a.client;
	const [{ rows } = { rows: 0 }] = await prisma.$queryRawUnsafe<{ rows: number }[]>(
		forgeries['set_config before the rows are read']?.() ?? '',
	);
	expect(rows).toBe(2);
	expect(
		await prisma.$queryRaw`SELECT id FROM destinations WHERE organization_id = ${b.id}::uuid`,
	).toEqual([]);
	await prisma.$executeRawUnsafe(forgeries['an anonymous block']?.() ?? '');
	expect(await b.client.destinations.findById(b.own.id)).toMatchObject({ description: 'Forged' });
	await prisma.$executeRawUnsafe(
		forgeries['an anonymous block that changes the login itself']?.() ?? '',
	);
	expect(
		await deployment.rows(
			`SELECT FROM pg_db_role_setting WHERE setconfig = ARRAY['application_name=taken over']`,
		),
	).toHaveLength(1);
});

describe('with prisma/grants/hardening.sql', () => {
	let hardened: Deployment;
	let client: DestinationsClient;
	let tenant: Tenant;

	beforeAll(async () => {
		hardened = await Deployment.open();
		const connectionString = await hardened.newLogin('authenticated');
		const serviceConnectionString = await hardened.newLogin('service_role');
		await hardened.harden(connectionString, serviceConnectionString);
		client = hardened.open({ connectionString, serviceConnectionString });
		await client.connect();
		tenant = await hardened.newTenant(client);
	});

	afterAll(() => hardened.close());

	test.each(Object.entries(forgeries))('it is refused: %s', async (_, forge) => {
		const { prisma, transaction } = tenant.client;
		expect(await refusal(prisma.$executeRawUnsafe(forge()))).toBe('P2010 42501');
		const inside = transaction(async (tx) => tx.prisma.$executeRawUnsafe(forge()));
		expect(await refusal(inside)).toBe('P2010 42501');
	});

	test('a SET of its own ends with its statement', async () => {
		const { id } = await hardened.newTenant(client);
		const rows = await tenant.client.prisma.$transaction(async (tx) => {
			await tx.$executeRawUnsafe(`SET request.jwt.claims = '${json(id)}'`);
			return tx.$queryRaw`SELECT id::text FROM destinations WHERE deleted_at IS NULL`;
		});
		expect(rows).toEqual([{ id: tenant.own.id }]);
	});

	test('a login without set_config is told so', async () => {
		const db = hardened.open();
		await expect(db.connect()).rejects.toThrow(ConfigurationError);
		await expect(db.connect()).rejects.toThrow(/permission denied for function set_config/);
	});
});
