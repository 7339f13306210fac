import { loaderScope, type Scope } from '../../src/database/scope.ts';
import { ScopedPool } from '../../src/database/scoped-pool.ts';
import type { ScopedSql, TextRow } from '../../src/database/scoped-sql.ts';
import { Feed } from '../../src/loading/feed.ts';
import { checkFitness } from '../../src/loading/server.ts';
import { Loading } from './loading.ts';

// What a poll asks, and what it makes of the answer. `changes.test.ts`, `outage.test.ts`, `standby.test.ts` and
// `role.test.ts` hold the same of whole loaders.

afterEach(() => jest.restoreAllMocks());

describe('on a database', () => {
	let loading: Loading;
	let pool: ScopedPool;

	beforeAll(async () => {
		loading = await Loading.open();
		const { loaderConnectionString } = loading.database.logins;
		pool = new ScopedPool({ connectionString: loaderConnectionString }, { namedStatements: true });
	});

	afterAll(async () => {
		await pool.close();
		await loading[Symbol.asyncDispose]();
	});

	test('the first poll knows nothing, and each that was accepted is where the next begins', async () => {
		const feed = new Feed(pool);
		const first = await feed.poll();
		expect(first).toMatchObject({ changed: 'all', receives: true, lag: null });
		expect(feed.server).toBeUndefined();
		expect((await feed.poll()).changed).toBe('all');
		first.accept();
		expect(feed.server).toBe(first.server);
		const { id, organizationId } = await loading.newDestination();
		await loading.db.forOrganization(organizationId).destinations.update(id, { testMode: true });
		expect(await feed.poll()).toMatchObject({ changed: [organizationId], server: first.server });
		const again = await feed.poll();
		expect(again.changed).toEqual([organizationId]);
		again.accept();
		expect((await feed.poll()).changed).toEqual([]);
	});

	test('more changes than are worth naming are all', async () => {
		const feed = new Feed(pool);
		(await feed.poll()).accept();
		// The one behind the first finds again what was made beside a transaction that was open anywhere on the server.
		(await feed.poll()).accept();
		const change = (count: number) =>
			loading.sql(
				`INSERT INTO destination_audit_log (organization_id, action, role, login, transaction_id)
				 SELECT gen_random_uuid(), 'updated', 'x', 'x', pg_current_xact_id()::text::bigint
				 FROM generate_series(1, $1)`,
				[count],
			);
		await loading.sql('SET session_replication_role = replica');
		await change(10_000);
		expect((await feed.poll()).changed).toHaveLength(10_000);
		await change(1);
		expect((await feed.poll()).changed).toBe('all');
		await loading.sql('RESET session_replication_role');
	});

	test('the login of a loader is fit, and no other; nor is a database that hides changes', async () => {
		await checkFitness(pool);
		await loading.sql('ALTER TABLE destinations DISABLE TRIGGER trigger_log_changed_destinations');
		await expect(checkFitness(pool)).rejects.toThrow(
			'The database lacks the trigger trigger_log_changed_destinations, without',
		);
		await loading.sql('ALTER TABLE destinations ENABLE TRIGGER trigger_log_changed_destinations');
		const own = new ScopedPool(
			{ connectionString: loading.database.connectionString },
			{ namedStatements: true },
		);
		await expect(checkFitness(own)).rejects.toThrow(/^The login postgres is a superuser/);
		await own.close();
	});
});

/** A database whose answers are given: those of a standby, of a past that was put back, and those that none gives. */
function answering(...answers: readonly (readonly TextRow[])[]) {
	const asked: { scope: Scope; text: string; values: unknown[] }[] = [];
	const left = [...answers];
	const sql: Pick<ScopedSql, 'run'> = {
		run: async (scope, text, values) => {
			asked.push({ scope, text, values });
			return [...(left.shift() ?? [])];
		},
	};
	// Nothing else of it is called.
	return { asked, sql: sql as ScopedSql };
}

interface Answer {
	readonly xmin: string | null;
	readonly xmax: string | null;
	readonly running: string | null;
	readonly server: string | null;
	readonly inRecovery: string | null;
	readonly receives: string | null;
	readonly lag: string | null | undefined;
	readonly kept: string | null;
	readonly changed: string | null;
}

const answer = (changes: Partial<Answer> = {}): TextRow[] => {
	const { xmin, xmax, running, server, inRecovery, receives, lag, kept, changed } = {
		...{ xmin: '10', xmax: '20', running: '["12"]', server: 's', inRecovery: 'false' },
		...{ receives: 'true', lag: null, kept: 'true', changed: '["a"]' },
		...changes,
	};
	// A row may have fewer columns than it should.
	return [[xmin, xmax, running, server, inRecovery, receives, lag, kept, changed] as TextRow];
};

/** What the last of several polls found and asked, each of the others accepted. */
async function lastOf(...answers: readonly (readonly TextRow[])[]) {
	const { sql, asked } = answering(...answers);
	const feed = new Feed(sql);
	let found = await feed.poll();
	for (let at = 1; at < answers.length; at += 1) {
		found.accept();
		found = await feed.poll();
	}
	return { ...found, asked: asked.at(-1)?.values, scope: asked.at(-1)?.scope };
}

describe('a poll', () => {
	test('begins behind everything where none was accepted, and asks in the scope of a loader', async () => {
		expect(await lastOf(answer())).toMatchObject({
			changed: 'all',
			asked: ['9223372036854775807', [], false, '0'],
			scope: loaderScope,
		});
	});

	test('begins behind the last snapshot, and with what ran then', async () => {
		const { changed, asked } = await lastOf(answer(), answer(), answer());
		expect([changed, asked]).toEqual([['a'], ['20', ['12'], false, '10']]);
	});

	test('begins at all that may have run, after one of which it is not known what ran', async () => {
		const standby = answer({ inRecovery: 'true' });
		const atXmin = ['10', [], false, '10'];
		// The first of all, those of a standby, and the first behind them.
		for (const before of [[answer()], [answer(), standby], [standby, answer()]]) {
			const { changed, asked } = await lastOf(...before, answer());
			expect([changed, asked]).toEqual([['a'], atXmin]);
		}
		// Nor is it after a poll that found another server.
		const { asked } = await lastOf(answer(), answer({ server: 'other' }), answer());
		expect(asked).toEqual(atXmin);
	});

	test.each<[string, Partial<Answer>, 'all' | string[]]>([
		['the same server', {}, ['a']],
		['another server', { server: 'other' }, 'all'],
		['a log that does not reach back', { kept: 'false' }, 'all'],
		['a snapshot as old', { xmin: '10' }, ['a']],
		['a snapshot that is older', { xmin: '9' }, 'all'],
		['a snapshot that is newer, by its number', { xmin: '101' }, ['a']],
		['nothing', { changed: '[]' }, []],
	])('that finds %s', async (_, changes, expected) => {
		expect((await lastOf(answer({ xmin: '10' }), answer(changes))).changed).toEqual(expected);
	});

	test('names as many organizations as are worth it', async () => {
		const many = (count: number) =>
			answer({ changed: JSON.stringify(Array.from({ length: count }, (_, at) => `o${at}`)) });
		expect((await lastOf(answer(), many(10_000))).changed).toHaveLength(10_000);
		expect((await lastOf(answer(), many(10_001))).changed).toBe('all');
	});

	test('asks whether the log reaches back after a minute without one', async () => {
		const { sql, asked } = answering(answer(), answer(), answer());
		const feed = new Feed(sql);
		// Whole, so that the difference is exact.
		const begun = 1_000;
		const clock = jest.spyOn(performance, 'now').mockReturnValue(begun);
		const first = await feed.poll();
		expect(first.at).toBe(begun);
		first.accept();
		clock.mockReturnValue(begun + 60_000);
		await feed.poll();
		clock.mockReturnValue(begun + 60_001);
		await feed.poll();
		expect(asked.map(({ values }) => values[2])).toEqual([false, false, true]);
	});

	test.each<[string | null, number | null]>([
		[null, null],
		['0', 0],
		['12.6', 13],
		['-3', 0],
	])('of a standby that is %s behind', async (lag, expected) => {
		expect((await lastOf(answer({ lag, receives: 'false' }))).lag).toBe(expected);
		expect((await lastOf(answer({ lag, receives: 'false' }))).receives).toBe(false);
	});

	const columns = [
		'xmin',
		'xmax',
		'running',
		'server',
		'inRecovery',
		'receives',
		'kept',
		'changed',
	];
	test.each<[string, readonly TextRow[]]>([
		['no row', []],
		['two rows', [...answer(), ...answer()]],
		...columns.flatMap((name): [string, readonly TextRow[]][] => [
			[`no ${name}`, answer({ [name]: null })],
			[`an empty ${name}`, answer({ [name]: '' })],
		]),
		['no lag', answer({ lag: undefined })],
		...['x', '1x', 'x1', '-1', '1.5'].flatMap((wrong): [string, readonly TextRow[]][] => [
			[`the xmin ${wrong}`, answer({ xmin: wrong })],
			[`the xmax ${wrong}`, answer({ xmax: wrong })],
		]),
		...['{}', '5', '[5]', '["a", null]', '"a"'].flatMap((wrong): [string, readonly TextRow[]][] => [
			[`running ${wrong}`, answer({ running: wrong })],
			[`changed ${wrong}`, answer({ changed: wrong })],
		]),
		...['t', 'TRUE', ' true'].flatMap((wrong): [string, readonly TextRow[]][] => [
			[`inRecovery ${wrong}`, answer({ inRecovery: wrong })],
			[`kept ${wrong}`, answer({ kept: wrong })],
		]),
	])('whose answer has %s is an error, never one without changes', async (name, rows) => {
		const { sql } = answering(answer(), rows);
		const feed = new Feed(sql);
		(await feed.poll()).accept();
		const error = await feed.poll().catch((reason: unknown) => reason);
		// Where it is no JSON, JSON.parse() says so.
		expect(error).toMatchObject(
			/^an empty (running|changed)$/.test(name)
				? { name: 'SyntaxError' }
				: { message: 'The answer of the database to a poll does not have the expected form' },
		);
	});
});

describe('a login', () => {
	type Fitness = readonly [login: string | null, ...rest: (string | null)[]];
	const fit: Fitness = ['"the login"', 'f', 'f', 'f', 'f', 'f', '[]', '[]', '[]'];
	const fitness = (at: number, text: string): Fitness => [
		fit[0],
		...fit.slice(1).map((value, index) => (index + 1 === at ? text : value)),
	];
	const refusalOf = async (...rows: readonly TextRow[]) => {
		const { sql, asked } = answering(rows);
		const error = await checkFitness(sql).catch((reason: unknown) => reason);
		expect(asked.map(({ scope, values }) => [scope, values])).toEqual([
			[loaderScope, [['rds_iam']]],
		]);
		return error;
	};
	const refused = (message: string) => expect.objectContaining({ code: 'CONFIGURATION', message });
	const howTo =
		"A loader's may switch to destinations_loader and nothing else: create one with prisma/grants/logins.sql.";

	test('that has no power is fit', async () => {
		expect(await refusalOf(fit)).toBeUndefined();
		expect(await refusalOf([...fit.slice(0, 6), null, null, null])).toBeUndefined();
	});

	test.each([
		[1, 't', 'is a superuser'],
		[2, 't', 'bypasses row level security (BYPASSRLS)'],
		[3, 't', 'may create roles (CREATEROLE)'],
		[4, 't', 'may replicate every table (REPLICATION)'],
		[5, 't', 'owns the tables'],
		[6, '["one", "two"]', 'may switch to one, two'],
	])('that has power %i is not', async (at, text, power) => {
		expect(await refusalOf(fitness(at, text))).toEqual(
			refused(`The login "the login" ${power}. ${howTo}`),
		);
	});

	test('is told of all its powers at once', async () => {
		const all: Fitness = ['"the login"', 't', 'f', 't', 'f', 't', '["one"]', '["a"]', '["b"]'];
		expect(await refusalOf(all)).toEqual(
			refused(
				`The login "the login" is a superuser, may create roles (CREATEROLE), owns the tables, may switch to one. ${howTo}`,
			),
		);
	});

	test('that sees too little is told what the database lacks', async () => {
		const lacking = ['t', 'u'].map((name) => `a policy of ${name} for destinations_loader`);
		const end =
			'without which changes would not be seen. `npx consent-destinations doctor` says how to mend it.';
		expect(await refusalOf(fitness(7, '["t", "u"]'))).toEqual(
			refused(`The database lacks ${lacking.join(', ')}, ${end}`),
		);
		expect(await refusalOf(fitness(8, '["x"]'))).toEqual(
			refused(`The database lacks the trigger x, ${end}`),
		);
		expect(await refusalOf([...fit.slice(0, 7), '["t"]', '["x"]'])).toEqual(
			refused(`The database lacks ${lacking[0]}, the trigger x, ${end}`),
		);
	});

	test('that the server does not know is refused', async () => {
		expect(await refusalOf()).toEqual(refused('The login of the loader is unknown.'));
	});
});
