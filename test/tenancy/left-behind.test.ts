import { contextName } from '../../src/database/scope-steps.ts';
import type { ScopedTransaction } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { openSingle, type Session, type SingleConnection } from './single-connection.ts';
import { liveWholeLife } from './whole-life.ts';

// Every way known by which raw SQL leaves state on a connection, then another tenant's whole life on it. What
// cleaning does not reach must not cost that tenant a single call.

let deployment: Deployment;
let a: Tenant;
let b: Tenant;
let untouched: Session;

beforeAll(async () => {
	deployment = await Deployment.open();
	const db = deployment.open();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
	untouched = await openSingle(deployment).rest();
});

afterAll(() => deployment.close());

const types = ['text', 'uuid', 'jsonb', 'bigint', 'integer', 'timestamptz', 'bool', 'varchar'];
const relations = ['destinations', 'organizations', 'destination_audit_log', 'pg_class'];

const shadows = {
	...Object.fromEntries(
		types.map((type) => [
			`a domain for ${type}`,
			[`CREATE DOMAIN pg_temp.${type} AS pg_catalog.${type}`],
		]),
	),
	...Object.fromEntries(
		relations.map((name) => [
			`a table for ${name}`,
			[`CREATE TEMP TABLE ${name} (id uuid, organization_id uuid)`],
		]),
	),
	'a type': ["CREATE TYPE pg_temp.text AS ENUM ('x')"],
	'a range': ['CREATE TYPE pg_temp.int4range AS RANGE (subtype = pg_catalog.int4)'],
	'a view': ['CREATE TEMP VIEW destination_settings_history AS SELECT 1 AS id'],
	'a sequence': [
		'CREATE TEMP SEQUENCE destination_audit_log_id_seq',
		"SELECT nextval('destination_audit_log_id_seq')",
	],
	'a table with a trigger': [
		'CREATE TEMP TABLE mine (id int) ON COMMIT DELETE ROWS',
		'CREATE FUNCTION pg_temp.react() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
		'CREATE TRIGGER react AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION pg_temp.react()',
		'INSERT INTO mine VALUES (1)',
	],
	'a function and an operator': [
		"CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql RETURN pg_catalog.timestamptz 'epoch'",
		'CREATE FUNCTION pg_temp.same(pg_catalog.uuid, pg_catalog.uuid) RETURNS bool LANGUAGE sql RETURN true',
		'CREATE OPERATOR pg_temp.= (leftarg = pg_catalog.uuid, rightarg = pg_catalog.uuid, function = pg_temp.same)',
		'SET search_path = pg_temp, pg_catalog, public',
	],
	'a cast': [
		'CREATE DOMAIN pg_temp.mine AS pg_catalog.text',
		'CREATE TYPE pg_temp.pair AS (one pg_catalog.int4, two pg_catalog.int4)',
		"CREATE FUNCTION pg_temp.told(pg_temp.pair) RETURNS pg_catalog.text LANGUAGE sql RETURN 'x'",
		'CREATE CAST (pg_temp.pair AS pg_catalog.text) WITH FUNCTION pg_temp.told(pg_temp.pair) AS IMPLICIT',
	],
	'an aggregate': [
		'CREATE AGGREGATE pg_temp.count(pg_catalog.int8) (sfunc = pg_catalog.int8pl, stype = pg_catalog.int8)',
	],
	'a collation': ['CREATE COLLATION pg_temp."C" FROM pg_catalog."POSIX"'],
	'a text search dictionary': [
		'CREATE TEXT SEARCH DICTIONARY pg_temp.simple (template = pg_catalog.simple)',
	],
} satisfies Record<string, readonly string[]>;

const session = {
	'prepared statements': [`PREPARE ${contextName} AS SELECT 1`, 'PREPARE mine AS SELECT 1'],
	'statements that are forgotten': ['DEALLOCATE ALL', 'DISCARD PLANS', 'DISCARD SEQUENCES'],
	'a cursor': ['DECLARE rows CURSOR WITH HOLD FOR SELECT 1 AS id'],
	'a channel': ['LISTEN tenants', "NOTIFY tenants, 'hello'"],
	'advisory locks': ['SELECT pg_advisory_lock(7)::text', 'SELECT pg_advisory_lock_shared(8)::text'],
	'a large object': ['SELECT lo_create(0)::text', "SELECT lo_from_bytea(0, 'x')::text"],
	'a random seed': ['SELECT setseed(0.5)::text'],
	'a role': ['SET ROLE service_role'],
	'no role': ['RESET ROLE'],
	'the login again': ['SET SESSION AUTHORIZATION DEFAULT'],
	claims: [`SET request.jwt.claims = '{"role":"service_role"}'`],
	'settings of its own': ["SET mine.own = 'x'", "SET destinations.rotation = 'on'"],
	'a setting of retention': ["SET destinations.retention = 'on'"],
	'a search path': ['SET search_path = pg_temp, pg_catalog'],
	'an empty search path': ["SET search_path = ''"],
	'a time zone': ["SET TIME ZONE 'Asia/Tokyo'"],
	'a form of dates': ["SET DateStyle = 'SQL, DMY'"],
	'forms of values': [
		"SET IntervalStyle = 'sql_standard'",
		"SET bytea_output = 'escape'",
		'SET extra_float_digits = -15',
		"SET xmlbinary = 'hex'",
		'SET array_nulls = off',
	],
	'other literals': ['SET standard_conforming_strings = off', 'SET backslash_quote = off'],
	'null that equals': ['SET transform_null_equals = on'],
	'an encoding': ["SET client_encoding = 'LATIN1'"],
	timeouts: ['SET statement_timeout = 60000', 'SET lock_timeout = 60000'],
	'a lifetime': ["SET idle_session_timeout = '1min'"],
	'read only': ['SET default_transaction_read_only = on'],
	'read only from now on': ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
	'an isolation level': ["SET default_transaction_isolation = 'serializable'"],
	'plans that are bad': [
		'SET enable_indexscan = off',
		'SET enable_seqscan = off',
		'SET plan_cache_mode = force_generic_plan',
		"SET work_mem = '64kB'",
	],
	'no row security': ['SET row_security = off'],
	'settings of the login': [
		`DO $$ BEGIN
			RESET ROLE;
			ALTER ROLE CURRENT_USER SET DateStyle = 'SQL, DMY';
			ALTER ROLE CURRENT_USER SET TimeZone = 'Asia/Tokyo';
			ALTER ROLE CURRENT_USER SET search_path = pg_temp;
			ALTER ROLE CURRENT_USER SET role = 'service_role';
		END $$`,
	],
	'a name': ["SET application_name = 'mine'", 'SET client_min_messages = debug5'],
} satisfies Record<string, readonly string[]>;

/** Refused, whatever they would leave. */
const refused = {
	'triggers switched off': ["SET session_replication_role = 'replica'"],
	'another login': ['SET SESSION AUTHORIZATION postgres'],
	'a library': ["LOAD 'auto_explain'"],
	'a type of the catalog': ['CREATE DOMAIN pg_catalog.mine AS text'],
	'everything discarded': ['DISCARD ALL'],
	'a relation that is missing': ['SELECT * FROM pg_temp.nothing'],
	'a statement that is missing': ['EXECUTE nothing'],
} satisfies Record<string, readonly string[]>;

/** Writes that fire every trigger, and so compile every function, in the transaction of the raw SQL. */
async function write({ destinations, prisma }: ScopedTransaction): Promise<void> {
	await destinations.update(a.own.id, { settings: { apiKey: 'phc_changed' } });
	await destinations.softDelete(a.own.id);
	await prisma.destination.create({
		data: { organizationId: a.id, type: 'console', name: 'Temporary', environment: 'staging' },
	});
}

class RolledBack extends Error {}

async function runEach(
	{ prisma }: Pick<ScopedTransaction, 'prisma'>,
	statements: readonly string[],
): Promise<void> {
	for (const statement of statements) await prisma.$executeRawUnsafe(statement);
}

const ways: Record<
	string,
	(single: SingleConnection, statements: readonly string[]) => Promise<unknown>
> = {
	'alone, and in a transaction that is kept': async ({ db }, statements) => {
		const scope = db.forOrganization(a.id);
		for (const statement of statements) {
			// Some only run in a transaction, and some are refused.
			await scope.prisma.$executeRawUnsafe(statement).catch(() => {});
		}
		await scope.transaction((transaction) => runEach(transaction, statements)).catch(() => {});
	},
	'in a transaction that writes too, and fails': async ({ db }, statements) => {
		await db
			.forOrganization(a.id)
			.transaction(async (scope) => {
				await runEach(scope, statements);
				await write(scope);
				throw new RolledBack();
			})
			.catch(() => {});
	},
	'in a nested transaction that fails': ({ db }, statements) =>
		db
			.forOrganization(a.id)
			.prisma.$transaction(async (outer) => {
				await outer
					.$transaction(async (inner) => {
						await runEach({ prisma: inner }, statements);
						await inner.destination.updateMany({ data: { name: 'Not saved' } });
						throw new RolledBack();
					})
					.catch(() => {});
			})
			.catch(() => {}),
	'in a block that catches its error': async ({ db }, statements) => {
		const inner = statements.map((statement) => `EXECUTE $sql$${statement}$sql$;`).join('\n');
		await db
			.forOrganization(a.id)
			.prisma.$executeRawUnsafe(
				`DO $block$ BEGIN
					${inner}
					UPDATE public.destinations SET name = 'Not saved', enabled = NOT enabled;
					RAISE EXCEPTION 'not saved';
				EXCEPTION WHEN OTHERS THEN NULL;
				END $block$`,
			)
			.catch(() => {});
	},
};

async function expectNothingLeft(
	leave: (single: SingleConnection, statements: readonly string[]) => Promise<unknown>,
	statements: readonly string[],
): Promise<void> {
	// On a new connection no function is compiled yet, so what is left behind would get into them.
	const single = openSingle(deployment);
	await leave(single, statements);
	await liveWholeLife(deployment, single.db, b);
	expect(await single.rest()).toEqual({ ...untouched, pid: expect.any(Number) });
	await single.db.close();
	await deployment.rows(`ALTER ROLE ${new URL(deployment.url).username} RESET ALL`);
}

describe.each(Object.entries(ways))('what shadows others, made %s', (_, leave) => {
	test.each(Object.entries(shadows))('%s', async (_name, statements) => {
		await expectNothingLeft(leave, statements);
	});
});

describe('what belongs to the session', () => {
	const { 'alone, and in a transaction that is kept': leave = async () => {} } = ways;

	test.each(Object.entries({ ...session, ...refused }))('%s', async (_, statements) => {
		await expectNothingLeft(leave, statements);
	});
});
