import { randomBytes } from 'node:crypto';
import { sealJson } from '../../src/encryption/envelope.ts';
import {
	keysOption,
	plaintextOption,
	SettingsEncryption,
} from '../../src/encryption/settings-encryption.ts';
import {
	ConfigurationError,
	ConflictError,
	KeyUnavailableError,
	UnknownKeyError,
} from '../../src/errors.ts';
import { deriveTenantKey } from '../../src/keys/tenant-key.ts';
import { codeOf, countingProvider, newContext } from '../support/encryption.ts';

const settings = { apiKey: 'phc_example' };

describe('settings in clear are read by a client that says so', () => {
	const { provider } = countingProvider();

	it('and otherwise refused', () => {
		expect(new SettingsEncryption(provider).plaintext).toBe('refuse');
		expect(new SettingsEncryption(provider, 'refuse').plaintext).toBe('refuse');
		expect(new SettingsEncryption(provider, 'allow-read').plaintext).toBe('allow-read');
		for (const policy of ['refuse', 'allow-read'])
			expect(plaintextOption.parse(policy)).toBe(policy);
	});

	it.each(['', 'allow', 'ALLOW-READ', true, null, {}])('and not by %j', (plaintext) => {
		// Callers without types may pass anything.
		expect(() => new SettingsEncryption(provider, plaintext as 'refuse')).toThrow(
			expect.objectContaining({
				code: 'CONFIGURATION',
				message: "`plaintext` must be 'refuse' or 'allow-read'.",
			}),
		);
		const [issue] = plaintextOption.safeParse(plaintext).error?.issues ?? [];
		expect(issue?.message).toBe("must be 'refuse' or 'allow-read'");
	});

	it('opens no settings in clear as an envelope', async () => {
		const reader = new SettingsEncryption(provider, 'allow-read');
		expect(await codeOf(reader.decrypt(settings, newContext()))).toBe('DECRYPTION_FAILED');
	});
});

describe('the option `keys`', () => {
	it.each([null, 5, true, {}, [], () => 'k'])('is not %p', (value) => {
		const [issue] = keysOption.safeParse(value).error?.issues ?? [];
		expect(issue?.message).toMatch(
			/^must be text such as "id:hex", or a provider with `primaryKey/,
		);
	});

	it('is text, or a provider as it is', () => {
		const { provider } = countingProvider();
		expect(keysOption.parse('id:hex')).toBe('id:hex');
		expect(keysOption.parse(provider)).toBe(provider);
	});
});

describe('an error of the key that an envelope needs', () => {
	it.each([
		['UNKNOWN_KEY', new UnknownKeyError('the key is gone')],
		['KEY_UNAVAILABLE', new KeyUnavailableError('the service is away')],
		['CONFIGURATION', new ConfigurationError('the keys are mixed up')],
	] as const)('says whose envelope it is, to each that waits: %s', async (_, failure) => {
		const { provider } = countingProvider();
		const [one, other] = [newContext(), newContext()];
		const two = { ...other, organizationId: one.organizationId };
		const writer = new SettingsEncryption(provider);
		const envelopes = [await writer.encrypt(settings, one), await writer.encrypt(settings, two)];
		const reader = new SettingsEncryption({
			...provider,
			getKey: async () => Promise.reject(failure),
		});
		const errors = await Promise.all(
			[one, two].map((context, index) =>
				reader.decrypt(envelopes[index], context).catch((error: unknown) => error),
			),
		);
		for (const [index, { organizationId, destinationId }] of [one, two].entries()) {
			expect(errors[index]).toBeInstanceOf(failure.constructor);
			const { code, message } = failure;
			expect(errors[index]).toMatchObject({ code, message, organizationId, destinationId });
		}
	});

	it('is passed on where it is about more than this envelope', async () => {
		const { provider } = countingProvider();
		const context = newContext();
		const envelope = await new SettingsEncryption(provider).encrypt(settings, context);
		const failure = new ConflictError('the keys were deleted');
		const reader = new SettingsEncryption({
			...provider,
			getKey: () => Promise.reject(failure),
		});
		await expect(reader.decrypt(envelope, context)).rejects.toBe(failure);
	});
});

it('settings that are not valid are refused, and the reason is said', async () => {
	const encryption = new SettingsEncryption(countingProvider().provider);
	const context = newContext();
	const envelope = await encryption.encrypt(settings, context);
	for (const [wrong, message] of [
		[[], 'settings: must be an object'],
		[envelope, 'settings: are encrypted already; give them in clear'],
	]) {
		await expect(encryption.encrypt(wrong, context)).rejects.toMatchObject({
			code: 'VALIDATION',
			message,
		});
	}
});

it('what was sealed and is not settings does not open, at once or later', async () => {
	const key = randomBytes(32);
	const context = newContext();
	const ring = `own:${key.toString('hex')}`;
	const sealed = sealJson('[1]', deriveTenantKey(key, 'own', context.organizationId), context);
	const encryption = new SettingsEncryption(ring);
	expect(encryption.tryOpen(sealed, context)).toBeUndefined();
	expect(await codeOf(encryption.decrypt(sealed, context))).toBe('DECRYPTION_FAILED');
	expect(() => encryption.tryOpen(sealed, context)).toThrow(/did not decrypt/);
});

it('settings that cannot be read are refused, and what they throw is not passed on', async () => {
	const { provider, asked } = countingProvider();
	const secret = 'phc_s3cr3t';
	const hostile = {
		get apiKey(): string {
			throw new Error(secret);
		},
	};
	const error = await new SettingsEncryption(provider)
		.encrypt(hostile, newContext())
		.catch((refusal: unknown) => refusal);
	expect(error).toMatchObject({
		code: 'VALIDATION',
		message: 'settings: could not be read; give plain values',
	});
	expect(error).not.toHaveProperty('cause');
	expect(asked).toEqual([]);
});
