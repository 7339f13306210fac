import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { ExpiringCache } from '../../src/keys/expiring-cache.ts';
import { codeOf, countingProvider, newContext, pass } from '../support/encryption.ts';
import { KeyService } from '../support/key-service.ts';

const settings = { apiKey: 'phc_example' };

afterEach(() => jest.restoreAllMocks());

it('a key is asked for once while it may be used', async () => {
	const { provider, asked } = countingProvider();
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	for (let count = 0; count < 20; count += 1) {
		expect(await encryption.decrypt(envelope, context)).toEqual(settings);
		expect(encryption.tryOpen(envelope, context)).toEqual(settings);
	}
	expect(asked).toHaveLength(1);
});

it('what an envelope held may be kept as long as the key that opened it', async () => {
	pass(0);
	const now = performance.now();
	const { provider } = countingProvider();
	const context = newContext();
	const envelope = await new SettingsEncryption(provider).encrypt(settings, context);
	const encryption = new SettingsEncryption(provider);
	expect(encryption.expiresAt(envelope, context)).toBe(Number.NEGATIVE_INFINITY);
	await encryption.decrypt(envelope, context);
	expect(encryption.expiresAt(envelope, context)).toBe(now + 60_000);
	const another = { ...context, organizationId: newContext().organizationId };
	expect(encryption.expiresAt(envelope, another)).toBe(Number.NEGATIVE_INFINITY);
});

it('a key is asked for once by all that wait for it, and each organization for its own', async () => {
	const { provider, asked, chosen } = countingProvider();
	const encryption = new SettingsEncryption({
		...provider,
		primaryKeyId: async (organizationId) => {
			await delay(5);
			return provider.primaryKeyId(organizationId);
		},
		getKey: async (keyId, organizationId) => {
			await delay(5);
			return provider.getKey(keyId, organizationId);
		},
	});
	const contexts = [newContext(), newContext()];
	const works = Array.from({ length: 50 }, (_, index) =>
		encryption.encrypt(settings, contexts[index % 2] ?? newContext()),
	);
	await Promise.all(works);
	const organizations = contexts.map((context) => context.organizationId).sort();
	expect(chosen.sort()).toEqual(organizations);
	expect(asked.sort()).toEqual(organizations.map((organizationId) => `one/${organizationId}`));
});

it('without a cache each call asks again, and calls at the same time still share', async () => {
	const { provider, asked } = countingProvider({ cacheSeconds: 0 });
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	expect(encryption.tryOpen(envelope, context)).toBeUndefined();
	await encryption.decrypt(envelope, context);
	expect(asked).toHaveLength(2);
	await Promise.all([1, 2, 3].map(() => encryption.decrypt(envelope, context)));
	expect(asked).toHaveLength(3);
});

it('a key is asked for again when its time is over', async () => {
	const { provider, asked } = countingProvider({ cacheSeconds: 60 });
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	pass(0);
	const envelope = await encryption.encrypt(settings, context);
	pass(59.9);
	expect(encryption.tryOpen(envelope, context)).toEqual(settings);
	pass(0.2);
	expect(encryption.tryOpen(envelope, context)).toBeUndefined();
	await encryption.decrypt(envelope, context);
	expect(asked).toHaveLength(2);
});

it('a key that was withdrawn stops working when its time is over', async () => {
	let withdrawn = false;
	const { provider } = countingProvider({ cacheSeconds: 60 });
	const encryption = new SettingsEncryption({
		...provider,
		getKey: (keyId, organizationId) => {
			if (withdrawn) throw new Error('withdrawn');
			return provider.getKey(keyId, organizationId);
		},
	});
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	withdrawn = true;
	pass(60);
	expect(await codeOf(encryption.decrypt(envelope, context))).toBe('KEY_UNAVAILABLE');
});

it('a provider cannot lengthen the time afterwards', async () => {
	const { provider, asked } = countingProvider();
	const changing = { ...provider, cacheSeconds: 0 };
	const encryption = new SettingsEncryption(changing);
	changing.cacheSeconds = Number.NaN;
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	await encryption.decrypt(envelope, context);
	expect(asked).toHaveLength(2);
});

it('one organization’s key is never used for another, however the ids are put together', async () => {
	const { provider, asked } = countingProvider({ primaryKeyId: () => 'x' });
	const encryption = new SettingsEncryption(provider);
	const one = { ...newContext(), organizationId: 'a/b' };
	const two = { ...newContext(), organizationId: 'b' };
	await encryption.encrypt(settings, one);
	await encryption.encrypt(settings, two);
	expect(asked).toEqual(['x/a/b', 'x/b']);
});

it('no more than 10,000 keys are kept, the latest ones', async () => {
	const key = randomBytes(32);
	const { provider, asked } = countingProvider({
		cacheSeconds: Number.POSITIVE_INFINITY,
		primaryKeyId: () => 'one',
		getKey: (keyId, organizationId) => {
			asked.push(`${keyId}/${organizationId}`);
			return key;
		},
	});
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	const seal = (index: number) =>
		encryption.encrypt(settings, { ...context, organizationId: `organization ${index}` });
	for (let index = 0; index <= 10_000; index += 1) await seal(index);
	expect(asked).toHaveLength(10_001);
	await seal(10_000);
	await seal(1);
	expect(asked).toHaveLength(10_001);
	await seal(0);
	expect(asked).toHaveLength(10_002);
});

describe('the cache of keys', () => {
	const context = (organizationId: string, destinationId = 'd') => ({
		organizationId,
		destinationId,
		type: 'posthog',
	});

	test('asks once for a key, however many reads wait for it', async () => {
		const keys = new KeyService();
		keys.behave = () => delay(20);
		const encryption = new SettingsEncryption(keys);
		const envelopes = await Promise.all(
			Array.from({ length: 50 }, (_, row) =>
				encryption.encrypt({ row }, context(`o${row % 2}`, `d${row}`)),
			),
		);
		expect([...keys.calls].sort()).toEqual(['k1 o0', 'k1 o1', 'primary o0', 'primary o1']);
		keys.calls = [];
		await Promise.all(
			envelopes.map((envelope, row) =>
				encryption.decrypt(envelope, context(`o${row % 2}`, `d${row}`)),
			),
		);
		expect(keys.calls).toEqual(['k1 o0', 'k1 o1']);
	});

	test('asks nothing while it is warm, and again when cacheSeconds are over', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption(keys);
		const envelope = await encryption.encrypt({}, context('o'));
		keys.calls = [];
		await encryption.decrypt(envelope, context('o'));
		await encryption.encrypt({}, context('o'));
		expect(keys.calls).toEqual([]);
		pass(60);
		await encryption.decrypt(envelope, context('o'));
		await encryption.encrypt({}, context('o'));
		expect(keys.calls).toEqual(['k1 o', 'primary o']);
	});

	test('counts the lifetime of a key from when it was asked for', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption(keys);
		const envelope = await encryption.encrypt({}, context('o'));
		pass(60);
		// The answer is on its way for a minute.
		keys.behave = async () => pass(60);
		await encryption.decrypt(envelope, context('o'));
		keys.keys.clear();
		keys.behave = async () => {};
		await expect(encryption.decrypt(envelope, context('o'))).rejects.toMatchObject({
			code: 'UNKNOWN_KEY',
		});
	});

	test('asks for the primary key anew when the one it remembers is gone', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption({
			cacheSeconds: 60,
			primaryKeyId: (organizationId) => keys.primaryKeyId(organizationId),
			// Keys are refused by name, before any cache of this test's.
			getKey: (keyId, organizationId) => keys.getKey(keyId, organizationId),
		});
		keys.primary = 'k2';
		await expect(encryption.encrypt({}, context('o'))).rejects.toMatchObject({
			code: 'UNKNOWN_KEY',
		});
		keys.primary = 'k1';
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k1');
	});

	test('a primary key that is at hand may change at every write', async () => {
		let primary = 'k1';
		const encryption = new SettingsEncryption({
			cacheSeconds: Number.POSITIVE_INFINITY,
			primaryKeyId: () => primary,
			getKey: () => randomBytes(32),
		});
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k1');
		primary = 'k2';
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k2');
	});
});

it('the primary key id that a provider promises is remembered by all that waited for it', async () => {
	const { provider, chosen } = countingProvider();
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	await Promise.all([1, 2, 3].map(() => encryption.encrypt(settings, context)));
	await encryption.encrypt(settings, context);
	expect(chosen).toHaveLength(1);
});

it('a provider that is away is not asked for its primary key again, which may still be right', async () => {
	const { provider, chosen } = countingProvider();
	const encryption = new SettingsEncryption({
		...provider,
		getKey: () => Promise.reject(new Error('away')),
	});
	const context = newContext();
	for (let turn = 0; turn < 2; turn += 1) {
		expect(await codeOf(encryption.encrypt(settings, context))).toBe('KEY_UNAVAILABLE');
	}
	expect(chosen).toHaveLength(1);
});

describe('a cache', () => {
	afterEach(() => {
		jest.useRealTimers();
	});

	/** Loads values that are their own names, and says which were fetched. */
	function newCache(capacity: number, seconds = 60) {
		const cache = new ExpiringCache<string>(capacity, seconds);
		const fetched: string[] = [];
		const load = (group: string, name: string) =>
			cache.load(group, name, async () => {
				fetched.push(`${group}/${name}`);
				return `${group}/${name}`;
			});
		return { cache, fetched, load };
	}

	it('keeps a value until its time is over, and not at its end', async () => {
		jest.useFakeTimers({ now: 0 });
		const { cache, fetched, load } = newCache(2, 60);
		await load('a', '1');
		jest.advanceTimersByTime(59_999);
		expect(cache.get('a', '1')).toBe('a/1');
		jest.advanceTimersByTime(1);
		expect(cache.get('a', '1')).toBeUndefined();
		await load('a', '1');
		expect(fetched).toEqual(['a/1', 'a/1']);
	});

	it('says until when a value may be used: the distant past for one that is not there', async () => {
		pass(0);
		const cache = new ExpiringCache<number>(9, 60);
		await cache.load('group', 'name', async () => 1);
		expect(cache.expiresAt('group', 'name')).toBe(performance.now() + 60_000);
		expect(cache.expiresAt('group', 'other')).toBe(Number.NEGATIVE_INFINITY);
		expect(cache.expiresAt('other', 'name')).toBe(Number.NEGATIVE_INFINITY);
	});

	it('keeps a value for ever where its seconds have no end', async () => {
		jest.useFakeTimers({ now: 0 });
		const { cache, load } = newCache(2, Number.POSITIVE_INFINITY);
		await load('a', '1');
		jest.advanceTimersByTime(1e12);
		expect(cache.get('a', '1')).toBe('a/1');
	});

	it('shares what is under way by both names', async () => {
		const { fetched, load } = newCache(10);
		const values = await Promise.all([
			load('a', '1'),
			load('a', '2'),
			load('b', '1'),
			load('a', '1'),
		]);
		expect(values).toEqual(['a/1', 'a/2', 'b/1', 'a/1']);
		expect(fetched).toEqual(['a/1', 'a/2', 'b/1']);
	});

	it('is full at its capacity, and gives up the oldest of its oldest group', async () => {
		const { cache, load } = newCache(3);
		const held = () =>
			['a/1', 'a/2', 'b/1', 'b/2', 'b/3'].filter((both) => {
				const [group = '', name = ''] = both.split('/');
				return cache.get(group, name) !== undefined;
			});
		for (const [group, name] of [
			['a', '1'],
			['b', '1'],
			['a', '2'],
		] as const) {
			await load(group, name);
		}
		expect(held()).toEqual(['a/1', 'a/2', 'b/1']);
		await load('b', '2');
		expect(held()).toEqual(['a/2', 'b/1', 'b/2']);
		// The group is empty after that: the next one is the oldest.
		cache.delete('a', '2');
		await load('b', '3');
		expect(held()).toEqual(['b/1', 'b/2', 'b/3']);
		await load('a', '1');
		expect(held()).toEqual(['a/1', 'b/2', 'b/3']);
	});

	it('has as much room after something was deleted, was there already, or was never there', async () => {
		const { cache, load } = newCache(2);
		await load('a', '1');
		cache.delete('a', '2');
		cache.delete('b', '1');
		cache.delete('a', '1');
		cache.delete('a', '1');
		await load('a', '1');
		await load('a', '2');
		expect([cache.get('a', '1'), cache.get('a', '2')]).toEqual(['a/1', 'a/2']);
		await load('a', '3');
		expect([1, 2, 3].map((name) => cache.get('a', String(name)))).toEqual([
			undefined,
			'a/2',
			'a/3',
		]);
	});
});
