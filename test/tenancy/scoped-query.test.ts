import { randomUUID } from 'node:crypto';
import { Client, DatabaseError, type QueryConfig } from 'pg';
import { runInScope } from '../../src/database/execution-context.ts';
import { organizationScope, type Scope, serviceScope } from '../../src/database/scope.ts';
import { contextName, resetName } from '../../src/database/scope-steps.ts';
import { statementName } from '../../src/database/statement-names.ts';
import { setTextForm } from '../../src/database/text-form.ts';
import { ConfigurationError } from '../../src/index.ts';
import { HardenedDatabase, type OnePool, query } from './hardened-pool.ts';
import { Wire } from './wire.ts';

let database: HardenedDatabase;
let wire: Wire;
const organizationId = randomUUID();
const actorId = randomUUID();
const scope = organizationScope(organizationId, { actorId });
const service = serviceScope({});

beforeAll(async () => {
	database = await HardenedDatabase.open();
	wire = await Wire.before(database.url);
});

afterAll(async () => {
	await database?.close();
	await wire?.close();
});

const whoAmI = `SELECT current_user::text, current_setting('request.jwt.claims')`;
const who = ({ role, claims }: Scope) => [role, claims];

describe.each([true, false])('with namedStatements: %s', (namedStatements) => {
	let one: OnePool;

	beforeAll(() => {
		one = database.pool({ connectionString: wire.through(database.url) }, { namedStatements });
	});

	test('a statement is in its scope, and the session is in none after it', async () => {
		for (const each of [scope, service, scope]) {
			expect(await one.pool.run(each, whoAmI, [])).toEqual([who(each)]);
			const { rows } = await (await one.session()).query(
				`SELECT current_user::text AS user, current_setting('request.jwt.claims', true) AS claims`,
			);
			expect(rows).toEqual([{ user: database.login, claims: '' }]);
		}
	});

	test('a row is what its reader makes of it, NULL being null', async () => {
		const text = `SELECT 'a', NULL UNION ALL SELECT 'b', 'c'`;
		const read = (texts: readonly (string | null)[]) => ({ texts: [...texts] });
		const rows = [{ texts: ['a', null] }, { texts: ['b', 'c'] }];
		const session = await one.session();
		await session.query('CREATE TEMP TABLE left_alone ()');
		for (let run = 0; run < 2; run += 1) {
			expect(await one.pool.read(scope, text, [], read)).toEqual(rows);
			expect(await one.pool.transaction(scope, (sql) => sql.read(scope, text, [], read))).toEqual(
				rows,
			);
		}
		// Cleaning after it, as after raw SQL, would take this away.
		await (await one.session()).query('DROP TABLE left_alone');
	});

	test('so is each of a transaction, whatever role the one before it had', async () => {
		const { pool } = database.pool({}, { namedStatements });
		const seen = await pool.transaction(scope, async (sql) => [
			await sql.run(scope, whoAmI, []),
			await sql.run(service, whoAmI, []),
			await sql.run(scope, whoAmI, []),
		]);
		expect(seen).toEqual([[who(scope)], [who(service)], [who(scope)]]);
	});

	test('one that reads in order may not sort, whatever its plan, and nothing of that outlives it', async () => {
		const planning = `SELECT current_setting('enable_sort'), current_setting('plan_cache_mode')`;
		const [usual, inOrder] = [[['on', 'auto']], [['off', 'force_custom_plan']]];
		const { pool } = database.pool({}, { namedStatements });
		expect(await pool.run(scope, planning, [], { inOrder: true })).toEqual(inOrder);
		expect(await pool.run(scope, planning, [])).toEqual(usual);
		const seen = await pool.transaction(scope, async (sql) => [
			await sql.run(scope, planning, []),
			await sql.run(scope, planning, [], { inOrder: true }),
			await sql.run(scope, planning, [], { inOrder: true }),
			await sql.run(service, planning, []),
			await sql.run(scope, planning, []),
		]);
		expect(seen).toEqual([usual, inOrder, inOrder, usual, usual]);
		expect(await pool.run(scope, planning, [])).toEqual(usual);
	});

	test('a transaction that reads nothing in order has nothing of that to take back', async () => {
		await one.pool.transaction(scope, async (sql) => {
			wire.take();
			await sql.run(scope, 'SELECT 1', []);
			// The login's own role, the scope, and the statement.
			expect(wire.take().types.replaceAll(/[^E]/g, '')).toBe('EEE');
		});
	});

	test('it is one write and one round trip, parsed and described once if it is named', async () => {
		const sent = async () => {
			wire.take();
			await one.pool.run(scope, 'SELECT 1 AS once', []);
			return wire.take();
		};
		expect(await sent()).toMatchObject({ writes: 1, roundTrips: 1, simpleQueries: [] });
		const { types, writes } = await sent();
		expect(writes).toBe(1);
		expect(types).toBe(namedStatements ? 'BEBES' : 'PBEPBDES');
	});

	test('only what has a name is kept prepared', async () => {
		await one.pool.transaction(scope, (sql) => sql.run(scope, 'SELECT 1 AS once', []));
		const session = await one.session();
		const { rows } = await session.query<{ name: string; statement: string }>(
			'SELECT name, statement FROM pg_prepared_statements ORDER BY prepare_time',
		);
		const names = rows.map(({ name }) => name);
		if (!namedStatements) return expect(names).toEqual([]);
		expect(names).toEqual(expect.arrayContaining([contextName, resetName]));
		// One name is one text, for all processes.
		for (const { name, statement } of rows) expect(name).toBe(statementName(statement));
		// It runs before every statement, so it does not set what the session has from its start.
		expect(rows.find(({ name }) => name === contextName)?.statement).not.toContain('Date');
	});

	test('outside a transaction no role needs a reset', async () => {
		wire.take();
		await one.pool.run(scope, 'SELECT 2', []);
		expect(wire.take().types.replaceAll('P', '')).toMatch(/^BEBD?ES$/);
	});

	test('values reach the statement, and its rows are read by their types or as text', async () => {
		const text = `SELECT $1::int AS number, null AS nothing, $2::text AS text, true AS flag`;
		for (let run = 0; run < 2; run += 1) {
			expect(await one.pool.run(scope, text, [7, 'é'])).toEqual([['7', null, 'é', 't']]);
			const result = await query(one, `${text} -- typed`, { scope, values: [8, 'x'] });
			expect(result).toMatchObject({
				command: 'SELECT',
				rowCount: 1,
				rows: [[8, null, 'x', true]],
				fields: [{ name: 'number' }, { name: 'nothing' }, { name: 'text' }, { name: 'flag' }],
			});
		}
	});

	test('types are asked for parsers of text', async () => {
		const types: QueryConfig['types'] = {
			getTypeParser: (_oid: number, format?: string) => (text: string) => `${format}: ${text}`,
		};
		const config: QueryConfig = { text: 'SELECT 1', values: [], types };
		const { rows } = await runInScope({ scope, ranRawSql: false }, () => one.pool.query(config));
		expect(rows).toEqual([['text: 1']]);
	});

	const results: [string, string, number | null, number][] = [
		['SELECT generate_series(1, 12)', 'SELECT', 12, 12],
		['SELECT WHERE false', 'SELECT', 0, 0],
		['CREATE TEMP TABLE mine (id int)', 'CREATE', null, 0],
		['INSERT INTO mine VALUES (1), (2)', 'INSERT', 2, 0],
		['UPDATE mine SET id = 3 RETURNING id', 'UPDATE', 2, 2],
		['SET LOCAL work_mem = 1024', 'SET', null, 0],
		['COPY mine TO STDOUT', 'COPY', 2, 0],
		['DELETE FROM mine WHERE false', 'DELETE', 0, 0],
		['DROP TABLE mine', 'DROP', null, 0],
		['', '', null, 0],
		['-- nothing', '', null, 0],
	];

	test('the result says what was done, and to how many rows', async () => {
		await runInScope({ scope, ranRawSql: true }, async () => {
			const connection = await one.pool.connect();
			await connection.query({ text: 'BEGIN' });
			for (const [text, command, rowCount, rows] of results) {
				const result = await connection.query({ text, values: [] });
				expect({ text, ...result, rows: result.rows.length }).toMatchObject({
					text,
					command,
					rowCount,
					rows,
				});
				if (command !== 'SELECT' && rows === 0) expect(result.fields).toEqual([]);
			}
			await connection.query({ text: 'ROLLBACK' });
			connection.release();
		});
	});

	test('COPY FROM STDIN, for which no data comes, fails and the connection goes on', async () => {
		const session = await one.session();
		await session.query('CREATE TEMP TABLE copied (id int); GRANT ALL ON copied TO PUBLIC');
		const failed = one.pool.run(scope, 'COPY copied FROM STDIN', []);
		// Nothing that may succeed when it is run again, so that it stays pg's error.
		await expect(failed).rejects.toMatchObject({
			code: '57014',
			message: expect.stringContaining('COPY FROM STDIN is not supported'),
		});
		expect(await one.session()).toBe(session);
		expect(await one.pool.run(scope, whoAmI, [])).toEqual([who(scope)]);
		await session.query('DROP TABLE copied');
	});

	test.each([
		['an error', new RangeError('cannot be read')],
		['anything else', 'cannot be read'],
	])(
		'a value whose parser throws %s fails the statement, once its rows are in',
		async (_, thrown) => {
			const types: QueryConfig['types'] = {
				getTypeParser: () => () => {
					throw thrown;
				},
			};
			const config = { text: 'SELECT generate_series(1, 3)', values: [], types };
			const failed = runInScope({ scope, ranRawSql: false }, () =>
				one.pool.query(config as QueryConfig),
			);
			await expect(failed).rejects.toThrow(Error);
			await expect(failed).rejects.toThrow('cannot be read');
			if (thrown instanceof Error) await expect(failed).rejects.toBe(thrown);
			expect(await one.pool.run(scope, whoAmI, [])).toEqual([who(scope)]);
		},
	);

	test('a value that cannot be sent fails its statement, and no other', async () => {
		const text = 'SELECT $1::text AS unsendable';
		const unsendable = {
			toPostgres: () => {
				throw new TypeError('has no text');
			},
		};
		await expect(one.pool.run(scope, text, [unsendable])).rejects.toThrow('has no text');
		expect(await one.pool.run(scope, text, ['x'])).toEqual([['x']]);
	});

	test('a role that the login is no member of is a matter of configuration', async () => {
		const grant = (sql: string) => database.admin.query(`${sql} ${database.login}`);
		const text = 'SELECT 1 AS member';
		await grant('REVOKE service_role FROM');
		const error: unknown = await one.pool.run(service, text, []).catch((reason) => reason);
		expect(error).toBeInstanceOf(ConfigurationError);
		expect(error).toMatchObject({
			message:
				'The database login may not switch to the role service_role: permission denied to set role "service_role". Use the login of the service (DATABASE_SERVICE_URL), which prisma/grants/logins.sql creates, or have an administrator run: GRANT service_role TO the login.',
			cause: { code: '42501' },
		});
		await grant('GRANT service_role TO');
		expect(await one.pool.run(service, text, [])).toEqual([['1']]);
	});

	test('what else is wrong with a role, or refused by its rights, is what Postgres says it is', async () => {
		const role = 'no_such_role' as 'authenticated'; // of a database that was not migrated
		const text = 'SELECT 1 AS migrated';
		const before = await one.session();
		const missing = one.pool.run({ ...scope, role }, text, []);
		await expect(missing).rejects.toBeInstanceOf(DatabaseError);
		await expect(missing).rejects.toMatchObject({ code: '22023' });
		// The same connection does not take the statement for prepared, which Postgres never came to.
		expect(await one.pool.run(scope, text, [])).toEqual([['1']]);
		expect(await one.session()).toBe(before);
		const refused = one.pool.run(scope, 'SELECT * FROM pg_authid', []);
		await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN', cause: { code: '42501' } });
	});
});

test('claims begin with the role and the organization, as the policy of reads looks for them', () => {
	expect(scope.claims).toBe(
		`{"role":"authenticated","organization_id":"${organizationId}","sub":"${actorId}"}`,
	);
	expect(organizationScope(organizationId, {}).claims).toBe(
		`{"role":"authenticated","organization_id":"${organizationId}"}`,
	);
	expect(serviceScope({ actorId }).claims).toBe(`{"role":"service_role","sub":"${actorId}"}`);
	expect(service.claims).toBe('{"role":"service_role"}');
});

test('rows that come before the answer of the statement are nobody’s', async () => {
	const one = database.pool();
	const text = 'SELECT 1 AS own';
	await one.pool.run(scope, text, []);
	await (await one.session()).query(
		`DEALLOCATE ${contextName}; PREPARE ${contextName} (text, text) AS
			SELECT set_config('role', $1, true) FROM set_config('request.jwt.claims', $2, true)`,
	);
	expect(await one.pool.run(scope, text, [])).toEqual([['1']]);
});

describe('of the statements that are sent', () => {
	test('the first 300 are kept prepared by name, and what comes later is not', async () => {
		const one = database.pool({ connectionString: wire.through(database.url) });
		for (let sent = 0; sent < 303; sent += 1) {
			// The session of the connection is looked at by another statement of this package.
			await one.pool.run(scope, `SELECT ${sent}`, []);
		}
		const names = async () => {
			const session = await one.session();
			const { rows } = await session.query<{ name: string }>(
				`SELECT name FROM pg_prepared_statements WHERE name <> '${contextName}'`,
			);
			return rows.map(({ name }) => name).sort();
		};
		const first = Array.from({ length: 300 }, (_, index) =>
			statementName(`SELECT ${index}`),
		).sort();
		expect(await names()).toEqual(first);
		// Each text keeps its name, and what has none still runs.
		expect(await one.pool.run(scope, 'SELECT 7', [])).toEqual([['7']]);
		expect(await one.pool.run(scope, 'SELECT 302', [])).toEqual([['302']]);
		expect(await names()).toEqual(first);
		wire.take();
		await one.pool.run(scope, 'SELECT 7', []);
		expect(wire.take().types).toBe('BEBES');
	});

	test('each is prepared anew on a session that was discarded', async () => {
		const one = database.pool();
		const run = () => one.pool.run(scope, 'SELECT pg_backend_pid()', []);
		const before = await run();
		await query(one, "SET work_mem = '65kB'", { scope, ranRawSql: true });
		expect(await run()).toEqual(before);
	});

	test('one that raw SQL may have replaced answers with its own rows, and its new columns', async () => {
		const one = database.pool();
		await database.admin.query(
			'CREATE TABLE public.shaped AS SELECT 1 AS one; GRANT SELECT ON public.shaped TO PUBLIC',
		);
		const text = 'SELECT * FROM public.shaped';
		expect((await query(one, text, { scope })).rows).toEqual([[1]]);
		const name = statementName(text);
		await query(one, `DEALLOCATE ${name}`, { scope, ranRawSql: true });
		await query(one, `PREPARE ${name} AS SELECT 'another' AS stolen`, { scope, ranRawSql: true });
		await database.admin.query('ALTER TABLE public.shaped ADD COLUMN two text DEFAULT $$2$$');
		const { rows, fields } = await query(one, text, { scope });
		expect(rows).toEqual([[1, '2']]);
		expect(fields.map(({ name }) => name)).toEqual(['one', 'two']);
		await database.admin.query('DROP TABLE public.shaped');
	});
});

describe('values are read and written in one form', () => {
	const foreign = [
		'DateStyle=SQL,\\ DMY',
		'TimeZone=Asia/Tokyo',
		'IntervalStyle=sql_standard',
		'bytea_output=escape',
		'extra_float_digits=-15',
		'xmlbinary=hex',
		'array_nulls=off',
		'standard_conforming_strings=off',
	];
	const options = foreign.map((setting) => `-c ${setting}`).join(' ');
	const names = [...foreign.map((setting) => setting.split('=')[0] ?? ''), 'client_encoding'];
	const form = ['ISO, MDY', 'UTC', 'postgres', 'hex', '1', 'base64', 'on', 'on', 'UTF8'];
	const look = `SELECT ${names.map((name) => `current_setting('${name}')`).join(', ')}`;

	test.each([true, false])('with namedStatements: %s', async (namedStatements) => {
		const one = database.pool({ options }, { namedStatements });
		if (!namedStatements) {
			await (await one.session()).query(`SET client_encoding = 'LATIN1'`);
		}
		expect(await one.pool.run(scope, look, [])).toEqual([form]);
	});

	test('for the rest of a session', async () => {
		const client = new Client({ connectionString: database.url, options });
		await client.connect();
		await client.query("SET client_encoding = 'LATIN1'");
		await client.query(setTextForm);
		expect((await client.query({ text: look, rowMode: 'array' })).rows).toEqual([form]);
		await client.end();
	});
});
