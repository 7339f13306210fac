import { diagnose } from '../../src/doctor/diagnose.ts';
import { readCatalog } from '../catalog/catalog.ts';
import { HostDatabase, migrate } from '../database/migrations.ts';
import { grantScript } from '../support/grant-script.ts';
import { expectComplaints } from './examined.ts';

let host: HostDatabase;

beforeEach(async () => {
	host = await HostDatabase.open(`
		CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
		CREATE TABLE users (email text PRIMARY KEY, id uuid NOT NULL UNIQUE);
		CREATE SCHEMA auth;
		CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT '{}'::jsonb $$`);
	await migrate(host.client);
});
afterEach(() => host.close());

const complaints = async ({ connectionString } = host) => {
	const sections = await diagnose({ connectionString });
	return sections
		.filter(({ name }) => name === 'schema' || name === 'platform tables')
		.flatMap(({ findings }) => findings)
		.filter(({ severity }) => severity !== 'ok');
};

const runScript = async ({ client } = host) =>
	client.query(await grantScript('platform-tables.sql'));

test("the platform's own tables and schema auth are not compared, missing grants name the script", async () => {
	const found = await complaints();
	expectComplaints(
		found,
		['warning', /^service_role and authenticated may not read public.organizations\(id\)/],
		['warning', /^service_role and authenticated may not read public.users\(id\)/],
	);
	for (const { fix } of found) expect(fix).toContain('prisma/grants/platform-tables.sql');
});

test('the script without row level security leaves tenants out, with it all is well', async () => {
	await runScript();
	expectComplaints(
		await complaints(),
		['warning', /^authenticated may not read public.organizations/],
		['warning', /^authenticated may not read public.users/],
	);
	await host.client.query(
		'ALTER TABLE organizations ENABLE ROW LEVEL SECURITY; ALTER TABLE users ENABLE ROW LEVEL SECURITY',
	);
	await runScript();
	expect(await complaints()).toEqual([]);
});

test('ids that tenants may read without row level security', async () => {
	await host.client.query('GRANT SELECT ON organizations, users TO authenticated, service_role');
	const found = await complaints();
	expectComplaints(
		found,
		['warning', /^Tenants may read the ids of everybody in public.organizations/],
		['warning', /^Tenants may read the ids of everybody in public.users/],
	);
	for (const { sql } of found) await host.client.query(sql ?? '');
	expectComplaints(
		await complaints(),
		['warning', /^No policy of public.organizations shows tenants a row/],
		['warning', /^No policy of public.users shows tenants a row/],
	);
	await runScript();
	expect(await complaints()).toEqual([]);
});

test('the script leaves tables that the migrations made as they are, whichever of the two', async () => {
	const made: Record<string, string> = {
		both: '',
		users:
			'CREATE TABLE organizations (id uuid PRIMARY KEY); ALTER TABLE organizations ENABLE ROW LEVEL SECURITY',
		organizations:
			'CREATE TABLE users (id uuid PRIMARY KEY); ALTER TABLE users ENABLE ROW LEVEL SECURITY',
	};
	for (const [what, setup] of Object.entries(made)) {
		const other = await HostDatabase.open(setup);
		try {
			await migrate(other.client);
			const of = async () =>
				(await readCatalog(other.connectionString)).filter((line) =>
					/ public\.(organizations|users)\b/.test(line),
				);
			const before = await of();
			await runScript(other);
			if (what === 'both') expect(await of()).toEqual(before);
			expect([what, await complaints(other)]).toEqual([what, []]);
		} finally {
			await other.close();
		}
	}
});

test('tables that the migrations made are compared', async () => {
	const other = await HostDatabase.open();
	try {
		await migrate(other.client);
		await other.client.query('DROP POLICY users_tenant_isolation ON users');
		const sections = await diagnose({ connectionString: other.connectionString });
		const schema = sections.find(({ name }) => name === 'schema')?.findings;
		expect(schema?.filter(({ severity }) => severity !== 'ok')).toEqual([
			expect.objectContaining({
				message: 'policy users_tenant_isolation of public.users is missing',
			}),
		]);
	} finally {
		await other.close();
	}
});
