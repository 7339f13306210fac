import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { UnknownKeyError } from '../../src/errors.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { Keyring } from '../../src/keys/keyring.ts';
import { changed, codeOf, countingProvider, newContext } from '../support/encryption.ts';

const settings = { apiKey: 'phc_example' };

describe('a provider', () => {
	it('may answer at once or later', async () => {
		const key = randomBytes(32);
		const context = newContext();
		const later: KeyProvider = {
			cacheSeconds: 1,
			primaryKeyId: async () => delay(5, 'k'),
			getKey: async () => delay(5, key),
		};
		const atOnce: KeyProvider = { cacheSeconds: 1, primaryKeyId: () => 'k', getKey: () => key };
		const envelope = await new SettingsEncryption(later).encrypt(settings, context);
		expect(await new SettingsEncryption(atOnce).decrypt(envelope, context)).toEqual(settings);
		const ring = new SettingsEncryption(new Keyring(`k:${key.toString('hex')}`));
		expect(await ring.decrypt(envelope, context)).toEqual(settings);
	});

	it('is asked with its own object, for the organization as the database writes it', async () => {
		const seen: unknown[] = [];
		class Own implements KeyProvider {
			readonly cacheSeconds = 1;
			readonly #key = randomBytes(32);
			primaryKeyId(organizationId: string) {
				seen.push(organizationId);
				return 'k';
			}
			getKey(keyId: string, organizationId: string) {
				seen.push(keyId, organizationId);
				return this.#key;
			}
		}
		const context = newContext();
		const { organizationId } = context;
		const spelled = { ...context, organizationId: organizationId.toUpperCase() };
		await new SettingsEncryption(new Own()).encrypt(settings, spelled);
		expect(seen).toEqual([organizationId, 'k', organizationId]);
	});

	it('may wipe the key that it gave', async () => {
		const key = randomBytes(32);
		const given: Uint8Array[] = [];
		const encryption = new SettingsEncryption({
			cacheSeconds: 60,
			primaryKeyId: () => 'k',
			getKey: () => {
				const copy = Uint8Array.from(key);
				given.push(copy);
				return copy;
			},
		});
		const context = newContext();
		const envelope = await encryption.encrypt(settings, context);
		for (const copy of given) copy.fill(0);
		expect(await encryption.decrypt(envelope, context)).toEqual(settings);
		const second = await encryption.encrypt(settings, context);
		const ring = new SettingsEncryption(`k:${key.toString('hex')}`);
		expect(await ring.decrypt(second, context)).toEqual(settings);
	});

	it.each<[string, unknown]>([
		['31 bytes', randomBytes(31)],
		['33 bytes', randomBytes(33)],
		['no bytes', new Uint8Array(0)],
		['64 hex digits', randomBytes(32).toString('hex')],
		['a list of numbers', Array.from({ length: 32 }, () => 1)],
		['an ArrayBuffer', new ArrayBuffer(32)],
		['32 numbers of two bytes', new Uint16Array(32)],
		['nothing', undefined],
		['null', null],
	])('that gives %s for a key is set up wrongly', async (_, key) => {
		const { provider } = countingProvider({ getKey: async () => key as Uint8Array });
		const error = await new SettingsEncryption(provider)
			.encrypt(settings, newContext())
			.catch((refusal: Error) => refusal);
		expect(error).toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringContaining('32 bytes'),
		});
	});

	it.each([undefined, null, '', 'a/b', 'a b', 'x'.repeat(65), 1, {}])(
		'that gives %p for a primary key id is set up wrongly',
		async (id) => {
			const { provider, asked } = countingProvider({ primaryKeyId: () => id as string });
			const work = new SettingsEncryption(provider).encrypt(settings, newContext());
			await expect(work).rejects.toMatchObject({
				code: 'CONFIGURATION',
				message:
					'The key provider returned a primary key id that is not 1 to 64 letters, digits, dots, dashes and underscores.',
			});
			expect(asked).toEqual([]);
		},
	);

	it('that does not know a key says so, without what caused it', async () => {
		const secret = randomBytes(16).toString('hex');
		const { provider } = countingProvider();
		const context = newContext();
		const envelope = await new SettingsEncryption(provider).encrypt(settings, context);
		const forgetful = new SettingsEncryption({
			...provider,
			getKey: () => {
				throw new UnknownKeyError('no such key', { cause: new Error(secret) });
			},
		});
		const error = await forgetful.decrypt(envelope, context).catch((refusal: Error) => refusal);
		expect(error).toMatchObject({ code: 'UNKNOWN_KEY', message: 'no such key' });
		expect(inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY })).not.toContain(
			secret,
		);
	});
});

describe('a provider that fails', () => {
	const secret = 'sk_0123456789abcdef';

	class HttpError extends Error {
		readonly request = { headers: { authorization: secret } };
		override name = 'HttpError';
	}

	it.each<[string, () => unknown, string]>([
		['an error', () => new Error(`401 for ${secret}`), 'Error'],
		['an error of its own', () => new HttpError(secret, { cause: new Error(secret) }), 'HttpError'],
		['a secret for a name', () => Object.assign(new Error('x'), { name: secret }), 'an error'],
		[
			'a key for a name',
			() => Object.assign(new Error('x'), { name: 'ab'.repeat(32) + 'x'.repeat(9) }),
			'an error',
		],
		['many errors', () => new AggregateError([new Error(secret)], secret), 'AggregateError'],
		['a text', () => secret, 'string'],
		['an object', () => ({ secret }), 'object'],
		['nothing', () => undefined, 'undefined'],
	])('with %s is unavailable, and nothing of the failure is passed on', async (_, make, kind) => {
		const fail = () => {
			throw make();
		};
		for (const changes of [
			{ getKey: fail },
			{ primaryKeyId: fail },
			{ getKey: async () => fail() },
			{ primaryKeyId: () => Promise.reject(make()) },
		]) {
			const { provider } = countingProvider(changes);
			const error = await new SettingsEncryption(provider)
				.encrypt(settings, newContext())
				.catch((refusal: Error) => refusal);
			expect(error).toMatchObject({ name: 'KeyUnavailableError', code: 'KEY_UNAVAILABLE' });
			expect((error as Error).message).toContain(`failed with ${kind}.`);
			expect((error as Error).cause).toBeUndefined();
			const shown = inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY });
			// The stack quotes lines of this file, and they name the variable, not its value.
			expect(shown).not.toContain(secret);
		}
	});

	it('is asked again by the next call', async () => {
		const { provider, asked } = countingProvider();
		let down = true;
		const encryption = new SettingsEncryption({
			...provider,
			getKey: async (keyId, organizationId) => {
				const key = await provider.getKey(keyId, organizationId);
				if (down) throw new Error('down');
				return key;
			},
		});
		const context = newContext();
		expect(await codeOf(encryption.encrypt(settings, context))).toBe('KEY_UNAVAILABLE');
		down = false;
		const envelope = await encryption.encrypt(settings, context);
		expect(await encryption.decrypt(envelope, context)).toEqual(settings);
		expect(asked).toHaveLength(2);
	});

	it('fails every call that waits for it, and no other', async () => {
		const { provider } = countingProvider();
		const [one, two] = [newContext(), newContext()];
		const encryption = new SettingsEncryption({
			...provider,
			getKey: async (keyId, organizationId) => {
				await delay(5);
				if (organizationId === one.organizationId) throw new Error('down');
				return provider.getKey(keyId, organizationId);
			},
		});
		const codes = await Promise.all(
			[one, one, two].map((context) => codeOf(encryption.encrypt(settings, context))),
		);
		expect(codes).toEqual(['KEY_UNAVAILABLE', 'KEY_UNAVAILABLE', undefined]);
	});

	it('leaves no rejection that nobody handles', async () => {
		const unhandled: unknown[] = [];
		const note = (reason: unknown) => unhandled.push(reason);
		process.on('unhandledRejection', note);
		try {
			const { provider } = countingProvider({ getKey: () => Promise.reject(new Error('down')) });
			const encryption = new SettingsEncryption(provider);
			const context = newContext();
			const works = [1, 2, 3].map(() => codeOf(encryption.encrypt(settings, context)));
			await Promise.all(works);
			await delay(10);
			expect(unhandled).toEqual([]);
		} finally {
			process.off('unhandledRejection', note);
		}
	});
});

it('an envelope of a key that is not there fails before the provider is asked for another', async () => {
	const { provider, asked } = countingProvider();
	const encryption = new SettingsEncryption(provider);
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	const malformed = changed(envelope, { kid: '../one' });
	expect(await codeOf(encryption.decrypt(malformed, context))).toBe('DECRYPTION_FAILED');
	expect(asked).toEqual([`one/${context.organizationId}`]);
});

test('a key of one byte repeated, as of wiped memory, seals and opens nothing', async () => {
	for (let byte = 0; byte < 256; byte += 1) {
		const key = new Uint8Array(32).fill(byte);
		const { provider } = countingProvider({ getKey: () => key });
		const encryption = new SettingsEncryption(provider);
		await expect(encryption.encrypt({ a: 1 }, newContext())).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringMatching(/one byte repeated for the key id "one".*copies/),
		});
		key[byte % 32] = byte ^ 1;
		await encryption.encrypt({ a: 1 }, newContext());
	}
});
