import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { DatabaseError, type QueryConfig, types } from 'pg';
import {
	type ExecutionContext,
	requireConnection,
	runInScope,
} from '../../src/database/execution-context.ts';
import { organizationScope, serviceScope } from '../../src/database/scope.ts';
import { contextName, resetName } from '../../src/database/scope-steps.ts';
import type { ScopedConnection } from '../../src/database/scoped-connection.ts';
import { ScopedPool } from '../../src/database/scoped-pool.ts';
import { setTextForm } from '../../src/database/text-form.ts';
import { ConfigurationError, RetryError, UnsupportedError } from '../../src/index.ts';
import { HardenedDatabase, type OnePool, query } from './hardened-pool.ts';
import { Wire } from './wire.ts';

// What becomes of a connection after each way that a statement or a transaction ends.

let database: HardenedDatabase;
let wire: Wire;
let one: OnePool;
let pool: ScopedPool;
const scope = organizationScope(randomUUID(), {});

beforeAll(async () => {
	database = await HardenedDatabase.open();
	wire = await Wire.before(database.url);
	one = database.pool({ connectionString: wire.through(database.url) });
	pool = one.pool;
	await database.admin.query(`
		CREATE TABLE public.kept (id int UNIQUE DEFERRABLE INITIALLY DEFERRED, CHECK (id <> 13));
		GRANT ALL ON public.kept TO PUBLIC;
		CREATE FUNCTION public.compiled() RETURNS pg_catalog.bool LANGUAGE plpgsql
			SET search_path = '' AS $$ DECLARE value text := 'x'; BEGIN RETURN value = 'x'; END $$;
		CREATE FUNCTION public.die() RETURNS pg_catalog.bool LANGUAGE sql SECURITY DEFINER
			AS 'SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())'`);
});

afterAll(async () => {
	await database?.close();
	await wire?.close();
});

afterEach(async () => {
	// Whatever happened, the connection that comes next is free, in no transaction and in nobody's scope.
	const { rows } = await (await one.session()).query(
		`SELECT current_user::text AS user, coalesce(current_setting('request.jwt.claims', true), '') AS claims,
			(SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql) AS prepared`,
	);
	expect(rows).toEqual([{ user: database.login, claims: '', prepared: 0 }]);
	await database.admin.query('TRUNCATE public.kept');
});

const pid = async () => (await pool.run(scope, 'SELECT pg_backend_pid()', []))[0]?.[0];
const rowsKept = async () =>
	(await database.admin.query('SELECT id FROM public.kept ORDER BY id')).rows.map(({ id }) => id);

const statement = (text: string): QueryConfig => ({ text, values: [], types });

/** Takes a connection for an execution context, as Prisma's transactions do, and hands it back. */
async function withConnection<T>(
	context: Partial<ExecutionContext>,
	work: (
		run: (text: string) => ReturnType<ScopedConnection['query']>,
		context: ExecutionContext,
		connection: ScopedConnection,
	) => Promise<T>,
): Promise<T> {
	const whole: ExecutionContext = { scope, ranRawSql: false, ...context };
	const connection = await runInScope(whole, () => pool.connect());
	try {
		return await work((text) => connection.query(statement(text)), whole, connection);
	} finally {
		connection.release();
	}
}

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
	work.then(
		() => undefined,
		(reason: unknown) => reason,
	);

describe('outside a transaction', () => {
	test('the next scope gets the same connection, and what it has prepared', async () => {
		const before = await pid();
		wire.take();
		expect(await pid()).toBe(before);
		expect(wire.take()).toMatchObject({ types: 'BEBES', writes: 1 });
		await query(one, 'SELECT 1 AS asked', { scope });
		expect(wire.take().simpleQueries).toEqual([]);
	});

	test.each([
		['23514', 'INSERT INTO public.kept VALUES (13)'],
		['42501', 'SELECT * FROM pg_authid'],
		['42601', 'SELEC'],
		['22012', 'SELECT 1 / 0'],
	])('a statement that is refused (%s) costs nobody the connection', async (code, text) => {
		const before = await pid();
		const context: ExecutionContext = { scope, ranRawSql: false };
		const error = await errorOf(runInScope(context, () => pool.query(statement(text))));
		expect(error).toBeInstanceOf(DatabaseError);
		expect(error).toMatchObject({ code, detail: undefined, where: undefined });
		// It is Postgres that refused it, not this package.
		expect(context.refusal).toBeUndefined();
		expect(await pid()).toBe(before);
	});

	test('a statement that reads in order is sent as any other', async () => {
		for (const inOrder of [true, false]) {
			const text = `SELECT 1 AS ordered, ${inOrder}`;
			await pool.run(scope, text, [], { inOrder });
			wire.take();
			await pool.run(scope, text, [], { inOrder });
			expect(wire.take()).toMatchObject({ types: 'BEBES', writes: 1 });
		}
	});

	test('a statement about what is not there closes its connection, and is not repeated', async () => {
		const before = await pid();
		wire.take();
		expect(await errorOf(pool.run(scope, 'SELECT FROM missing', []))).toMatchObject({
			code: '42P01',
		});
		expect(wire.take().types).toMatch(/^PBEPBDE?S|^BEPBDES/);
		expect(await pid()).not.toBe(before);
	});

	test.each([true, false])('FATAL closes the connection, whatever came before: %s', async (raw) => {
		const before = await pid();
		await expect(
			query(one, 'SELECT public.die()', { scope, ranRawSql: raw }),
		).rejects.toMatchObject({
			code: '57P01',
		});
		expect(await pid()).not.toBe(before);
	});

	test('FATAL in the packet of an answer closes the connection, which serves nobody again', async () => {
		const before = await pid();
		wire.endWithAnswer(1);
		const outcomes = await Promise.allSettled([pid(), pid(), pid()]);
		const pids = outcomes.flatMap((outcome) =>
			outcome.status === 'fulfilled' ? [outcome.value] : [],
		);
		expect(pids.length).toBeGreaterThanOrEqual(2);
		expect(pids.filter((each) => each === before).length).toBeLessThanOrEqual(1);
		expect(await pid()).not.toBe(before);
	});

	test('a statement that takes longer than query_timeout costs the connection', async () => {
		const hasty = database.pool({ query_timeout: 50 });
		const look = async () => (await hasty.pool.run(scope, 'SELECT pg_backend_pid()', []))[0]?.[0];
		const before = await look();
		await expect(hasty.pool.run(scope, 'SELECT pg_sleep(0.4)', [])).rejects.toMatchObject({
			code: 'UNAVAILABLE',
			cause: { message: 'Query read timeout' },
		});
		expect(await look()).not.toBe(before);
	});

	test('rows that cannot be read fail their statement', async () => {
		const unreadable = {
			getTypeParser: () => () => {
				throw new RangeError('cannot be read');
			},
		};
		const failed = runInScope({ scope, ranRawSql: false }, () =>
			pool.query({ ...statement('SELECT 1'), types: unreadable }),
		);
		await expect(failed).rejects.toThrow(RangeError);
	});

	test('nothing is sent without a scope', async () => {
		wire.take();
		await expect(pool.query(statement('SELECT 1'))).rejects.toMatchObject({
			code: 'FORBIDDEN',
		});
		await expect(pool.connect()).rejects.toMatchObject({ code: 'FORBIDDEN' });
		expect(wire.take().types).toBe('');
	});

	test('a login that may not switch is refused by this package’s own error', async () => {
		await database.admin.query(`REVOKE service_role FROM ${database.login}`);
		const context: ExecutionContext = { scope: serviceScope({}), ranRawSql: false };
		await expect(runInScope(context, () => pool.query(statement('SELECT 1')))).rejects.toThrow(
			ConfigurationError,
		);
		expect(context.refusal).toBeInstanceOf(ConfigurationError);
		await database.admin.query(`GRANT service_role TO ${database.login}`);
	});
});

describe('after raw SQL', () => {
	test('the session is discarded, and everything is prepared anew', async () => {
		const before = await pid();
		wire.take();
		await query(one, "SET work_mem = '65kB'", { scope, ranRawSql: true });
		expect(await pid()).toBe(before);
		const { simpleQueries, types: sent } = wire.take();
		expect(simpleQueries).toEqual(['DISCARD ALL', setTextForm]);
		expect(sent).toBe('PBEPBDESQQPBEPBDES');
		expect(await pool.run(scope, "SELECT current_setting('work_mem')", [])).toEqual([['4MB']]);
	});

	test.each(['close', 'reset'] as const)(
		'a connection that is lost (%s) while it is cleaned is replaced',
		async (how) => {
			const before = await pid();
			await query(one, "SET work_mem = '65kB'", { scope, ranRawSql: true });
			wire.cut(how);
			expect(await pid()).not.toBe(before);
		},
	);

	test('without named statements the session is discarded, and nothing is set', async () => {
		const { pool: unnamed } = database.pool(
			{ connectionString: wire.through(database.url) },
			{ namedStatements: false },
		);
		const look = async () => (await unnamed.run(scope, 'SELECT pg_backend_pid()', []))[0]?.[0];
		const before = await look();
		wire.take();
		await runInScope({ scope, ranRawSql: true }, () =>
			unnamed.query(statement("SET work_mem = '65kB'")),
		);
		expect(await look()).toBe(before);
		expect(wire.take().simpleQueries).toEqual(['DISCARD ALL']);
	});

	test.each([true, false])(
		'a connection that cannot be cleaned is closed, with namedStatements: %s',
		async (namedStatements) => {
			const { pool: each } = database.pool({}, { namedStatements });
			const look = async () => (await each.run(scope, 'SELECT pg_backend_pid()', []))[0]?.[0];
			const before = await look();
			const connection = await runInScope({ scope, ranRawSql: true }, () => each.connect());
			await connection.query(statement('CREATE TEMP TABLE locked ()'));
			const { rows } = await connection.query(statement(`SELECT 'locked'::regclass::oid::int`));
			await database.admin.query(`BEGIN; DO $$ BEGIN
				EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', ${rows[0]?.[0]}::regclass); END $$`);
			connection.release();
			const cancelled = `SELECT pg_cancel_backend(pid) FROM pg_locks WHERE pid = ${before} AND NOT granted`;
			while ((await database.admin.query(cancelled)).rowCount === 0) await setTimeout(5);
			await database.admin.query('ROLLBACK');
			expect(await look()).not.toBe(before);
		},
	);

	test('a connection that is lost after it was discarded is replaced', async () => {
		const before = await pid();
		wire.endWithAnswer(2);
		await query(one, "SET work_mem = '65kB'", { scope, ranRawSql: true });
		expect(await pid()).not.toBe(before);
	});

	test('what is wrong with a later statement is not put down to it', async () => {
		await query(one, 'SELECT 1', { scope, ranRawSql: true });
		const before = await pid();
		await withConnection({}, async (run, context) => {
			await run('BEGIN');
			await expect(run('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
			await run('ROLLBACK');
			expect(context.refusal).toBeUndefined();
		});
		expect(await pid()).toBe(before);
	});

	/** Compiles a function against a type that is dropped with the session, which DISCARD does not reach. */
	const leave = async () => {
		// A new connection has compiled nothing yet.
		wire.cut();
		await setTimeout(20);
		await withConnection({ ranRawSql: true }, async (run) => {
			await run('BEGIN');
			await run('CREATE DOMAIN pg_temp.text AS pg_catalog.text');
			await run('GRANT USAGE ON TYPE pg_temp.text TO PUBLIC');
			await run('SELECT public.compiled()');
			await run('COMMIT');
		});
	};

	test('a statement that fails for what was left runs again on another connection', async () => {
		await leave();
		const before = await pid();
		const context: ExecutionContext = { scope, ranRawSql: false };
		const { rows } = await runInScope(context, () =>
			pool.query(statement('SELECT public.compiled()')),
		);
		expect(rows).toEqual([[true]]);
		// Whoever sent it has nothing to do.
		expect(context.refusal).toBeUndefined();
		expect(await pid()).not.toBe(before);
	});

	test('so does a transaction of this package’s own', async () => {
		await leave();
		let runs = 0;
		await pool.transaction(scope, async (sql) => {
			runs += 1;
			await sql.run(scope, `INSERT INTO public.kept VALUES (${runs})`, []);
			await sql.run(scope, 'SELECT public.compiled()', []);
		});
		expect(runs).toBe(2);
		expect(await rowsKept()).toEqual([2]);
	});

	test('a transaction of a caller is over, and is told to run again', async () => {
		await leave();
		const context = await withConnection({}, async (run, own) => {
			await run('BEGIN');
			await expect(run('SELECT public.compiled()')).rejects.toMatchObject({ code: 'XX000' });
			await run('ROLLBACK');
			return own;
		});
		expect(context.refusal).toBeInstanceOf(RetryError);
		expect(context.refusal).toMatchObject({
			message: expect.stringContaining('Run all of it again'),
			cause: { code: 'XX000' },
		});
	});

	test('whoever leaves it gets its own error, and the connection is closed', async () => {
		await leave();
		const before = await pid();
		const own = query(one, 'SELECT public.compiled()', { scope, ranRawSql: true });
		await expect(own).rejects.toMatchObject({ code: 'XX000' });
		expect(await pid()).not.toBe(before);
	});
});

describe('in a transaction', () => {
	test('all of it happens', async () => {
		const before = await pid();
		const result = await pool.transaction(scope, async (sql) => {
			await sql.run(scope, 'INSERT INTO public.kept VALUES (1)', []);
			// Inside another it is part of that one.
			await sql.transaction(scope, (inner) =>
				inner.run(scope, 'INSERT INTO public.kept VALUES (2)', []),
			);
			return 'done';
		});
		expect(result).toBe('done');
		expect(await rowsKept()).toEqual([1, 2]);
		expect(await pid()).toBe(before);
	});

	test('or nothing, where it throws', async () => {
		const before = await pid();
		const changed = new Error('changed my mind');
		const failed = pool.transaction(scope, async (sql) => {
			await sql.run(scope, 'INSERT INTO public.kept VALUES (1)', []);
			throw changed;
		});
		await expect(failed).rejects.toBe(changed);
		expect(await rowsKept()).toEqual([]);
		expect(await pid()).toBe(before);
	});

	test('or the connection is lost: the first error stands', async () => {
		const failed = pool.transaction(scope, (sql) => sql.run(scope, 'SELECT public.die()', []));
		await expect(failed).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { code: '57P01' } });
	});

	test('statements that are sent at once run one after the other', async () => {
		await pool.transaction(scope, async (sql) => {
			await Promise.all([
				sql.run(scope, 'SELECT pg_sleep(0.05)', []),
				sql.run(scope, 'INSERT INTO public.kept VALUES (1)', []),
				sql.run(scope, 'UPDATE public.kept SET id = 2', []),
			]);
			const [, second] = await Promise.allSettled([
				sql.run(scope, 'SAVEPOINT x', []),
				sql.run(scope, 'UPDATE public.kept SET id = 3 WHERE id = 2', []),
			]);
			expect(second.status).toBe('fulfilled');
		});
		expect(await rowsKept()).toEqual([3]);
	});

	test('one that fails does not keep those behind it from their turn', async () => {
		const outcomes = await withConnection({}, async (run) => {
			await run('BEGIN');
			const sent = await Promise.allSettled([
				run('SELECT 1 / 0'),
				run('SELECT 1'),
				run('ROLLBACK'),
			]);
			return sent.map(({ status }) => status);
		});
		expect(outcomes).toEqual(['rejected', 'rejected', 'fulfilled']);
	});

	const controls = [
		'BEGIN',
		'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
		'SAVEPOINT sp_1',
		'ROLLBACK TO SAVEPOINT sp_1',
		'RELEASE SAVEPOINT sp_1',
		'COMMIT',
	];

	test('what begins and ends it goes out as it is, and everything else in scope', async () => {
		await withConnection({}, async (run) => {
			wire.take();
			for (const text of controls) await run(text);
			expect(wire.take()).toMatchObject({ simpleQueries: controls, types: 'QQQQQQ' });
		});
		await withConnection({ ranRawSql: true }, async (run) => {
			await run('BEGIN');
			wire.take();
			const others = [
				'-- COMMIT',
				'SAVEPOINT mine -- or so',
				'SET TRANSACTION ISOLATION LEVEL read committed',
				'ROLLBACK AND CHAIN',
				'BEGIN ',
			];
			for (const text of others) await run(text).catch(() => {});
			expect(wire.take().simpleQueries).toEqual([]);
			await run('ROLLBACK');
			expect(wire.take().simpleQueries).toEqual(['ROLLBACK']);
		});
	});

	test('its connection is that of the execution context', async () => {
		const context: ExecutionContext = { scope, ranRawSql: false };
		const connection = await runInScope(context, () => pool.connect());
		expect(context.connection).toBe(connection);
		expect(runInScope(context, requireConnection)).toBe(connection);
		connection.release();
	});

	test('a COMMIT of what has failed says that nothing was saved', async () => {
		await withConnection({}, async (run, context) => {
			await run('BEGIN');
			await run('INSERT INTO public.kept VALUES (1)');
			await run('SELECT 1 / 0').catch(() => {});
			await expect(run('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
			await expect(run('COMMIT')).rejects.toThrow(UnsupportedError);
			expect(context.refusal).toMatchObject({
				code: 'UNSUPPORTED',
				message: expect.stringMatching(
					/^A statement of the transaction failed .* rolled everything back/,
				),
			});
		});
		expect(await rowsKept()).toEqual([]);
	});

	test('a ROLLBACK is no such error, and a COMMIT that is refused has no values in it', async () => {
		const before = await pid();
		await withConnection({}, async (run, context) => {
			await run('BEGIN');
			await run('ROLLBACK');
			expect(context.refusal).toBeUndefined();
		});
		expect(await pid()).toBe(before);
		// After a refused COMMIT the connection is kept only where Postgres's word that it is ready came with the refusal.
		await withConnection({}, async (run) => {
			await run('BEGIN');
			await run('INSERT INTO public.kept VALUES (4711), (4711)');
			const error = await errorOf(run('COMMIT'));
			expect(error).toMatchObject({ code: '23505', detail: undefined });
			expect(JSON.stringify(error)).not.toContain('4711');
		});
	});

	test.each(['40001', '40P01', '55P03'])(
		'one that lost against another (%s) is over: nothing more of it runs, and it leaves nothing',
		async (code) => {
			const before = await pid();
			await withConnection({}, async (run, context) => {
				await run('BEGIN');
				await run('INSERT INTO public.kept VALUES (1)');
				const lost = `DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '${code}'; END $$`;
				await expect(run(lost)).rejects.toMatchObject({ code });
				for (const again of ['INSERT INTO public.kept VALUES (2)', 'SELECT 1']) {
					await expect(run(again)).rejects.toMatchObject({ code: '25P02' });
				}
				await expect(run('COMMIT')).rejects.toThrow(UnsupportedError);
				await expect(run('INSERT INTO public.kept VALUES (3)')).rejects.toThrow(UnsupportedError);
				expect(context.refusal).toMatchObject({ code: 'UNSUPPORTED' });
			});
			expect(await rowsKept()).toEqual([]);
			expect(await pid()).toBe(before);
		},
	);

	test.each(['COMMIT', 'ROLLBACK'])(
		'after %s, and after it was handed back, it is over',
		async (end) => {
			const over = {
				code: 'UNSUPPORTED',
				message: expect.stringMatching(/^The transaction is over: /),
			};
			const { connection, context } = await withConnection({}, async (run, context, connection) => {
				await run('BEGIN');
				await run(end);
				await expect(run('SELECT 1')).rejects.toMatchObject(over);
				return { connection, context };
			});
			expect(context.refusal).toMatchObject(over);
			await expect(connection.query(statement('SELECT 1'))).rejects.toMatchObject(over);
		},
	);

	test.each(['BEGIN', 'COMMIT', 'ROLLBACK'])(
		'nothing follows a %s without an answer',
		async (text) => {
			const hasty = database.pool({
				connectionString: wire.through(database.url),
				query_timeout: 300,
			});
			const context: ExecutionContext = { scope, ranRawSql: false };
			const connection = await runInScope(context, () => hasty.pool.connect());
			if (text !== 'BEGIN') await connection.query({ text: 'BEGIN' });
			const letThrough = wire.hold();
			await expect(connection.query({ text })).rejects.toThrow('Query read timeout');
			const late = connection.query(statement('INSERT INTO public.kept VALUES (1)'));
			await expect(late).rejects.toThrow(UnsupportedError);
			letThrough();
			connection.release();
			expect(await rowsKept()).toEqual([]);
		},
	);

	test('a connection that was handed back serves only its next holder', async () => {
		const connection = await withConnection({}, async (run, _, own) => {
			await run('SELECT 1');
			return own;
		});
		await withConnection({}, async (run) => {
			await run('BEGIN');
			const late = connection.query(statement('INSERT INTO public.kept VALUES (1)'));
			await expect(late).rejects.toThrow(UnsupportedError);
			await run('COMMIT');
		});
		expect(await rowsKept()).toEqual([]);
	});

	test('raw SQL that ends it ends it for good', async () => {
		await withConnection({ ranRawSql: true }, async (run) => {
			await run('BEGIN');
			await run('INSERT INTO public.kept VALUES (1)');
			await run('commit');
			await expect(run('INSERT INTO public.kept VALUES (2)')).rejects.toThrow(UnsupportedError);
		});
		expect(await rowsKept()).toEqual([1]);
	});

	test('one that nobody ended costs its connection', async () => {
		const before = await pid();
		await withConnection({}, async (run) => {
			await run('BEGIN');
			await run('INSERT INTO public.kept VALUES (1)');
		});
		expect(await pid()).not.toBe(before);
		expect(await rowsKept()).toEqual([]);
	});

	test('statements that raw SQL replaced are not used again', async () => {
		const text = 'SELECT 1 AS own';
		await pool.run(scope, text, []);
		const rows = await withConnection({}, async (run, context, connection) => {
			await run('BEGIN');
			await connection.run(scope, text, []);
			context.ranRawSql = true;
			const { rows: mine } = await run(
				`SELECT name FROM pg_prepared_statements WHERE statement = '${text}'`,
			);
			await run('DEALLOCATE ALL');
			await run(`PREPARE ${mine[0]} AS SELECT 'stolen'`);
			await run(`PREPARE ${contextName} (text, text) AS SELECT 'stolen'`);
			await run(`PREPARE ${resetName} AS SELECT 'stolen'`);
			const own = await connection.run(scope, text, []);
			await run('COMMIT');
			return own;
		});
		expect(rows).toEqual([['1']]);
		expect(await pool.run(scope, text, [])).toEqual([['1']]);
	});

	describe('that took longer than its timeout', () => {
		const errorAfter = (context: Partial<ExecutionContext>, took: number, end: string) =>
			withConnection(context, async (run) => {
				await run('BEGIN');
				await setTimeout(took);
				await run(end);
				return String(await errorOf(run('SELECT 1')));
			});

		test('says so once it was rolled back', async () => {
			expect(await errorAfter({ timeout: 30 }, 40, 'ROLLBACK')).toContain(
				'The transaction took longer than its timeout of 30 ms and was rolled back: nothing of it was saved.',
			);
		});

		test('and only then', async () => {
			const over = 'The transaction is over';
			expect(await errorAfter({ timeout: 900 }, 0, 'ROLLBACK')).toContain(over);
			expect(await errorAfter({ timeout: 30 }, 40, 'COMMIT')).toContain(over);
			expect(await errorAfter({ timeout: 0 }, 0, 'COMMIT')).toContain(over);
			expect(await errorAfter({}, 0, 'ROLLBACK')).toContain(over);
		});
	});
});

describe('a pool', () => {
	test('asks for the form of values where statements are named, and leaves a pooler’s sessions alone', async () => {
		const zone = async (namedStatements: boolean) => {
			const each = database.pool({ options: '-c TimeZone=Asia/Tokyo' }, { namedStatements });
			const { rows } = await (await each.session()).query('SHOW TimeZone');
			return rows[0].TimeZone;
		};
		expect([await zone(true), await zone(false)]).toEqual(['UTC', 'Asia/Tokyo']);
	});

	test('replaces a connection that is lost while it is idle', async () => {
		const before = await pid();
		await database.admin.query('SELECT pg_terminate_backend($1::int)', [before]);
		await setTimeout(30);
		expect(await pid()).not.toBe(before);
		wire.cut('reset');
		await setTimeout(30);
		await pid();
	});

	test('that is closed finishes what was asked of it, and takes no more', async () => {
		const closed = new ScopedPool(
			{ connectionString: database.url, max: 1, connectionTimeoutMillis: 4000 },
			{ namedStatements: true },
		);
		const slow = closed.run(scope, 'SELECT pg_sleep(0.1)', []);
		const waiting = [1, 2, 3].map((each) => closed.run(scope, `SELECT ${each}`, []));
		const ended = closed.close();
		const context: ExecutionContext = { scope, ranRawSql: false };
		const message = 'The client was closed. Use it before close(), or make another.';
		await expect(runInScope(context, () => closed.connect())).rejects.toThrow(
			new UnsupportedError(message),
		);
		expect(context.refusal).toMatchObject({ code: 'UNSUPPORTED', message });
		await expect(closed.run(scope, 'SELECT 4', [])).rejects.toThrow(UnsupportedError);
		await slow;
		expect(await Promise.all(waiting)).toEqual([[['1']], [['2']], [['3']]]);
		await ended;
		expect(() => closed.requireOpen({ scope, ranRawSql: false })).toThrow(message);
	});
});
