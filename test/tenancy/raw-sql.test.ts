import { contextName } from '../../src/database/scope-steps.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { codesOf, refusal } from './refusal.ts';
import {
	expectClean,
	openSingle,
	type Session,
	type SingleConnection,
} from './single-connection.ts';

// A login that may switch to every role, on one connection, so that what one scope's raw SQL leaves behind
// is what the next one meets.

let deployment: Deployment;
let single: SingleConnection;
let a: Tenant;
let b: Tenant;
let untouched: Session;

beforeAll(async () => {
	deployment = await Deployment.open();
	single = openSingle(deployment);
	a = await deployment.newTenant(single.db);
	b = await deployment.newTenant(single.db);
	untouched = await single.rest();
	// Leaves no prepared statements, so that every test begins alike.
	await expectClean(single, untouched, [a, b]);
});

afterAll(() => deployment.close());

afterEach(() => expectClean(single, untouched, [a, b]));

test('a session at rest has no role, no claims and no rights', async () => {
	expect(untouched).toMatchObject({
		role: 'none',
		claims: '',
		claim: '',
		temp_tables: 0,
		prepared: 0,
		cursors: 0,
		advisory_locks: 0,
		channels: 0,
	});
	expect(untouched.current_user).toBe(new URL(deployment.url).username);
});

const forged = () =>
	JSON.stringify({ role: 'service_role', organization_id: b.id, sub: b.actorId });

/** Statements that Postgres runs, and that change something of the session. */
const lasting: [string, (() => string)?][] = [
	['RESET ROLE'],
	['SET ROLE NONE'],
	['SET ROLE service_role'],
	['SET SESSION ROLE service_role'],
	['SET LOCAL ROLE service_role'],
	['SET SESSION AUTHORIZATION DEFAULT'],
	['RESET SESSION AUTHORIZATION'],
	["SELECT set_config('role', 'service_role', false)"],
	['SET request.jwt.claims', () => `SET request.jwt.claims = '${forged()}'`],
	['SET LOCAL request.jwt.claims', () => `SET LOCAL request.jwt.claims = '${forged()}'`],
	['SET request.jwt.claim', () => `SET request.jwt.claim = '${forged()}'`],
	[
		'set_config of the claims',
		() => `SELECT set_config('request.jwt.claims', '${forged()}', false)`,
	],
	['RESET request.jwt.claims'],
	['RESET ALL'],
	[
		'DO, as another role',
		() => `DO $$ BEGIN SET ROLE service_role; SET request.jwt.claims = '${forged()}'; END $$`,
	],
	['SET search_path = pg_temp, public'],
	["SET search_path = ''"],
	["SET TIME ZONE 'Asia/Tokyo'"],
	['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
	["SET client_encoding = 'LATIN1'"],
	['SET statement_timeout = 60000'],
	['SET plan_cache_mode = force_generic_plan'],
	['CREATE TEMP TABLE destinations AS SELECT 1 AS id'],
	['CREATE TEMP TABLE organizations (id uuid) ON COMMIT PRESERVE ROWS'],
	['CREATE TEMP VIEW destinations AS SELECT 1 AS id'],
	['CREATE FUNCTION pg_temp.destinations_claim(text) RETURNS uuid LANGUAGE sql RETURN null::uuid'],
	[`PREPARE ${contextName} AS SELECT 1`],
	['DEALLOCATE ALL'],
	['DISCARD PLANS'],
	['DISCARD SEQUENCES'],
	['LISTEN tenants'],
	["NOTIFY tenants, 'hello'"],
	['SELECT pg_advisory_lock(1)::text'],
	['SELECT pg_advisory_lock_shared(2)::text'],
	['DECLARE rows CURSOR WITH HOLD FOR SELECT id FROM destinations'],
	['COPY (SELECT id FROM destinations) TO STDOUT'],
	['SAVEPOINT mine'],
	['BEGIN'],
	['begin'],
	['START TRANSACTION'],
	['COMMIT AND CHAIN'],
	['ROLLBACK AND CHAIN'],
	[''],
	['-- nothing'],
];

describe.each(lasting)('%s', (name, make = () => name) => {
	test('alone ends with its statement', async () => {
		// Some of them only run in a transaction.
		await a.client.prisma.$executeRawUnsafe(make()).catch((error: unknown) => {
			expect(codesOf(error)).toMatch(/^P2010 (25P01|34000)$/);
		});
	});

	test('in a transaction changes no statement after it', async () => {
		const seen = await a.client.prisma.$transaction(async (transaction) => {
			await transaction.$executeRawUnsafe(make());
			return {
				rows: await transaction.destination.findMany(),
				foreign: await transaction.destination.updateMany({
					where: { organizationId: b.id },
					data: { name: 'Smuggled' },
				}),
				session: await transaction.$queryRaw`SELECT current_user::text AS user,
					current_setting('request.jwt.claims')::jsonb ->> 'organization_id' AS organization`,
			};
		});
		expect(seen).toEqual({
			rows: [a.own],
			foreign: { count: 0 },
			session: [{ user: 'authenticated', organization: a.id }],
		});
	});

	test('in a transaction that is rolled back changes nothing either', async () => {
		const failed = a.client.transaction(async ({ prisma }) => {
			await prisma.$executeRawUnsafe(make());
			throw new Error('rolled back');
		});
		await expect(failed).rejects.toThrow('rolled back');
	});
});

describe('refused by Postgres', () => {
	const refused: [string, string][] = [
		['SET SESSION AUTHORIZATION postgres', '42501'],
		['SET ROLE postgres', '42501'],
		['SET ROLE pg_read_all_data', '42501'],
		['TRUNCATE destinations', '42501'],
		['TRUNCATE public.organizations CASCADE', '42501'],
		['DELETE FROM destinations', '42501'],
		['DROP TABLE destinations', '42501'],
		['ALTER TABLE destinations DISABLE ROW LEVEL SECURITY', '42501'],
		['DROP POLICY destinations_organization_isolation ON destinations', '42501'],
		['CREATE POLICY everything ON destinations USING (true)', '42501'],
		['ALTER TABLE destinations DISABLE TRIGGER ALL', '42501'],
		["SET session_replication_role = 'replica'", '42501'],
		['GRANT service_role TO CURRENT_USER', '42501'],
		["ALTER ROLE SESSION_USER PASSWORD 'mine'", '42501'],
		["ALTER ROLE SESSION_USER SET search_path = 'mine'", '42501'],
		['CREATE TABLE public.destinations_copy AS TABLE destinations', '42501'],
		['CREATE SCHEMA mine', '42501'],
		["COPY destinations TO '/tmp/destinations'", '42501'],
		["COPY destinations TO PROGRAM 'cat'", '42501'],
		["COPY destinations FROM PROGRAM 'cat'", '42501'],
		['COPY destinations FROM STDIN', '0A000'],
		["SELECT pg_read_file('/etc/passwd')", '42501'],
		["SELECT lo_import('/etc/passwd')", '42501'],
		['SELECT * FROM pg_authid', '42501'],
		['SELECT * FROM pg_statistic', '42501'],
		['SELECT pg_reload_conf()', '42501'],
		["LOAD 'auto_explain'", '42501'],
		['CREATE EXTENSION dblink', '42501'],
		['SELECT 1; SELECT 2', '42601'],
		[`COMMIT; SET ROLE service_role; SELECT 1`, '42601'],
		['DISCARD ALL', '25001'],
		['VACUUM destinations', '25001'],
		['ALTER SYSTEM SET row_security = off', '25001'],
		['SELEC 1', '42601'],
		['SELECT 1 / 0', '22012'],
	];

	test.each(refused)('alone: %s', async (sql, code) => {
		expect(await refusal(a.client.prisma.$executeRawUnsafe(sql))).toBe(`P2010 ${code}`);
	});

	test.each(refused)('in a transaction: %s', async (sql, code) => {
		const failed = a.client.transaction(async ({ prisma }) => prisma.$executeRawUnsafe(sql));
		expect(await refusal(failed)).toBe(`P2010 ${code}`);
	});

	test.each(['', ' IN SHARE MODE', ' IN EXCLUSIVE MODE NOWAIT'])('LOCK TABLE%s', async (mode) => {
		const sql = `LOCK TABLE destinations${mode}`;
		// Before PostgreSQL 18 it asks for a transaction first.
		expect(await refusal(a.client.prisma.$executeRawUnsafe(sql))).toMatch(/ (42501|25P01)$/);
		const inside = a.client.transaction(async ({ prisma }) => prisma.$executeRawUnsafe(sql));
		expect(await refusal(inside)).toBe('P2010 42501');
	});

	test('an anonymous block that commits, and so ends its scope, has no rights left', async () => {
		const block = 'DO $$ BEGIN COMMIT; PERFORM FROM public.destinations; END $$';
		// Before PostgreSQL 18 it may commit, and then it is the login.
		expect(await refusal(a.client.prisma.$executeRawUnsafe(block))).toMatch(/ (2D000|42501)$/);
		const inside = a.client.transaction(async ({ prisma }) => prisma.$executeRawUnsafe(block));
		expect(await refusal(inside)).toBe('P2010 2D000');
	});

	test('COPY FROM STDIN, for which no data would ever come', async () => {
		const failed = a.client.transaction(async ({ prisma }) => {
			await prisma.$executeRaw`CREATE TEMP TABLE mine (id uuid)`;
			await prisma.$executeRaw`COPY mine FROM STDIN`;
		});
		expect(await refusal(failed)).toBe('P2010 57014');
	});
});
