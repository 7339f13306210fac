import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { codeOf, envelopeMembers, newContext, newEncryption } from '../support/encryption.ts';

const encryption = newEncryption();

/** What JSON can hold. `-0` is left out, which JSON writes as `0`. */
const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }).map(withoutMinusZero);

function withoutMinusZero(value: unknown): unknown {
	if (value === 0) return 0;
	if (Array.isArray(value)) return value.map(withoutMinusZero);
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, member]) => [name, withoutMinusZero(member)]),
	);
}

/** What Postgres could not hold, or JSON would change, is refused; see bad-settings.test.ts. */
function isStorable(value: unknown): boolean {
	const text = JSON.stringify(value);
	return !text.includes('\\u0000') && !text.includes('"__proto__"') && !/\\ud[89a-f]/i.test(text);
}

const settings = fc.dictionary(fc.string({ unit: 'binary' }), json).filter(isStorable);

it('every settings come back as they were, through JSON as the database keeps it', async () => {
	await fc.assert(
		fc.asyncProperty(settings, async (given) => {
			const context = newContext();
			const envelope = await encryption.encrypt(given, context);
			const stored = JSON.parse(JSON.stringify(envelope));
			const opened = await encryption.decrypt(stored, context);
			expect(opened).toEqual({ ...given });
			expect(JSON.stringify(opened)).toBe(JSON.stringify({ ...given }));
		}),
		{ numRuns: 500 },
	);
});

it('an envelope has six members, in whatever order, and shows nothing of the settings', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.string({ minLength: 12, maxLength: 60 }),
			fc.shuffledSubarray([...envelopeMembers], { minLength: 6 }),
			async (secret, order) => {
				const context = newContext();
				const envelope = await encryption.encrypt({ secret }, context);
				expect(Object.keys(envelope).sort()).toEqual([...envelopeMembers].sort());
				expect(JSON.stringify(envelope)).not.toContain(JSON.stringify(secret).slice(1, -1));
				const shuffled = Object.fromEntries(order.map((name) => [name, envelope[name]]));
				expect(await encryption.decrypt(shuffled, context)).toEqual({ secret });
			},
		),
		{ numRuns: 100 },
	);
});

it('an envelope opens in its own context and in no other', async () => {
	const text = fc.string({ minLength: 1, maxLength: 40 });
	const context = fc.record({ organizationId: text, destinationId: text, type: text });
	await fc.assert(
		fc.asyncProperty(context, context, async (own, other) => {
			const same =
				own.organizationId === other.organizationId &&
				own.destinationId === other.destinationId &&
				own.type === other.type;
			const envelope = await encryption.encrypt({ a: 1 }, own);
			expect(await encryption.decrypt(envelope, own)).toEqual({ a: 1 });
			const code = await codeOf(encryption.decrypt(envelope, other));
			expect(code).toBe(same ? undefined : 'DECRYPTION_FAILED');
		}),
		{ numRuns: 300 },
	);
});

it('the keys of two organizations are two keys', async () => {
	const [one, two] = [newContext(), newContext()];
	const first = await encryption.encrypt({ a: 1 }, one);
	const second = await encryption.encrypt({ a: 1 }, two);
	expect(first.kid).toBe(second.kid);
	expect(first.kc).not.toBe(second.kc);
});

it('every key opens, and the first one seals', async () => {
	const [one, two] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
	const context = newContext();
	const before = new SettingsEncryption(`one:${one}`);
	const during = new SettingsEncryption(`two:${two},one:${one}`);
	const after = new SettingsEncryption(`two:${two}`);
	const old = await before.encrypt({ a: 1 }, context);
	expect(await during.decrypt(old, context)).toEqual({ a: 1 });
	const fresh = await during.encrypt({ a: 2 }, context);
	expect(fresh.kid).toBe('two');
	expect(await after.decrypt(fresh, context)).toEqual({ a: 2 });
	expect(await codeOf(after.decrypt(old, context))).toBe('UNKNOWN_KEY');
	expect(await codeOf(before.decrypt(fresh, context))).toBe('UNKNOWN_KEY');
});

// An envelope of an earlier release must open in every later one.
it('a known envelope opens', async () => {
	const known = new SettingsEncryption(
		'2026-11:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
	);
	const context = {
		organizationId: '0193a1b2-0000-7000-8000-000000000001',
		destinationId: '0193a1b2-0000-7000-8000-000000000002',
		type: 'posthog',
	};
	const envelope = {
		v: 1,
		alg: 'A256GCM',
		kid: '2026-11',
		kc: '1lQ9I2UBy7BHgnhd_U_dCW-Oz5JiKJdvAaRBhZ3WOGI',
		iv: '1g7GC1P89eEpEfBj',
		ct: 'bI9PiWYDRBKWWK0yURi3EfovxFOi3MqyN5xCUdNvZR5N_Jhz_bDVQSC-S0JgLmheTwdmjw',
	};
	expect(await known.decrypt(envelope, context)).toEqual({ apiKey: 'phc_example', host: 'é' });
});
