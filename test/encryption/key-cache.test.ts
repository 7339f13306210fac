import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { codeOf, countingProvider, newContext, pass } from '../support/encryption.ts';

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
