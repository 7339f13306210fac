import { Client } from 'pg';
import {
	ConfigurationError,
	createDestinationsClient,
	type DestinationsClient,
	EnvelopeKeyProvider,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { run } from '../cli/command-line.ts';
import { HostDatabase } from '../database/migrations.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { metaPixel, posthog } from '../support/destinations.ts';
import { grantScript } from '../support/grant-script.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';

// The whole life of a service on a database that prisma/grants/hardening.sql was run on. What it refuses beside this, to
// whoever would forge claims, is in claims.test.ts.

let deployment: Deployment;
let tenantUrl: string;
let serviceUrl: string;
let keys: string;
let db: DestinationsClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	tenantUrl = await deployment.newLogin('authenticated');
	serviceUrl = await deployment.newLogin('service_role');
	keys = `old:${newKey()}`;
	await deployment.rows(`GRANT CREATE ON SCHEMA public TO PUBLIC`);
	for (const _ of ['once', 'and again']) await deployment.harden(tenantUrl, serviceUrl);
	db = deployment.open({ connectionString: tenantUrl, serviceConnectionString: serviceUrl, keys });
	await db.connect();
	a = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

describe('what a service does works', () => {
	test('an organization creates, changes, tests, deletes and looks back', async () => {
		const organizationId = await deployment.newOrganization();
		const actorId = await deployment.newUser();
		const { audit, destinations } = db.forOrganization(organizationId, { actorId });
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'Renamed', settings: { apiKey: 'phc_second' } });
		await destinations.patchSettings(id, { enableClientSide: false });
		expect((await destinations.history(id)).items).toHaveLength(3);
		await destinations.revert(id, 1);
		await destinations.softDelete(id);
		expect(await destinations.findByOrganization(organizationId)).toEqual([]);
		const console = await destinations.create({
			organizationId,
			type: 'console',
			name: 'Console',
			settings: {},
		});
		expect(await destinations.testConnection(console.id)).toBe(true);
		expect((await audit.list()).items.length).toBeGreaterThan(5);
		const lines: string[] = [];
		for await (const line of audit.export()) lines.push(line);
		expect(lines.length).toBeGreaterThan(5);
	});

	test('it takes part in a transaction of the service, by any library that may run a block', async () => {
		const organizationId = await deployment.newOrganization();
		const client = new Client({ connectionString: tenantUrl });
		await client.connect();
		try {
			const query = (text: string, values: string[]) => client.query(text, values);
			for (const transaction of [client, { query }]) {
				await client.query('BEGIN');
				const { destinations } = db.forOrganization(organizationId, { transaction });
				if (transaction !== client) {
					await expect(destinations.count()).rejects.toThrow(ConfigurationError);
					await client.query('ROLLBACK');
					await deployment.rows(
						`GRANT USAGE ON LANGUAGE plpgsql TO "${new URL(tenantUrl).username}"`,
					);
					await client.query('BEGIN');
				}
				const { id } = await destinations.create(posthog(organizationId));
				await destinations.update(id, { name: 'Renamed' });
				expect((await destinations.list()).items).toHaveLength(1);
				await client.query('ROLLBACK');
				await deployment.rows(
					`REVOKE USAGE ON LANGUAGE plpgsql FROM "${new URL(tenantUrl).username}"`,
				);
			}
		} finally {
			await client.end();
		}
	});

	test('the service restores, purges and prunes', async () => {
		const organizationId = await deployment.newOrganization();
		const { destinations } = db.asService();
		const ids: string[] = [];
		for (const input of [posthog(organizationId), metaPixel(organizationId)]) {
			const { id } = await destinations.create(input);
			await destinations.update(id, {
				name: 'x',
				settings: { ...input.settings, host: undefined },
			});
			await destinations.softDelete(id);
			ids.push(id);
		}
		const [one = '', other = ''] = ids;
		await destinations.restore(one);
		await destinations.purge(other);
		await destinations.softDelete(one);
		await destinations.pruneSettingsHistory({ keep: 0 });
		expect(await destinations.purgeDeleted({ olderThan: new Date(2100, 0) })).toBeGreaterThan(0);
	});

	test('transactions, nested writes, batches and raw SQL of a scope', async () => {
		const { prisma, transaction } = a.client;
		await transaction(async (tx) => {
			await tx.prisma.destination.findMany({ include: { organization: true } });
			await tx.destinations.update(a.own.id, { name: 'In a transaction' });
			await tx.prisma
				.$executeRaw`UPDATE destinations SET description = 'x' WHERE id = ${a.own.id}::uuid`;
		});
		await prisma.organization.findMany({ include: { destinations: true } });
		const read = prisma.destination.findMany({ where: { name: { contains: 'a' } } });
		expect(await prisma.$transaction([read])).toHaveLength(1);
		expect(await prisma.$queryRaw`SELECT count(*)::int FROM destinations`).toEqual([{ count: 1 }]);
		await prisma.$executeRaw`SET statement_timeout = 1000`;
		expect(await prisma.destination.count()).toBe(1);
	});

	test('keys are rotated and settings verified', async () => {
		const ring = `new:${newKey()},${keys}`;
		const connection = { connectionString: serviceUrl };
		expect(await rotateKeys({ ...connection, keys: ring })).toMatchObject({ failed: 0 });
		expect(await verifySettings({ ...connection, keys: ring })).toMatchObject({ failed: 0 });
		const back = `${keys},${ring.slice(0, ring.indexOf(','))}`;
		await rotateKeys({ ...connection, keys: back });
	});

	test('a key management service wraps the keys of organizations', async () => {
		const provider = new EnvelopeKeyProvider({
			wrap: async (key) => key,
			unwrap: async (key) => key,
			cacheSeconds: 60,
			connectionString: tenantUrl,
		});
		await using wrapped = createDestinationsClient({ connectionString: tenantUrl, keys: provider });
		const id = await deployment.newOrganization();
		const made = await wrapped.forOrganization(id).destinations.create(posthog(id));
		expect(made.settings).toMatchObject({ apiKey: posthog(id).settings.apiKey });
		await provider.close();
	});

	test('doctor recognises it', async () => {
		const environment = {
			DATABASE_URL: tenantUrl,
			DATABASE_SERVICE_URL: serviceUrl,
			DESTINATIONS_ENCRYPTION_KEYS: keys,
		};
		const { stdout } = await run(['doctor', '--json'], { environment });
		const findings = stdout
			.trim()
			.split('\n')
			.map((line) => JSON.parse(line));
		expect(findings).toContainEqual({
			event: 'finding',
			section: 'roles',
			severity: 'ok',
			message: 'Hardened, as prisma/grants/hardening.sql does',
		});
		expect(findings.filter(({ severity }) => severity === 'failure')).toEqual([]);
	});
});

describe.each(['tenant', 'service'] as const)('SQL of the %s', (who) => {
	const inventions = [
		'CREATE DOMAIN pg_temp.uuid AS pg_catalog.uuid',
		'CREATE TYPE pg_temp.uuid AS (value text)',
		'CREATE TEMPORARY TABLE destinations (id uuid)',
		'CREATE TABLE pg_temp.destinations AS SELECT 1 AS id',
		'CREATE TEMPORARY VIEW destinations AS SELECT 1 AS id',
		'CREATE TEMPORARY SEQUENCE counter',
		'SELECT 1 AS id INTO TEMPORARY destinations',
		'CREATE TABLE public.more (id uuid)',
		'CREATE DOMAIN public.uuid AS pg_catalog.uuid',
		'CREATE SCHEMA elsewhere',
		`CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		'CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql RETURN 1',
		`CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'`,
		`CREATE PROCEDURE public.f() LANGUAGE sql AS 'SELECT 1'`,
		`DO $$ BEGIN RESET ROLE; END $$`,
		`DO LANGUAGE plpgsql $$ BEGIN END $$`,
		`SELECT set_config('request.jwt.claims', '{}', true)`,
		`SELECT pg_catalog.set_config('role', 'none', false)`,
		`UPDATE pg_settings SET setting = 'x' WHERE name = 'search_path'`,
		'CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = texteq)',
		'CREATE CAST (text AS uuid) WITH INOUT AS IMPLICIT',
		`CREATE AGGREGATE public.f(integer) (SFUNC = int4pl, STYPE = integer)`,
		'CREATE EXTENSION citext',
	];

	test.each(inventions)('can make or set nothing for others to meet: %s', async (sql) => {
		const { prisma } = who === 'tenant' ? a.client : db.asService();
		expect(await refusal(prisma.$executeRawUnsafe(sql))).toMatch(/^P2010 (42501|3F000)$/);
	});
});

test('the script fails for a login that cannot revoke all of it, and an owner who is no superuser migrates on, and dumps', async () => {
	const host = await HostDatabase.open();
	try {
		const owner = await host.migratedByOwner();
		const logins = {
			tenant_login: 'authenticated',
			service_login: 'service_role',
			loader_login: 'destinations_loader',
		};
		const script = await grantScript('hardening.sql', logins);
		const rights = async () =>
			(
				await host.client.query(`SELECT nspacl, proacl, lanacl, datacl FROM pg_namespace, pg_proc, pg_language, pg_database
					WHERE nspname = 'public' AND proname = 'set_config' AND lanname = 'plpgsql' AND datname = current_database()`)
			).rows;
		const before = await rights();
		for (const login of [owner, 'authenticated']) {
			await host.as(login, async () => {
				await expect(host.client.query(script)).rejects.toMatchObject({
					code: '42501',
					message: expect.stringMatching(
						/^Nothing was hardened: this login could not revoke .*set_config/,
					),
				});
			});
		}
		expect(await rights()).toEqual(before);
		await host.client.query(script);
		await host.as(owner, async () => {
			// As a later migration may, and as pg_dump begins.
			await host.client.query(`DO $$ BEGIN PERFORM 1; END $$;
				CREATE FUNCTION public.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
				DROP FUNCTION public.later();
				SELECT pg_catalog.set_config('search_path', '', false)`);
		});
	} finally {
		await host.close();
	}
});
