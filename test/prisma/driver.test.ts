import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlQuery } from '@prisma/driver-adapter-utils';
import { types } from 'pg';
import { runInScope } from '../../src/database/execution-context.ts';
import { serviceScope } from '../../src/database/scope.ts';
import { ScopedPool } from '../../src/database/scoped-pool.ts';
import { ScopedAdapter } from '../../src/prisma/driver/scoped-adapter.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// Prisma's own driver, on the same database, says what the engine expects.

let database: TestDatabase;
let pool: ScopedPool;
let theirs: SqlDriverAdapter;
let ours: SqlDriverAdapter;

/** In a scope, without which nothing is sent. */
function scoped<T>(work: () => Promise<T>): Promise<T> {
	return runInScope({ scope: serviceScope({}), ranRawSql: false }, work);
}

beforeAll(async () => {
	database = await createTestDatabase();
	const { connectionString } = database;
	pool = new ScopedPool({ connectionString }, { namedStatements: true });
	theirs = await new PrismaPg({ connectionString, options: '-c TimeZone=UTC' }).connect();
	ours = await scoped(() => new ScopedAdapter(pool).connect());
});

afterAll(async () => {
	await theirs?.dispose();
	await pool?.close();
	await database?.drop();
});

const statement = (sql: string): SqlQuery => ({ sql, args: [], argTypes: [] });

async function outcome(work: Promise<unknown>): Promise<unknown> {
	try {
		return { result: await work };
	} catch (error) {
		// An error of Postgres in Prisma's words. Its `detail` repeats rows, so ours has none.
		const { name, cause } = error as Error & { cause?: object };
		return { name, cause: { ...cause, detail: undefined } };
	}
}

/** Values by type, as Postgres reads them. */
const samples: Readonly<Record<string, readonly string[]>> = {
	bool: ['t', 'f'],
	bytea: ['\\x', '\\x00ff7f5c', 'a\\\\b'],
	name: ['pg_catalog'],
	int2: ['-32768', '7'],
	int4: ['-2147483648', '2147483647'],
	int8: ['-9223372036854775808', '9007199254740993'],
	oid: ['0', '4294967295'],
	float4: ['1.5', 'NaN', '-Infinity', '3.4028235e+38'],
	float8: ['0.1', 'NaN', 'Infinity', '5e-324'],
	numeric: ['0.10', '12345678901234567890.123456789', 'NaN'],
	money: ['12.34', '1234567.89'],
	text: ['', 'a "quoted" \\ {text}, NULL', 'é€𝄞'],
	varchar: ['null'],
	bpchar: ['a  '],
	xml: ['<a>1</a>'],
	json: ['{"a": [1, null]}', 'null', '"x"'],
	jsonb: ['{"a": [1, null]}', '1e2'],
	uuid: ['0193a1b2-0000-7000-8000-000000000001'],
	inet: ['10.0.0.1/8', '::1'],
	cidr: ['10.0.0.0/8'],
	bit: ['1'],
	varbit: ['10101'],
	date: ['2026-11-26', '0044-03-15 BC', 'infinity'],
	time: ['21:00:00.123456'],
	timetz: ['21:00:00+02', '21:00:00.5-03:30'],
	timestamp: ['2026-11-26 21:00:00.123456', '1969-12-31 23:59:59'],
	timestamptz: [
		'2026-11-26 21:00:00.123456+00',
		'2026-11-26 23:30:00.5+02:30',
		'0044-03-15 12:00:00+00 BC',
		'10000-01-01 00:00:00+00',
	],
	// Prisma knows neither of these.
	interval: ['1 day'],
	point: ['(1,2)'],
};

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;

describe.each(Object.entries(samples))('%s', (type, texts) => {
	test.each(texts)('%s', async (text) => {
		const query = statement(`SELECT ${quote(text)}::${type} AS value, NULL::${type} AS nothing`);
		const expected = await outcome(theirs.queryRaw(query));
		expect(await outcome(scoped(() => ours.queryRaw(query)))).toEqual(unnamed(expected));
	});

	test('in arrays, also nested, empty and with NULL', async () => {
		const elements = texts.map((text) => `${quote(text)}::${type}`).join(', ');
		const arrays = [`ARRAY[${elements}, NULL]`, `ARRAY[ARRAY[${elements}]]`, `ARRAY[]::${type}[]`];
		const query = statement(`SELECT ${arrays.join(', ')}`);
		const expected = await outcome(theirs.queryRaw(query));
		expect(await outcome(scoped(() => ours.queryRaw(query)))).toEqual(unnamed(expected));
	});
});

/** Prisma's driver names an unknown type where ours has its OID. */
function unnamed(expected: unknown): unknown {
	const { cause } = expected as { cause?: { kind?: string } };
	if (cause?.kind !== 'UnsupportedNativeDataType') return expected;
	const type = expect.stringMatching(/^with OID \d+$/);
	return { name: 'DriverAdapterError', cause: { kind: 'UnsupportedNativeDataType', type } };
}

test('a type of the database itself reads as text', async () => {
	await theirs.executeRaw(statement(`CREATE TYPE public.mood AS ENUM ('sad', 'happy')`));
	const query = statement(`SELECT 'sad'::public.mood AS mood`);
	expect(await scoped(() => ours.queryRaw(query))).toEqual(await theirs.queryRaw(query));
});

test('parsers that a service set for all of pg change nothing', async () => {
	const query = statement('SELECT 1::int8, now()::timestamptz < now(), 2::numeric, 3::int4');
	const before = await scoped(() => ours.queryRaw(query));
	const replaced = [20, 16, 1700, 23] as const;
	const parsers = replaced.map((oid) => types.getTypeParser(oid));
	for (const oid of replaced) types.setTypeParser(oid, () => 'replaced');
	try {
		expect(await scoped(() => ours.queryRaw(query))).toEqual(before);
	} finally {
		for (const [index, oid] of replaced.entries())
			types.setTypeParser(oid, parsers[index] as never);
	}
});

/** Arguments as Prisma's engine makes them, and the type that Postgres is to take them for. */
const args: readonly (readonly [string, SqlQuery['argTypes'][number], unknown])[] = [
	['text', { scalarType: 'string', arity: 'scalar' }, 'a'],
	['int4', { scalarType: 'int', arity: 'scalar' }, 7],
	['int8', { scalarType: 'bigint', arity: 'scalar' }, 9007199254740993n],
	['float8', { scalarType: 'float', arity: 'scalar' }, 0.5],
	['numeric', { scalarType: 'decimal', arity: 'scalar' }, '0.10'],
	['bool', { scalarType: 'boolean', arity: 'scalar' }, true],
	['uuid', { scalarType: 'uuid', arity: 'scalar' }, '0193a1b2-0000-7000-8000-000000000001'],
	['jsonb', { scalarType: 'json', arity: 'scalar' }, '{"a":1}'],
	['timestamptz', { scalarType: 'datetime', arity: 'scalar' }, '2026-11-26T21:00:00.123Z'],
	['timestamptz', { scalarType: 'datetime', arity: 'scalar' }, '2026-11-26T21:00:00.5+02:30'],
	['timestamptz', { scalarType: 'datetime', arity: 'scalar' }, '+012345-01-01T00:00:00.000Z'],
	['timestamptz', { scalarType: 'unknown', arity: 'scalar' }, new Date(0)],
	['date', { scalarType: 'datetime', dbType: 'DATE', arity: 'scalar' }, '2026-11-26T00:00:00Z'],
	['time', { scalarType: 'datetime', dbType: 'TIME', arity: 'scalar' }, '1970-01-01T21:00:00.5Z'],
	['timetz', { scalarType: 'datetime', dbType: 'TIMETZ', arity: 'scalar' }, '1970-01-01T21:00:00Z'],
	['bytea', { scalarType: 'bytes', arity: 'scalar' }, 'AP9c'],
	['bytea', { scalarType: 'bytes', arity: 'scalar' }, new Uint8Array([0, 255])],
	['bytea', { scalarType: 'unknown', arity: 'scalar' }, new Uint16Array([1, 2]).subarray(1)],
	['text[]', { scalarType: 'string', arity: 'list' }, ['a', 'b "c"', null]],
	['int4[]', { scalarType: 'int', arity: 'list' }, []],
	['timestamptz[]', { scalarType: 'datetime', arity: 'list' }, ['2026-11-26T21:00:00.123Z']],
	['bytea[]', { scalarType: 'bytes', arity: 'list' }, ['AP9c']],
	['text', { scalarType: 'unknown', arity: 'scalar' }, null],
];

test.each(args)('an argument for %s as %j', async (type, argType, value) => {
	const query = { sql: `SELECT $1::${type} AS value`, args: [value], argTypes: [argType] };
	const { rows } = await theirs.queryRaw(query);
	expect((await scoped(() => ours.queryRaw(query))).rows).toEqual(rows);
});

const raised = [
	...['22001', '22003', '22P02', '23001', '23502', '23503', '23505', '23514', '25006', '28000'],
	...[
		'28P01',
		'3D000',
		'40001',
		'40P01',
		'42501',
		'42703',
		'42P01',
		'42P04',
		'53300',
		'55P03',
		'57014',
	],
];

test.each(raised)('SQLSTATE %s means to Prisma what it means', async (code) => {
	const named = ['', `, COLUMN = 'type'`, `, CONSTRAINT = 'a_b_key', TABLE = 'a'`];
	for (const members of named) {
		const message = 'relation "a" does not exist, user "b", database "c"';
		const query = statement(
			`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = '${message}',
			 DETAIL = 'Failing row contains (secret).', HINT = 'a hint'${members}; END $$`,
		);
		const expected = await outcome(theirs.executeRaw(query));
		const got = await outcome(scoped(() => ours.executeRaw(query)));
		expect(JSON.stringify(got)).not.toContain('secret');
		// Prisma's driver looks for the column in the detail, where Postgres does not name it.
		const column = code === '23502' && members.includes('COLUMN');
		const fields = column ? { constraint: { fields: ['type'] } } : {};
		expect(stable(got)).toEqual({ ...stable(expected), ...fields });
	}
});

/** Without what Prisma's driver reads out of the message or the detail. */
function stable(got: unknown) {
	const {
		db: _,
		table: __,
		column: ___,
		user: ____,
		...cause
	} = (got as { cause: Record<string, unknown> }).cause;
	return cause;
}

test('names are read from the messages of Postgres itself', async () => {
	for (const sql of [
		'SELECT nothing FROM destinations',
		'SELECT d."no such" FROM destinations d',
		'SELECT 1 FROM nowhere',
		`CREATE DATABASE template1`,
	]) {
		const expected = await outcome(theirs.executeRaw(statement(sql)));
		const got = await outcome(scoped(() => ours.executeRaw(statement(sql))));
		expect(got).toMatchObject({ name: 'DriverAdapterError' });
		if (!sql.startsWith('CREATE')) expect(got).toEqual(expected);
	}
});

test('a server that is not there, or has no TLS, is told as Prisma tells it', async () => {
	const { port } = new URL(database.connectionString);
	for (const config of [
		{ connectionString: 'postgres://a:b@127.0.0.1:1/c' },
		{ connectionString: `postgres://a:b@127.0.0.1:${port}/c?sslmode=require` },
		{ connectionString: 'postgres://a:b@no.such.host.invalid/c' },
	]) {
		const away = new ScopedPool(config, { namedStatements: true });
		const their = await new PrismaPg(config).connect();
		const our = await scoped(() => new ScopedAdapter(away).connect());
		const query = statement('SELECT 1');
		const expected = await outcome(their.queryRaw(query));
		expect(await outcome(scoped(() => our.queryRaw(query)))).toEqual(expected);
		expect(await outcome(scoped(() => our.startTransaction()))).toEqual(expected);
		await their.dispose();
		await away.close();
	}
});

test('scripts, which would run outside any scope, are refused', async () => {
	await expect(ours.executeScript('SELECT 1')).rejects.toThrow('outside any scope');
});
