import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { grantScript } from '../support/grant-script.ts';
import { refusal, Session } from './session.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

const DENIED = '42501';

describe('the logins', () => {
	const suffix = randomUUID().replaceAll('-', '');
	const [tenantLogin, serviceLogin] = [`tenant_${suffix}`, `service_${suffix}`];
	const loaderLogin = `loader_${suffix}`;
	let tenant: Client;
	let service: Client;
	let loader: Client;

	beforeAll(async () => {
		await session.client.query(
			await grantScript('logins.sql', {
				tenant_login: tenantLogin,
				tenant_password: `t'${suffix}`,
				service_login: serviceLogin,
				service_password: `s"${suffix}`,
				loader_login: loaderLogin,
				loader_password: `l'"${suffix}`,
			}),
		);
		tenant = await session.connect(loginUrl(tenantLogin, `t'${suffix}`));
		service = await session.connect(loginUrl(serviceLogin, `s"${suffix}`));
		loader = await session.connect(loginUrl(loaderLogin, `l'"${suffix}`));
	});

	afterAll(() => session.client.query(`DROP ROLE ${tenantLogin}, ${serviceLogin}, ${loaderLogin}`));

	function loginUrl(login: string, password: string): string {
		const url = new URL(session.connectionString);
		url.username = login;
		url.password = encodeURIComponent(password);
		return url.href;
	}

	test('have no rights of their own', async () => {
		for (const login of [tenant, service, loader]) {
			for (const table of ['destinations', 'organizations', 'users']) {
				expect((await refusal(login.query(`SELECT FROM ${table}`))).code).toBe(DENIED);
			}
		}
		const { rows } = await session.client.query(
			`SELECT DISTINCT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
			 FROM pg_roles WHERE rolname IN ($1, $2, $3)`,
			[tenantLogin, serviceLogin, loaderLogin],
		);
		expect(rows.flatMap(Object.values)).toEqual(Array(6).fill(false));
	});

	test('become their role and no other', async () => {
		const tries: [Client, string, boolean][] = [
			[tenant, 'authenticated', true],
			[tenant, 'service_role', false],
			[tenant, 'anon', false],
			[tenant, 'postgres', false],
			[service, 'service_role', true],
			[tenant, 'destinations_loader', false],
			[service, 'authenticated', false],
			[service, 'destinations_loader', false],
			[loader, 'destinations_loader', true],
			[loader, 'authenticated', false],
			[loader, 'service_role', false],
			[loader, 'anon', false],
			[loader, 'postgres', false],
		];
		for (const [login, role, allowed] of tries) {
			const attempt = login.query(`SET ROLE ${role}; RESET ROLE`);
			if (allowed) await attempt;
			else expect((await refusal(attempt)).code).toMatch(/42501|22023/);
		}
	});

	test('reach service_role from a tenant by no way back', async () => {
		const row = await session.newDestination();
		await session.newDestination();
		await tenant.query('BEGIN; SET LOCAL ROLE authenticated');
		await tenant.query(`SELECT set_config('request.jwt.claims', $1, true)`, [
			JSON.stringify({ organization_id: row.organization_id }),
		]);
		expect((await tenant.query('SELECT id FROM destinations')).rows).toEqual([{ id: row.id }]);
		await tenant.query('RESET ROLE; SAVEPOINT here');
		for (const sql of ['SELECT FROM destinations', 'SET ROLE service_role']) {
			expect((await refusal(tenant.query(sql))).code).toBe(DENIED);
			await tenant.query('ROLLBACK TO here');
		}
		await tenant.query('ROLLBACK');
	});

	test('can be left as the only ones that call set_config', async () => {
		const row = await session.newDestination();
		const other = await session.newDestination();
		const claims = (id: string) => `'{"organization_id": "${id}"}'`;
		await session.client.query(`
			REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
			GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO ${tenantLogin}`);
		const enter = {
			name: 'enter',
			text: `SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)`,
			values: [JSON.stringify({ organization_id: row.organization_id })],
		};
		for (let round = 0; round < 7; round++) {
			await tenant.query('BEGIN');
			await tenant.query(enter);
			await tenant.query('SAVEPOINT here');
			const switched = `SELECT id FROM destinations, set_config('request.jwt.claims', ${claims(other.organization_id)}, true)`;
			expect((await refusal(tenant.query(switched))).code).toBe(DENIED);
			await tenant.query('ROLLBACK TO here');
			expect((await tenant.query('SELECT id FROM destinations')).rows).toEqual([{ id: row.id }]);
			await tenant.query('COMMIT');
		}
		await session.client.query(
			`REVOKE ALL ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM ${tenantLogin};
			 GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC`,
		);
	});
});

describe('the script for tables that the platform had', () => {
	/** A database whose organizations and users look as if the platform had made them. */
	async function platform(work: (database: Session) => Promise<void>): Promise<void> {
		const database = await Session.open();
		try {
			await database.client.query(`
				ALTER TABLE organizations ADD COLUMN plan text DEFAULT 'free';
				COMMENT ON TABLE organizations IS NULL;
				COMMENT ON TABLE users IS NULL;
				DROP POLICY organizations_tenant_isolation ON organizations;
				DROP POLICY organizations_service_access ON organizations;
				DROP POLICY users_tenant_isolation ON users;
				DROP POLICY users_service_access ON users;
				ALTER TABLE organizations DISABLE ROW LEVEL SECURITY;
				ALTER TABLE users DISABLE ROW LEVEL SECURITY;
				REVOKE ALL ON organizations, users FROM authenticated, service_role`);
			await work(database);
		} finally {
			await database.close();
		}
	}

	test('gives a service the ids, and tenants nothing while nothing isolates them', () =>
		platform(async (database) => {
			const organizationId = await database.newOrganization();
			await database.client.query(await grantScript('platform-tables.sql'));
			const seen = await database.asService(() => database.rows('SELECT id FROM organizations'));
			expect(seen).toEqual([{ id: organizationId }]);
			const plans = database.asService(() => database.rows('SELECT plan FROM organizations'));
			expect((await refusal(plans)).code).toBe(DENIED);
			const read = database.asTenant(organizationId, () =>
				database.rows('SELECT id FROM organizations'),
			);
			expect((await refusal(read)).code).toBe(DENIED);
		}));

	test('gives tenants their own organization and user where row level security is on, also the second time', () =>
		platform(async (database) => {
			await database.client.query(`
				ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
				ALTER TABLE users ENABLE ROW LEVEL SECURITY`);
			const [organizationId, userId] = [await database.newOrganization(), await database.newUser()];
			await database.newOrganization();
			await database.newUser();
			for (let run = 0; run < 2; run++) {
				await database.client.query(await grantScript('platform-tables.sql'));
			}
			const read = async () => [
				await database.rows('SELECT id FROM organizations'),
				await database.rows('SELECT id FROM users'),
			];
			expect(await database.asTenant(organizationId, read, userId)).toEqual([
				[{ id: organizationId }],
				[{ id: userId }],
			]);
			expect((await database.asService(read)).map((rows) => rows.length)).toEqual([2, 2]);
		}));
});
