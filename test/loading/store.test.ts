import { ScopedPool } from '../../src/database/scoped-pool.ts';
import type { ScopedSql } from '../../src/database/scoped-sql.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import {
	ConfigurationError,
	ForbiddenError,
	RetryError,
	UnavailableError,
} from '../../src/errors.ts';
import { Counters } from '../../src/loading/metrics.ts';
import type { UnopenedRow } from '../../src/loading/opening.ts';
import { Reads } from '../../src/loading/reads.ts';
import { readOrganizations } from '../../src/loading/rows.ts';
import { Store } from '../../src/loading/store.ts';
import { newKeys, pass } from '../support/encryption.ts';
import { KeyService } from '../support/key-service.ts';
import { Loading, unknownId } from './loading.ts';

// How organizations come into memory, and how often the database is asked for them. Whole loaders are held elsewhere.

let loading: Loading;
let pool: ScopedPool;
/** The server that is polled. */
let server: string;
const service = new KeyService();

beforeAll(async () => {
	service.cacheSeconds = 60;
	loading = await Loading.open(service);
	const { loaderConnectionString } = loading.database.logins;
	// Two, so that one read may be kept waiting.
	pool = new ScopedPool(
		{ connectionString: loaderConnectionString, max: 2 },
		{ namedStatements: true },
	);
	server = (await readOrganizations(pool, [])).server;
});

afterAll(async () => {
	await pool.close();
	await loading[Symbol.asyncDispose]();
});

afterEach(() => jest.restoreAllMocks());

interface Surroundings {
	readonly capacity?: number;
	readonly keys?: ConstructorParameters<typeof SettingsEncryption>[0];
	/** What the next statements fail with, before the database sees them. */
	readonly failures?: unknown[];
	/** Which server is polled, by how often that was asked anew. */
	readonly servers?: readonly string[];
}

function open({ capacity = 100, keys = service, failures = [], servers }: Surroundings = {}) {
	const counters = new Counters();
	const leftOut: UnopenedRow[] = [];
	let polls = 0;
	let statements = 0;
	const sql = {
		run: (...given: Parameters<ScopedSql['run']>) => {
			statements += 1;
			return failures.length > 0 ? Promise.reject(failures.shift()) : pool.run(...given);
		},
	};
	const store = new Store(capacity, {
		// Nothing else of it is called.
		sql: sql as ScopedSql,
		operations: pool.operations,
		encryption: new SettingsEncryption(keys),
		counters,
		server: () => (servers === undefined ? server : (servers[polls] ?? server)),
		poll: async () => {
			polls += 1;
		},
		leaveOut: (unopened) => leftOut.push(unopened),
	});
	const find = (id: string, environment: 'production' | 'staging' = 'production') =>
		store.find(id, environment);
	return { store, find, counters, leftOut, statements: () => statements, polls: () => polls };
}

const codeOf = (work: Promise<unknown>) =>
	work.then(
		() => undefined,
		(error: { code?: unknown }) => error.code,
	);

test('what is asked for is read once, and kept', async () => {
	const { id, organizationId } = await loading.newDestination();
	const { store, find, counters, statements } = open();
	expect(store.slot(organizationId, 'production', 0)).toBeUndefined();
	const [first, second] = await Promise.all([find(organizationId), find(organizationId)]);
	expect(first.map((destination) => destination.id)).toEqual([id]);
	expect(second).toBe(first);
	expect(await find(organizationId)).toBe(first);
	expect(await find(organizationId, 'staging')).toEqual([]);
	expect(store.slot(organizationId, 'production', performance.now())?.opened).toBe(first);
	expect([statements(), counters]).toEqual([1, { ...new Counters(), loads: 1 }]);
	expect(store.cache.size).toBe(1);
});

test('an organization that has nothing is remembered as such', async () => {
	const { store, find, statements } = open();
	const id = unknownId();
	expect([await find(id), await find(id)]).toEqual([[], []]);
	expect([store.cache.size, store.cache.unknown, statements()]).toEqual([0, 1, 1]);
});

test('each gets its own where several are read at once', async () => {
	const made = await loading.newDestinations(3);
	await loading.newDestination({
		organizationId: made[0]?.organizationId ?? '',
		environment: 'staging',
	});
	const { find, statements } = open();
	const found = await Promise.all(made.map(({ organizationId }) => find(organizationId)));
	expect(found.map((list) => list.map(({ id }) => id))).toEqual(made.map(({ id }) => [id]));
	expect(await find(made[0]?.organizationId ?? '', 'staging')).toHaveLength(1);
	expect(statements()).toBe(1);
});

test('a slot may be used until its settings expire', async () => {
	const { organizationId } = await loading.newDestination();
	const { store, find } = open();
	await find(organizationId);
	const { expiresAt } = store.slot(organizationId, 'production', 0) ?? { expiresAt: 0 };
	expect(store.slot(organizationId, 'production', expiresAt - 1)).toBeDefined();
	expect(store.slot(organizationId, 'production', expiresAt)).toBeUndefined();
	expect(store.slot(organizationId, 'other' as 'staging', 0)).toBeUndefined();
});

test('what expired is read and opened anew', async () => {
	const { organizationId } = await loading.newDestination();
	const { find, statements } = open();
	const first = await find(organizationId);
	pass(61);
	const second = await find(organizationId);
	expect([second, statements()]).toEqual([first, 2]);
	expect(second).not.toBe(first);
});

test('what changed is forgotten, and nothing else', async () => {
	const [one, other] = await loading.newDestinations(2);
	if (one === undefined || other === undefined) throw new Error('nothing was made');
	const { store, find, statements } = open();
	await Promise.all([find(one.organizationId), find(other.organizationId)]);
	store.forget([one.organizationId]);
	await find(other.organizationId);
	expect(statements()).toBe(1);
	await find(one.organizationId);
	expect(statements()).toBe(2);
	store.forget('all');
	expect(store.cache.size).toBe(0);
});

test.each([
	['the organization', (id: string) => [id], 2, 1],
	['everything', () => 'all' as const, 2, 1],
	['another', () => [unknownId()], 1, 1],
])(
	'where %s changes while it is read, it is read as often as that needs',
	async (_, changed, sent, kept) => {
		const { organizationId } = await loading.newDestination();
		const { store, find, statements } = open();
		const reading = find(organizationId);
		// The statement has been sent by then, and is not answered yet.
		while (statements() === 0) await new Promise((resolve) => setImmediate(resolve));
		store.forget(changed(organizationId));
		expect(await reading).toHaveLength(1);
		expect([statements(), store.cache.size]).toEqual([sent, kept]);
	},
);

test('a row that does not open is left out, once for all who wait', async () => {
	const { id, organizationId } = await loading.newDestination();
	const { find, leftOut } = open({ keys: newKeys('other') });
	const found = await Promise.all([find(organizationId), find(organizationId)]);
	expect(found).toEqual([[], []]);
	expect(leftOut.map(({ row, error: { code } }) => [row.id, code])).toEqual([[id, 'UNKNOWN_KEY']]);
	expect(await find(organizationId)).toEqual([]);
	expect(leftOut).toHaveLength(1);
});

test('where a key is unknown, rows that may have been rotated since are read once more', async () => {
	const { organizationId } = await loading.newDestination();
	const { store, find, statements, leftOut } = open({ keys: newKeys('other') });
	expect(await find(organizationId)).toEqual([]);
	expect(statements()).toBe(2);
	expect(leftOut).toHaveLength(1);
	expect(store.cache.size).toBe(1);
	// Somebody else may have read them anew meanwhile: then that is opened.
	store.forget([organizationId]);
	const [first, second] = await Promise.all([
		find(organizationId),
		find(organizationId, 'staging'),
	]);
	expect([first, second]).toEqual([[], []]);
	expect(statements()).toBe(4);
});

test('where a row does not open for another reason, it is not read again', async () => {
	const { id, organizationId } = await loading.newDestination();
	await loading.sql('SET session_replication_role = replica');
	await loading.sql(`UPDATE destinations SET type = 'mixpanel' WHERE id = '${id}'`);
	await loading.sql('RESET session_replication_role');
	const { find, statements, leftOut } = open();
	expect(await find(organizationId)).toEqual([]);
	expect([statements(), leftOut[0]?.error.code]).toEqual([1, 'DECRYPTION_FAILED']);
});

test('a fault while rows are opened fails that call, and the next tries again', async () => {
	const { id, organizationId } = await loading.newDestination();
	const { find } = open();
	const fault = jest
		.spyOn(SettingsEncryption.prototype, 'decrypt')
		.mockRejectedValueOnce(new TypeError('fault'));
	await expect(find(organizationId)).rejects.toThrow('fault');
	fault.mockRestore();
	expect((await find(organizationId)).map((destination) => destination.id)).toEqual([id]);
});

describe('a read that fails', () => {
	const lost = () => Object.assign(new Error('Connection terminated'), { code: 'ECONNRESET' });

	test.each([
		['its connection', lost],
		['a deadlock', () => new RetryError('x')],
		['a database that is away', () => new UnavailableError('x')],
	])('by %s is sent once more', async (_, failure) => {
		const { organizationId } = await loading.newDestination();
		const { find, statements, counters } = open({ failures: [failure()] });
		expect(await find(organizationId)).toHaveLength(1);
		expect([statements(), counters.loads, counters.failures]).toEqual([2, 2, 0]);
	});

	test('twice is given up, and counted once', async () => {
		const { find, statements, counters } = open({ failures: [lost(), new RetryError('x')] });
		expect(await codeOf(find(unknownId()))).toBe('UNAVAILABLE');
		expect([statements(), counters.loads, counters.failures]).toEqual([2, 2, 1]);
	});

	test.each([
		[new ForbiddenError('x'), 'CONFIGURATION'],
		[new ConfigurationError('x'), 'CONFIGURATION'],
		[new Error('x'), 'UNAVAILABLE'],
	])('by %p is not sent again', async (failure, code) => {
		const { find, statements, counters, store } = open({ failures: [failure] });
		expect(await codeOf(find(unknownId()))).toBe(code);
		expect([statements(), counters.loads, counters.failures]).toEqual([1, 1, 1]);
		expect(store.cache.unknown).toBe(0);
	});
});

test('what another server answered is read again, from the one that is polled then', async () => {
	const { organizationId } = await loading.newDestination();
	const { find, statements, polls } = open({ servers: ['one', 'another'] });
	expect(await find(organizationId)).toHaveLength(1);
	expect([statements(), polls()]).toEqual([3, 2]);
	const several = open({ servers: ['one', 'another', 'a third'] });
	expect(await codeOf(several.find(organizationId))).toBe('UNAVAILABLE');
	expect([several.statements(), several.polls()]).toEqual([3, 3]);
	expect(several.store.cache.size).toBe(0);
});

test('an environment that there is not is a fault of the caller', async () => {
	const { organizationId } = await loading.newDestination();
	await expect(open().find(organizationId, 'other' as 'staging')).rejects.toThrow(
		'The environment was not checked',
	);
});

test('of a read that has ended nothing is left, however it ended', async () => {
	const [begun, ended] = [jest.spyOn(Reads.prototype, 'begin'), jest.spyOn(Reads.prototype, 'end')];
	const { store, find } = open();
	await find(unknownId());
	await store.preload();
	expect(ended.mock.calls.map(([read]) => read)).toEqual(
		begun.mock.results.map(({ value }) => value),
	);
	const failing = open({ failures: [new Error('x'), new Error('x')] });
	expect(await codeOf(failing.find(unknownId()))).toBe('UNAVAILABLE');
	expect(await codeOf(failing.store.preload())).toBe('UNAVAILABLE');
	expect([begun.mock.calls.length, ended.mock.calls.length]).toEqual([4, 4]);
});

test('after close() who waits is refused, and nothing is kept', async () => {
	const { organizationId } = await loading.newDestination();
	const { store, find, statements } = open();
	await find(organizationId);
	const waiting = find(unknownId()).catch((error: unknown) => error);
	// Its statement is sent at the end of this turn.
	const error = new Error('closed');
	store.close(error);
	expect(await waiting).toBe(error);
	expect([store.cache.size, statements()]).toEqual([0, 1]);
});

describe('preload', () => {
	let own: Loading;
	let ownPool: ScopedPool;
	/** More than are read with one statement. */
	const count = 5_300;
	let ids: readonly string[];

	beforeAll(async () => {
		own = await Loading.open();
		ownPool = new ScopedPool(
			{ connectionString: own.database.logins.loaderConnectionString },
			{ namedStatements: true },
		);
		await own.sql('SET session_replication_role = replica');
		// The page ends in the middle of an organization: the third row of the last would not fit.
		const [made] = await own.sql<{ ids: string[] }>(
			`WITH organization AS (INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id),
			made AS (INSERT INTO destinations (organization_id, type, name, environment)
				SELECT id, 'console', 'x', environment FROM organization,
					unnest(ARRAY['development', 'staging', 'production']) AS environment)
			SELECT array_agg(id::text ORDER BY id) AS ids FROM organization`,
			[count / 2],
		);
		ids = made?.ids ?? [];
	});

	afterAll(async () => {
		await ownPool.close();
		await own[Symbol.asyncDispose]();
	});

	function openOwn({
		capacity = count,
		servers = [] as string[],
		answered = (_: Store) => {},
	} = {}) {
		const counters = new Counters();
		let polls = 0;
		let polled: string | undefined;
		const store: Store = new Store(capacity, {
			// Nothing else of it is called.
			sql: {
				run: async (...given: Parameters<ScopedSql['run']>) => {
					const rows = await ownPool.run(...given);
					answered(store);
					return rows;
				},
			} as ScopedSql,
			operations: ownPool.operations,
			encryption: new SettingsEncryption(newKeys()),
			counters,
			server: () => servers[polls] ?? polled,
			poll: async () => {
				polls += 1;
			},
			leaveOut: () => {},
		});
		const preload = async () => {
			polled = (await readOrganizations(ownPool, [])).server;
			await store.preload();
		};
		return { store, preload, counters, polls: () => polls };
	}

	test('keeps every organization with all its rows, sealed', async () => {
		const { store, preload, counters } = openOwn();
		await preload();
		expect(store.cache.size).toBe(ids.length);
		expect(counters.loads).toBe(Math.ceil((ids.length * 3) / 4_998));
		for (const id of ids) {
			const slots = store.cache.get(id)?.slots() ?? [];
			expect(slots.map(({ stored, opened }) => [stored?.length, opened])).toEqual(
				Array(3).fill([1, undefined]),
			);
		}
	});

	test('ends once the cache is full, with the organizations that come first', async () => {
		for (const capacity of [1, 1_666, 2_000]) {
			const { store, preload, counters } = openOwn({ capacity });
			await preload();
			expect([store.cache.size, store.cache.evictions]).toEqual([capacity, 0]);
			const kept = ids.filter((id) => store.cache.get(id) !== undefined);
			expect(kept).toEqual(ids.slice(0, capacity));
			expect(counters.loads).toBe(Math.ceil(capacity / 1_666));
		}
	});

	test('keeps nothing of what changed meanwhile', async () => {
		const changed = ids.slice(3, 6);
		let pages = 0;
		// Known before what the first page has is kept.
		const answered = (of: Store) => {
			pages += 1;
			if (pages === 1) of.forget(changed);
		};
		const { store, preload } = openOwn({ answered });
		await preload();
		expect(store.cache.size).toBe(ids.length - 3);
		expect(changed.map((id) => store.cache.get(id))).toEqual([undefined, undefined, undefined]);
	});

	test('is of the server that is polled, or given up', async () => {
		const { store, preload, polls } = openOwn({ capacity: 1, servers: ['one', 'another'] });
		await preload();
		expect([store.cache.size, polls()]).toEqual([1, 2]);
		const several = openOwn({ servers: ['one', 'another', 'a third'] });
		expect(await codeOf(several.preload())).toBe('UNAVAILABLE');
		expect([several.store.cache.size, several.polls()]).toEqual([0, 3]);
	});
});
