import { randomBytes, randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { Batches } from '../../src/loading/batches.ts';
import { OrganizationCache } from '../../src/loading/cache.ts';
import { openRows } from '../../src/loading/opening.ts';
import { nobody, Organization, slotOf } from '../../src/loading/organization.ts';
import { Reads } from '../../src/loading/reads.ts';
import type { StoredRow } from '../../src/loading/rows.ts';
import { Freshness } from '../../src/loading/status.ts';
import { pass } from '../support/encryption.ts';

// What a loader keeps in memory, part by part. Other tests hold what all of them make of a real database.

afterEach(() => jest.restoreAllMocks());

const row = (changes: Partial<StoredRow> = {}): StoredRow => ({
	id: randomUUID(),
	organizationId: randomUUID(),
	type: 'console',
	environment: 'production',
	settings: '{}',
	settingsEncrypted: true,
	requiredConsent: '{marketing}',
	testMode: false,
	version: 1,
	...changes,
});
const some = () => new Organization([row()]);

describe('batches', () => {
	type Answer = ((id: string) => Organization) | undefined;

	/** Batches of a reader whose statements are answered one after the other, by what a test says. */
	function batches(answers: (Answer | Error | Promise<Answer>)[] = []) {
		const reads = new Reads();
		const statements: (readonly string[])[] = [];
		const kept = new Map<string, Organization>();
		let ended = 0;
		const made = new Map<string, Organization>();
		const answer = (id: string) => {
			const organization = made.get(id) ?? some();
			made.set(id, organization);
			return organization;
		};
		const under = new Batches({
			begin: () => reads.begin(),
			read: async (ids) => {
				statements.push(ids);
				const given = answers.length > 0 ? await answers.shift() : answer;
				if (given instanceof Error) throw given;
				return given;
			},
			keep: (id, organization) => kept.set(id, organization),
			end: (read) => {
				ended += 1;
				reads.end(read);
			},
		});
		return { under, statements, kept, reads, made, answer, ends: () => ended };
	}

	/** An answer that comes when it is let. */
	function held() {
		let release: (answer: Answer) => void = () => {};
		const promise = new Promise<Answer>((resolve) => {
			release = resolve;
		});
		return { promise, release };
	}

	test('what is asked for in one turn is one statement, each id once', async () => {
		const { under, statements, kept, ends, made } = batches();
		const found = await Promise.all(['a', 'b', 'a'].map((id) => under.load(id)));
		expect(statements).toEqual([['a', 'b']]);
		expect(found).toEqual([made.get('a'), made.get('b'), made.get('a')]);
		expect(kept).toEqual(made);
		expect(ends()).toBe(1);
		await under.load('a');
		expect(statements).toEqual([['a', 'b'], ['a']]);
	});

	test('what is asked for while a statement is under way is the next, unless that reads it', async () => {
		const first = held();
		const { under, statements, answer, made, ends } = batches([first.promise]);
		const one = under.load('a');
		await turn();
		expect(statements).toEqual([['a']]);
		const others = ['a', 'b', 'c'].map((id) => under.load(id));
		await turn();
		await turn();
		expect(statements).toEqual([['a']]);
		first.release(answer);
		expect(await Promise.all([one, ...others])).toEqual(
			['a', 'a', 'b', 'c'].map((id) => made.get(id)),
		);
		expect(statements).toEqual([['a'], ['b', 'c']]);
		expect(ends()).toBe(2);
	});

	test('who asks after a change waits for a later statement, and so does who asked before', async () => {
		const first = held();
		const { under, statements, reads, kept } = batches([first.promise]);
		const before = under.load('a');
		await turn();
		reads.note(['a', 'b']);
		const after = under.load('a');
		const old = some();
		first.release(() => old);
		expect(await before).toBe(await after);
		expect(await before).not.toBe(old);
		expect(statements).toEqual([['a'], ['a']]);
		expect([...kept.values()]).toEqual([await after]);
	});

	test('a read that has ended knows of no change', () => {
		const reads = new Reads();
		const [ended, other] = [reads.begin(), reads.begin()];
		reads.end(ended);
		reads.note(['one']);
		expect([ended, other].map((read) => read.missed('one'))).toEqual([false, true]);
	});

	test('a change of others has nobody wait longer, and one of all has everybody', async () => {
		for (const [changed, sent] of [
			[['other'], 1],
			['all', 2],
		] as const) {
			const first = held();
			const { under, statements, reads, answer } = batches([first.promise]);
			const asked = under.load('one');
			await turn();
			reads.note(changed);
			first.release(answer);
			await asked;
			expect(statements).toHaveLength(sent);
		}
	});

	test('what changes all the time is answered after three statements, and not kept', async () => {
		const { under, statements, reads, kept, answer, made } = batches();
		const changing = (id: string) => {
			reads.note([id]);
			return answer(id);
		};
		const own = new Batches({
			begin: () => reads.begin(),
			read: async (ids) => {
				statements.push(ids);
				reads.note(['a']);
				return changing;
			},
			keep: (id, organization) => kept.set(id, organization),
			end: (read) => reads.end(read),
		});
		expect(await own.load('a')).toBe(made.get('a'));
		expect(statements).toEqual([['a'], ['a'], ['a']]);
		expect(kept.size).toBe(0);
		expect(await under.load('b')).toBe(made.get('b'));
	});

	test.each([0, 1, 2])('another server %i times is asked again', async (times) => {
		const { under, statements, kept } = batches(Array(times).fill(undefined));
		expect(await under.load('a')).toBe(kept.get('a'));
		expect(statements).toHaveLength(times + 1);
	});

	test('another server three times is given up', async () => {
		const { under, statements, kept } = batches([undefined, undefined, undefined]);
		await expect(under.load('a')).rejects.toMatchObject({
			code: 'UNAVAILABLE',
			message: expect.stringMatching(/^What was read came from another server.*`pool.max` at 1/),
		});
		expect(statements).toHaveLength(3);
		expect(kept.size).toBe(0);
		await under.load('a');
		expect(statements).toHaveLength(4);
	});

	test('a statement that fails fails those that it was for, and no others', async () => {
		const first = held();
		const error = new Error('lost');
		const { under, ends } = batches([first.promise, error]);
		const one = under.load('a');
		await turn();
		const two = under.load('b').catch((reason: unknown) => reason);
		first.release(() => nobody);
		expect(await one).toBe(nobody);
		expect(await two).toBe(error);
		expect(await under.load('b')).toBeInstanceOf(Organization);
		await turn();
		expect(ends()).toBe(3);
	});

	test.each([
		[1000, [1000]],
		[1001, [1000, 1]],
		[2500, [1000, 1000, 500]],
	])('%i organizations are read by statements of %j', async (count, sizes) => {
		const { under, statements, made } = batches();
		const ids = Array.from({ length: count }, (_, at) => `o${at}`);
		const found = await Promise.all(ids.map((id) => under.load(id)));
		expect(statements.map(({ length }) => length)).toEqual(sizes);
		expect(statements.flat()).toEqual(ids);
		expect(found).toEqual(ids.map((id) => made.get(id)));
	});

	test('who waits for a statement that was not sent can be refused, and nothing is sent', async () => {
		const first = held();
		const { under, statements } = batches([first.promise]);
		const sent = under.load('a');
		await turn();
		const waiting = under.load('b').catch((reason: unknown) => reason);
		const error = new Error('closed');
		under.rejectAll(error);
		expect(await waiting).toBe(error);
		first.release(() => nobody);
		expect(await sent).toBe(nobody);
		await turn();
		const unsent = under.load('c').catch((reason: unknown) => reason);
		under.rejectAll(error);
		expect(await unsent).toBe(error);
		await turn();
		await turn();
		expect(statements).toEqual([['a']]);
	});
});

describe('the cache', () => {
	test('who was not asked for makes room first', () => {
		const cache = new OrganizationCache(3);
		for (const id of ['a', 'b', 'c']) cache.put(id, some());
		cache.get('a');
		cache.get('c');
		cache.put('d', some());
		expect(['a', 'b', 'c', 'd'].map((id) => cache.get(id) !== undefined)).toEqual([
			true,
			false,
			true,
			true,
		]);
		cache.put('e', some());
		expect(cache.size).toBe(3);
		expect(cache.evictions).toBe(2);
		cache.put('e', nobody);
		expect([cache.size, cache.unknown]).toEqual([2, 1]);
		cache.put('e', some());
		expect([cache.size, cache.unknown]).toEqual([3, 0]);
		cache.clear();
		expect([cache.size, cache.unknown]).toEqual([0, 0]);
	});

	test('delete() says whether there was something', () => {
		const cache = new OrganizationCache(2);
		cache.put('a', some());
		cache.put('b', nobody);
		expect(['a', 'b', 'c', 'a'].map((id) => cache.delete(id))).toEqual([true, true, false, false]);
	});

	test('it is full at its capacity, and putting what is there again pushes nothing out', () => {
		const cache = new OrganizationCache(2);
		expect(cache.full).toBe(false);
		for (const id of ['a', 'b', 'b', 'a']) cache.put(id, some());
		expect([cache.full, cache.size, cache.evictions]).toEqual([true, 2, 0]);
		expect(cache.get('a')).toBeInstanceOf(Organization);
	});

	test('of organizations that were all asked for, the first makes room', () => {
		const cache = new OrganizationCache(2);
		for (const id of ['a', 'b']) cache.put(id, some());
		for (const id of ['b', 'a']) cache.get(id);
		cache.put('c', some());
		expect(['a', 'b', 'c'].map((id) => cache.get(id) !== undefined)).toEqual([false, true, true]);
		expect([cache.size, cache.evictions]).toEqual([2, 1]);
	});

	test('of those without anything, the first is forgotten behind the bound', () => {
		const cache = new OrganizationCache(1);
		for (let at = 0; at < 10_000; at += 1) cache.put(`o${at}`, nobody);
		expect([cache.size, cache.unknown, cache.get('o0')]).toEqual([0, 10_000, nobody]);
		cache.put('more', nobody);
		expect([cache.unknown, cache.get('o0'), cache.get('o1')]).toEqual([10_000, undefined, nobody]);
		expect(cache.get('more')).toBe(nobody);
	});

	test('what may not be used any more is forgotten, whichever environment it is in', () => {
		for (const environment of ['development', 'staging', 'production']) {
			const cache = new OrganizationCache(9);
			const [good, bad] = [some(), new Organization([row(), row({ environment })])];
			cache.put('good', good);
			cache.put('bad', bad);
			good.production.fill([], 11);
			slotOf(bad, environment as 'staging')?.fill([], 10);
			cache.deleteExpired(9);
			expect(cache.size).toBe(2);
			cache.deleteExpired(10);
			expect([cache.get('good'), cache.get('bad')]).toEqual([good, undefined]);
		}
	});
});

describe('an organization', () => {
	test('has its rows by environment, and nothing opened where there is nothing to open', async () => {
		const rows = [row(), row({ environment: 'staging' }), row()];
		const made = new Organization(rows);
		expect(made.production.stored).toEqual([rows[0], rows[2]]);
		expect(made.staging.stored).toEqual([rows[1]]);
		expect(made.slots()).toEqual([made.development, made.staging, made.production]);
		for (const slot of [made.production, made.staging]) {
			expect([slot.opened, slot.answer, slot.expiresAt]).toEqual([
				undefined,
				undefined,
				Number.POSITIVE_INFINITY,
			]);
		}
		expect(made.development.stored).toBeUndefined();
		expect(await made.development.answer).toBe(made.development.opened);
		expect(made.development.opened).toEqual([]);
		expect(Object.isFrozen(made.development.opened)).toBe(true);
		expect(made.development.expiresAt).toBe(Number.POSITIVE_INFINITY);
		expect(made.used).toBe(false);
		// Of which a process has many.
		expect(nobody.slots()).toEqual(Array(3).fill(made.development));
		expect(nobody.staging).toBe(made.development);
	});

	test('has no other environment', () => {
		const made = some();
		expect(slotOf(made, 'production')).toBe(made.production);
		expect(slotOf(made, 'staging')).toBe(made.staging);
		expect(slotOf(made, 'development')).toBe(made.development);
		for (const name of ['slots', 'used', ''])
			expect(slotOf(made, name as 'staging')).toBeUndefined();
	});

	test('forgets what was sealed once it is opened', async () => {
		const { production } = some();
		production.fill([], 7);
		expect([production.stored, production.opened, production.expiresAt]).toEqual([
			undefined,
			[],
			7,
		]);
		expect(await production.answer).toBe(production.opened);
	});
});

describe('how fresh answers are', () => {
	function freshness(maxStaleness: number) {
		const statuses: string[] = [];
		const made = new Freshness(maxStaleness, (status) => statuses.push(status));
		return { made, statuses };
	}
	const never = Number.NEGATIVE_INFINITY;

	test('there are none before the start, whatever polls say', () => {
		const { made, statuses } = freshness(1000);
		expect([made.status, made.age, made.goodUntil]).toEqual(['initializing', null, never]);
		made.succeeded(performance.now());
		expect(made.age).toBeLessThan(1000);
		made.failed();
		expect([made.status, made.goodUntil, statuses]).toEqual(['initializing', never, []]);
		made.close();
	});

	test('they are as old as the last poll, and each status is told once', () => {
		const { made, statuses } = freshness(1000);
		const at = performance.now();
		made.succeeded(at);
		made.started();
		expect(made.goodUntil).toBe(at + 1000);
		made.succeeded(at + 1);
		made.succeeded(at + 2);
		expect(made.goodUntil).toBe(at + 1002);
		made.failed();
		expect(made.goodUntil).toBe(at + 1002);
		made.failed();
		made.succeeded(at + 3);
		made.close();
		made.close();
		expect([made.status, made.goodUntil]).toEqual(['closed', never]);
		expect(statuses).toEqual(['live', 'interrupted', 'live', 'closed']);
	});

	test('they are stale when the clock says so', () => {
		const { made } = freshness(1000);
		const at = performance.now();
		made.succeeded(at);
		made.started();
		const clock = jest.spyOn(performance, 'now').mockReturnValue(at + 999.9);
		expect([made.status, made.age]).toEqual(['live', expect.closeTo(999.9, 3)]);
		clock.mockReturnValue(at + 1000);
		expect(made.status).toBe('stale');
		made.failed();
		expect(made.status).toBe('stale');
		made.close();
	});

	describe('by a clock that a test moves', () => {
		beforeEach(() => {
			jest.useFakeTimers();
		});
		afterEach(() => {
			jest.useRealTimers();
		});

		test('that is told without anybody asking, once, and not where a poll came in time', () => {
			const { made, statuses } = freshness(60);
			made.succeeded(performance.now());
			expect(jest.getTimerCount()).toBe(0);
			made.started();
			jest.advanceTimersByTime(40);
			made.succeeded(performance.now());
			expect(jest.getTimerCount()).toBe(1);
			jest.advanceTimersByTime(59);
			expect(statuses).toEqual(['live']);
			jest.advanceTimersByTime(1);
			expect([statuses, jest.getTimerCount()]).toEqual([['live', 'stale'], 0]);
			made.failed();
			expect(jest.getTimerCount()).toBe(0);
			made.succeeded(performance.now());
			made.close();
			expect([statuses, jest.getTimerCount()]).toEqual([['live', 'stale', 'live', 'closed'], 0]);
		});

		test('a timer that is early waits for a millisecond more', () => {
			const { made, statuses } = freshness(30);
			made.succeeded(performance.now());
			made.started();
			const clock = jest.spyOn(performance, 'now').mockReturnValue(made.goodUntil - 0.25);
			const timers = jest.spyOn(globalThis, 'setTimeout');
			jest.advanceTimersByTime(35);
			const delays = timers.mock.calls.map(([, delay]) => delay);
			expect(delays).toEqual(Array(6).fill(1));
			expect(statuses).toEqual(['live']);
			clock.mockRestore();
			jest.advanceTimersByTime(1);
			expect(statuses).toEqual(['live', 'stale']);
		});
	});
});

describe('opening rows', () => {
	const organizationId = randomUUID();
	const keys = (cacheSeconds: number) => {
		const key = randomBytes(32);
		return { cacheSeconds, primaryKeyId: async () => 'one', getKey: async () => key };
	};
	const apiKey = `phc_${'a'.repeat(24)}`;

	async function sealed(encryption: SettingsEncryption, changes: Partial<StoredRow> = {}) {
		const made = row({ organizationId, type: 'posthog', ...changes });
		const context = { organizationId, destinationId: made.id, type: made.type };
		return { ...made, settings: JSON.stringify(await encryption.encrypt({ apiKey }, context)) };
	}

	test('what opens is returned frozen, for as long as its key may be used', async () => {
		const encryption = new SettingsEncryption(keys(60));
		const [one, other] = [
			await sealed(encryption, { testMode: true, version: 7 }),
			await sealed(encryption),
		];
		const { destinations, unopened, expiresAt } = await openRows(encryption, [one, other]);
		expect(destinations.map((destination) => ({ ...destination }))).toEqual(
			[one, other].map(({ id, testMode, version }) => ({
				...{ id, organizationId, type: 'posthog', environment: 'production' },
				...{ requiredConsent: ['marketing'], testMode, version },
			})),
		);
		expect(destinations[0]?.settings).toMatchObject({ apiKey });
		expect(Object.isFrozen(destinations)).toBe(true);
		expect(unopened).toEqual([]);
		const left = expiresAt - performance.now();
		expect(left).toBeLessThanOrEqual(60_000);
		expect(left).toBeGreaterThan(30_000);
	});

	test('of several keys the first that expires counts, and a key ring never expires', async () => {
		const ofProvider = new SettingsEncryption(keys(60));
		const first = await sealed(ofProvider);
		await openRows(ofProvider, [first]);
		const { expiresAt } = await openRows(ofProvider, [first]);
		pass(10);
		expect((await openRows(ofProvider, [first])).expiresAt).toBe(expiresAt);
		jest.restoreAllMocks();
		const ofRing = new SettingsEncryption(`one:${randomBytes(32).toString('hex')}`);
		const forever = await openRows(ofRing, [await sealed(ofRing)]);
		expect(forever.expiresAt).toBe(Number.POSITIVE_INFINITY);
		expect((await openRows(ofRing, [])).expiresAt).toBe(Number.POSITIVE_INFINITY);
	});

	test('settings that were never sealed do not expire', async () => {
		const encryption = new SettingsEncryption(keys(60), 'allow-read');
		const plain = row({ settingsEncrypted: false, settings: '{}' });
		const { destinations, expiresAt } = await openRows(encryption, [plain]);
		expect([destinations.length, expiresAt]).toEqual([1, Number.POSITIVE_INFINITY]);
		const empty = await openRows(encryption, [row({ settings: '{}' })]);
		expect(empty).toMatchObject({ unopened: [], expiresAt: Number.POSITIVE_INFINITY });
	});

	test('a row that does not open is left out with its reason, and harms no other', async () => {
		const encryption = new SettingsEncryption(keys(60));
		const good = await sealed(encryption);
		const moved = { ...(await sealed(encryption)), id: randomUUID() };
		const tomorrow = await sealed(encryption, { type: 'of-tomorrow' });
		const { destinations, unopened, expiresAt } = await openRows(encryption, [
			moved,
			tomorrow,
			good,
		]);
		expect(destinations.map(({ id }) => id)).toEqual([good.id]);
		expect(unopened.map(({ row: { id }, error: { code } }) => [id, code])).toEqual([
			[moved.id, 'DECRYPTION_FAILED'],
			[tomorrow.id, 'UNSUPPORTED'],
		]);
		expect(unopened[1]?.error).toMatchObject({
			message: `Destination ${tomorrow.id} has a type that this version does not know. Upgrade @consent-io/destinations.`,
			destinationId: tomorrow.id,
			organizationId,
		});
		expect(expiresAt - performance.now()).toBeGreaterThan(30_000);
		// Nor is it tried again before it changes.
		const alone = await openRows(encryption, [moved]);
		expect(alone.expiresAt).toBe(Number.POSITIVE_INFINITY);
	});

	test('where a key provider fails, the row is tried again after five seconds', async () => {
		const provider = keys(60);
		const encryption = new SettingsEncryption(provider);
		const rows = [await sealed(encryption)];
		const away = new SettingsEncryption({
			...provider,
			getKey: () => Promise.reject(new Error('away')),
		});
		const begun = performance.now();
		const { destinations, expiresAt } = await openRows(away, rows);
		expect(destinations).toEqual([]);
		expect(expiresAt).toBeGreaterThanOrEqual(begun + 5000);
		expect(expiresAt).toBeLessThanOrEqual(performance.now() + 5000);
	});

	test('what no row can hold is an error', async () => {
		const encryption = new SettingsEncryption(keys(60));
		await expect(openRows(encryption, [row({ settings: 'x' })])).rejects.toBeInstanceOf(
			SyntaxError,
		);
	});
});
