import { ConfigurationError, type DestinationsClient } from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { grantScript } from '../support/grant-script.ts';
import { Deployment, newName, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';

let deployment: Deployment;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	const db = deployment.open();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

/** Runs prisma/grants/logins.sql as psql does; gives the URLs of a client's two logins that it creates. */
async function runLoginsScript(): Promise<{ tenantUrl: string; serviceUrl: string }> {
	const values: Record<string, string> = {
		tenant_login: newName(),
		tenant_password: newName(),
		service_login: newName(),
		service_password: newName(),
		loader_login: newName(),
		loader_password: newName(),
	};
	const { tenant_login = '', service_login = '', loader_login = '' } = values;
	deployment.dropLater(tenant_login, service_login, loader_login);
	await deployment.admin.query(await grantScript('logins.sql', values));
	const url = (login = '', password = '') => withLogin(deployment.superuserUrl, login, password);
	return {
		tenantUrl: url(values.tenant_login, values.tenant_password),
		serviceUrl: url(values.service_login, values.service_password),
	};
}

const whoAmI = async (client: ReturnType<DestinationsClient['asService']>) => {
	const [row] = await client.prisma.$queryRaw<{ login: string; role: string }[]>`
		SELECT session_user::text AS login, current_user::text AS role`;
	return row;
};

describe('with the two logins of the script', () => {
	let db: DestinationsClient;
	let tenantLogin: string;
	let serviceLogin: string;

	beforeAll(async () => {
		const { tenantUrl, serviceUrl } = await runLoginsScript();
		tenantLogin = new URL(tenantUrl).username;
		serviceLogin = new URL(serviceUrl).username;
		db = deployment.open({ connectionString: tenantUrl, serviceConnectionString: serviceUrl });
	});

	test('both are found fit at the start', async () => {
		await db.connect();
	});

	test('tenants use the first and the service the second, whatever runs', async () => {
		const tenant = db.forOrganization(a.id);
		const service = db.asService();
		for (let round = 0; round < 5; round += 1) {
			const seen = await Promise.all([
				whoAmI(tenant),
				whoAmI(service),
				tenant.transaction(async (tx) => whoAmI({ ...tenant, ...tx })),
				service.transaction(async (tx) => whoAmI({ ...service, ...tx })),
			]);
			const first = { login: tenantLogin, role: 'authenticated' };
			const second = { login: serviceLogin, role: 'service_role' };
			expect(seen).toEqual([first, second, first, second]);
		}
	});

	test('they do their work', async () => {
		const organizationId = await deployment.newOrganization();
		const tenant = db.forOrganization(organizationId);
		const made = await tenant.destinations.create({
			organizationId,
			type: 'posthog',
			name: 'EU project',
			settings: { apiKey: 'phc_example' },
		});
		await tenant.destinations.softDelete(made.id);
		await db.asService().destinations.restore(made.id);
		expect(await tenant.destinations.findById(made.id)).toMatchObject({ name: 'EU project' });
	});

	const becomings = [
		'SET ROLE service_role',
		'SET LOCAL ROLE service_role',
		"SELECT set_config('role', 'service_role', true)",
		'DO $$ BEGIN RESET ROLE; SET ROLE service_role; END $$',
		"DO $$ BEGIN PERFORM set_config('role', 'service_role', false); END $$",
	];
	test.each(becomings)("a tenant's connection cannot become the service: %s", async (sql) => {
		const tenant = db.forOrganization(a.id);
		expect(await refusal(tenant.prisma.$executeRawUnsafe(sql))).toBe('P2010 42501');
		const inside = tenant.transaction(async ({ prisma }) => prisma.$executeRawUnsafe(sql));
		expect(await refusal(inside)).toBe('P2010 42501');
	});

	test('without their roles they have no rights', async () => {
		const { tenantUrl, serviceUrl } = await runLoginsScript();
		for (const url of [tenantUrl, serviceUrl]) {
			const plain = await deployment.connect(url);
			expect(await refusal(plain.query('SELECT FROM destinations'))).toBe('42501');
			expect(await refusal(plain.query('SELECT FROM organizations'))).toBe('42501');
		}
	});

	test("the service's login cannot become a tenant by mistake", async () => {
		const { serviceUrl } = await runLoginsScript();
		const swapped = deployment.open({ connectionString: serviceUrl });
		await expect(swapped.connect()).rejects.toThrow(ConfigurationError);
	});
});

describe('a login that lacks a role', () => {
	const missing = 'The database login may not switch to the role';

	test('is told at connect(), with what to do', async () => {
		const db = deployment.open({ connectionString: await deployment.newLogin('service_role') });
		await expect(db.connect()).rejects.toThrow(`${missing} authenticated`);
		await expect(db.connect()).rejects.toThrow(/GRANT authenticated TO/);
		await expect(db.connect()).rejects.toThrow(ConfigurationError);
	});

	test('of the service, too', async () => {
		const tenantUrl = await deployment.newLogin('authenticated');
		const single = deployment.open({ connectionString: tenantUrl });
		await expect(single.connect()).rejects.toThrow(`${missing} service_role`);
		const double = deployment.open({ serviceConnectionString: tenantUrl });
		await expect(double.connect()).rejects.toThrow(`${missing} service_role`);
	});

	test('is told at the first statement, of any kind', async () => {
		const db = deployment.open({ connectionString: await deployment.newLogin() });
		const { prisma, destinations, transaction } = db.forOrganization(a.id);
		for (const statement of [
			() => prisma.destination.findMany(),
			() => prisma.destination.findUnique({ where: { id: a.own.id } }),
			() => prisma.destination.updateMany({ data: { enabled: false } }),
			() => prisma.$queryRaw`SELECT 1`,
			() => prisma.$transaction([prisma.destination.findMany()]),
			() => destinations.findById(a.own.id),
			() => destinations.findByType('posthog'),
			() => transaction(async (tx) => tx.destinations.findByType('posthog')),
		]) {
			await expect(statement()).rejects.toThrow(ConfigurationError);
		}
	});

	test('works for the role that it has', async () => {
		const db = deployment.open({ connectionString: await deployment.newLogin('authenticated') });
		expect(await db.forOrganization(a.id).destinations.findById(a.own.id)).toEqual(a.own);
		await expect(db.asService().destinations.findById(a.own.id)).rejects.toThrow(
			ConfigurationError,
		);
	});

	test('anonymous ones included', async () => {
		const url = await deployment.newLogin();
		await deployment.rows(`GRANT anon TO ${new URL(url).username}`);
		const db = deployment.open({ connectionString: url });
		await expect(db.forOrganization(a.id).destinations.findById(a.own.id)).rejects.toThrow(
			ConfigurationError,
		);
	});
});

describe('a tenant is held to its rows', () => {
	const foreign = () => `SELECT id::text FROM destinations WHERE organization_id = '${b.id}'`;

	test('on the login of the owner, who without a scope sees nothing either', async () => {
		const url = await deployment.newLogin('authenticated');
		const owner = new URL(url).username;
		const [before] = await deployment.rows<{ owner: string }>(
			`SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'destinations'`,
		);
		await deployment.rows(`GRANT CREATE, USAGE ON SCHEMA public TO ${owner}`);
		await deployment.rows(`ALTER TABLE destinations OWNER TO ${owner}`);
		try {
			const { prisma } = deployment.open({ connectionString: url }).forOrganization(a.id);
			expect(await prisma.destination.findMany()).toEqual([a.own]);
			expect(await prisma.$queryRawUnsafe(foreign())).toEqual([]);
			const plain = await deployment.connect(url);
			expect((await plain.query('SELECT FROM destinations')).rowCount).toBe(0);
		} finally {
			await deployment.rows(`ALTER TABLE destinations OWNER TO ${before?.owner}`);
			await deployment.rows(`REVOKE ALL ON SCHEMA public FROM ${owner}`);
		}
	});

	test('on the login of a superuser, who without a scope sees everything', async () => {
		const db = deployment.open({ connectionString: deployment.superuserUrl });
		const { prisma } = db.forOrganization(a.id);
		expect(await prisma.destination.findMany()).toEqual([a.own]);
		expect(await prisma.$queryRawUnsafe(foreign())).toEqual([]);
		const rows = await prisma.$transaction(async (tx) => {
			await tx.$executeRaw`RESET ROLE`;
			await tx.$executeRaw`SET SESSION AUTHORIZATION DEFAULT`;
			await tx.$executeRaw`SET row_security = off`.catch(() => {});
			await tx.$executeRaw`SET row_security = on`;
			return tx.$queryRawUnsafe(foreign());
		});
		expect(rows).toEqual([]);
	});

	test('as anon sees nothing, though the claims name its organization', async () => {
		const login = new URL(deployment.url).username;
		await deployment.rows(`GRANT anon TO ${login}`);
		const seen = a.client.prisma.$executeRaw`DO $$ BEGIN
			SET LOCAL ROLE anon; PERFORM FROM public.destinations; END $$`;
		await expect(seen).rejects.toThrow(/permission denied for table destinations/);
		await deployment.rows(`REVOKE anon FROM ${login}`);
	});
});
