import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { openJson, type SettingsEnvelope, sealJson } from '../../src/encryption/envelope.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { deriveTenantKey } from '../../src/keys/tenant-key.ts';
import { changed, codeOf, newContext, newEncryption } from '../support/encryption.ts';

const encryption = newEncryption();
const context = newContext();
const settings = { apiKey: 'phc_example', enableServerSide: true };
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
let envelope: SettingsEnvelope;

beforeAll(async () => {
	envelope = await encryption.encrypt(settings, context);
});

function open(value: unknown): Promise<unknown> {
	return codeOf(encryption.decrypt(value, context));
}

/** Both ways to open, which must agree. */
async function expectNoOpening(value: unknown, code = 'DECRYPTION_FAILED'): Promise<void> {
	expect(await open(value)).toBe(code);
	if (code === 'DECRYPTION_FAILED') {
		expect(() => encryption.tryOpen(value, context)).toThrow(expect.objectContaining({ code }));
	}
}

describe.each(['kc', 'iv', 'ct'] as const)('%s', (name) => {
	it('does not open with any bit flipped', async () => {
		const bytes = Buffer.from(envelope[name], 'base64url');
		for (let bit = 0; bit < bytes.length * 8; bit += 1) {
			const flipped = Buffer.from(bytes);
			flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
			await expectNoOpening(changed(envelope, { [name]: flipped.toString('base64url') }));
		}
	});

	it('does not open with any character changed', async () => {
		const text = envelope[name];
		for (let place = 0; place < text.length; place += 1) {
			for (const character of ['A', 'B', '_', '+', '/', '=', ' ', '\n', 'é', '\u0100']) {
				if (character === text[place]) continue;
				const other = `${text.slice(0, place)}${character}${text.slice(place + 1)}`;
				await expectNoOpening(changed(envelope, { [name]: other }));
			}
		}
	});

	it('does not open in another spelling of the same bytes', async () => {
		const text = envelope[name];
		const standard = Buffer.from(text, 'base64url').toString('base64');
		const spellings = [`${text}=`, `${text}==`, ` ${text}`, `${text}\n`, `${text}.`, `=${text}`];
		if (standard !== text) spellings.push(standard);
		for (const spelling of spellings) {
			await expectNoOpening(changed(envelope, { [name]: spelling }));
		}
	});

	it('does not open when it is shorter, longer, empty or no text', async () => {
		const text = envelope[name];
		for (const value of [
			text.slice(0, -1),
			text.slice(1),
			text.slice(0, -4),
			`${text}A`,
			`${text}AAAA`,
			`AAAA${text}`,
			'',
			null,
			1,
			true,
			[text],
			{ toString: () => text },
			Buffer.from(text),
		]) {
			await expectNoOpening(changed(envelope, { [name]: value }));
		}
	});
});

// A text of base64url ends in a whole group of four characters, or in one of two or three.
describe.each([0, 2, 3])('a text that ends in a group of %i characters', (characters) => {
	let sealed: SettingsEnvelope;
	let bytes: Buffer;

	beforeAll(async () => {
		for (const text of ['', 'x', 'xx']) {
			const one = await encryption.encrypt({ text }, context);
			if (one.ct.length % 4 === characters) sealed = one;
		}
		bytes = Buffer.from(sealed.ct, 'base64url');
		expect(await open(sealed)).toBeUndefined();
	});

	it('opens in one spelling, whatever its last character could be for the same bytes', async () => {
		const others = [...alphabet]
			.map((character) => `${sealed.ct.slice(0, -1)}${character}`)
			.filter((text) => text !== sealed.ct && Buffer.from(text, 'base64url').equals(bytes));
		expect(others).toHaveLength({ 0: 0, 2: 15, 3: 3 }[characters] ?? -1);
		for (const ct of others) await expectNoOpening({ ...sealed, ct });
	});

	it('does not open with a character behind it', async () => {
		for (const character of [...alphabet, '=', ' ', '\n', '\0']) {
			await expectNoOpening({ ...sealed, ct: `${sealed.ct}${character}` });
		}
	});
});

// Sealed by whoever has the key: an application of another version, or of another language.
describe('what is sealed properly and is not an object', () => {
	const key = randomBytes(32);
	const own = new SettingsEncryption(`own:${key.toString('hex')}`);
	const tenantKey = deriveTenantKey(key, 'own', context.organizationId);

	it.each(['[1]', '[]', '1', '0', 'null', 'true', 'false', '"x"', '""'])('%s', async (json) => {
		const sealed = sealJson(json, tenantKey, context);
		expect(await codeOf(own.decrypt(sealed, context))).toBe('DECRYPTION_FAILED');
		// The key is at hand now.
		expect(() => own.tryOpen(sealed, context)).toThrow(
			expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
		);
	});

	it.each(['', '{', '{"a":1}}', 'undefined', "{'a':1}"])('nor JSON: %p', async (json) => {
		const sealed = sealJson(json, tenantKey, context);
		expect(await codeOf(own.decrypt(sealed, context))).toBe('DECRYPTION_FAILED');
		expect(() => own.tryOpen(sealed, context)).toThrow(
			expect.objectContaining({ code: 'DECRYPTION_FAILED' }),
		);
	});

	it('an object opens', async () => {
		const sealed = sealJson('{"a":[1]}', tenantKey, context);
		expect(await own.decrypt(sealed, context)).toEqual({ a: [1] });
		expect(own.tryOpen(sealed, context)).toEqual({ a: [1] });
	});
});

// A key that nobody has would be asked for otherwise.
describe('the form is looked at before the key', () => {
	it.each<[string, Record<string, unknown>]>([
		['a version of its own', { v: 2 }],
		['an algorithm of its own', { alg: 'A128GCM' }],
		['no commitment', { kc: undefined }],
		['a commitment that is no text', { kc: Array(43).fill('A') }],
		['a commitment of 42 characters', { kc: 'A'.repeat(42) }],
		['a commitment of 44 characters', { kc: 'A'.repeat(44) }],
		['no nonce', { iv: undefined }],
		['a nonce that is no text', { iv: Array(16).fill('A') }],
		['a nonce of 15 characters', { iv: 'A'.repeat(15) }],
		['a nonce of 17 characters', { iv: 'A'.repeat(17) }],
		['no ciphertext', { ct: undefined }],
		['a ciphertext that is no text', { ct: Array(32).fill('A') }],
		['a ciphertext of 88,001 characters', { ct: 'A'.repeat(88_001) }],
		['one member more', { tag: 'A' }],
	])('%s', async (_, changes) => {
		await expectNoOpening(changed(envelope, { kid: 'nobodys', ...changes }));
	});

	it.each<[string, Record<string, unknown>]>([
		['as it was sealed', {}],
		['with a commitment of another key', { kc: 'A'.repeat(43) }],
		['with another nonce', { iv: 'A'.repeat(16) }],
		['with a ciphertext of 88,000 characters', { ct: 'A'.repeat(88_000) }],
	])('%s, the key is asked for', async (_, changes) => {
		const foreign = changed(envelope, { kid: 'nobodys', ...changes });
		await expectNoOpening(foreign, 'UNKNOWN_KEY');
		expect(encryption.tryOpen(foreign, context)).toBeUndefined();
	});
});

describe('the tag', () => {
	const tenantKey = deriveTenantKey(randomBytes(32), 'own', context.organizationId);
	// It has a tag and nothing else.
	const empty = sealJson('', tenantKey, context);

	it('is asked for without a ciphertext too', () => {
		expect(openJson(empty, tenantKey, context)).toBe('');
		const ct = `${empty.ct.startsWith('A') ? 'B' : 'A'}${empty.ct.slice(1)}`;
		expect(() => openJson({ ...empty, ct }, tenantKey, context)).toThrow(/did not decrypt/);
	});

	it('is not completed by what an earlier envelope left in its place', () => {
		const tag = Buffer.from(empty.ct, 'base64url');
		for (let missing = 1; missing <= tag.length; missing += 1) {
			openJson(empty, tenantKey, context);
			const ct = tag.subarray(missing).toString('base64url');
			expect(() => openJson({ ...empty, ct }, tenantKey, context)).toThrow(/did not decrypt/);
		}
	});
});

describe('the ciphertext', () => {
	it.each([15, 14, 12, 8, 4, 1, 0])('does not open with a tag of %i bytes', async (bytes) => {
		const whole = Buffer.from(envelope.ct, 'base64url');
		const short = whole.subarray(0, whole.length - 16 + bytes).toString('base64url');
		await expectNoOpening(changed(envelope, { ct: short }));
	});

	it.each([0, 1, 15, 16, 17])('does not open with %i bytes in all', async (bytes) => {
		const ct = Buffer.alloc(bytes).toString('base64url');
		await expectNoOpening(changed(envelope, { ct }));
	});

	it('does not open above the largest size, which is looked at first', async () => {
		for (const length of [87_999, 88_000, 88_001, 10_000_000]) {
			await expectNoOpening(changed(envelope, { ct: 'A'.repeat(length) }));
		}
	});

	it('opens at the largest size', async () => {
		const text = 'a'.repeat(64 * 1024 - '{"text":""}'.length);
		const large = await encryption.encrypt({ text }, context);
		expect(await encryption.decrypt(large, context)).toEqual({ text });
		expect(await codeOf(encryption.encrypt({ text: `${text}a` }, context))).toBe('VALIDATION');
	});

	it('is AES-256-GCM under the documented derivation', async () => {
		const key = randomBytes(32);
		const own = new SettingsEncryption(`k:${key.toString('hex')}`);
		const { iv, ct, kc } = await own.encrypt(settings, context);
		const { organizationId, destinationId, type } = context;
		const netstrings = (...parts: string[]) =>
			parts.map((part) => `${part.length}:${part},`).join('');
		const derived = Buffer.from(
			hkdfSync(
				'sha512',
				key,
				'consent-io/destinations/settings',
				netstrings('v1', 'k', organizationId),
				64,
			),
		);
		expect(kc).toBe(derived.subarray(32).toString('base64url'));
		const sealed = Buffer.from(ct, 'base64url');
		const nonce = Buffer.from(iv, 'base64url');
		expect(nonce).toHaveLength(12);
		const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), nonce);
		decipher.setAuthTag(sealed.subarray(-16));
		decipher.setAAD(
			Buffer.from(
				netstrings(
					'1',
					'A256GCM',
					'k',
					'destinations',
					'settings',
					organizationId,
					destinationId,
					type,
				),
			),
		);
		const text =
			decipher.update(sealed.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8');
		expect(JSON.parse(text)).toEqual(settings);
	});
});

describe('an envelope', () => {
	it.each(['v', 'alg', 'kid', 'kc', 'iv', 'ct'])('does not open without %s', async (name) => {
		await expectNoOpening(changed(envelope, { [name]: undefined }));
	});

	it.each([{ x: 1 }, { '': '' }, { tag: 'x' }, { V: 1 }])(
		'does not open with %j beside its members',
		async (more) => {
			await expectNoOpening(changed(envelope, more));
		},
	);

	it('does not open with another member in the place of one', async () => {
		await expectNoOpening(changed(envelope, { ct: undefined, CT: envelope.ct }));
	});

	it.each([0, 2, -1, '1', 1.5, null, true, [1], Number.NaN])(
		'does not open as version %p',
		async (v) => {
			await expectNoOpening(changed(envelope, { v }));
		},
	);

	it.each(['a256gcm', 'A128GCM', 'A256GCM ', 'none', '', null, ['A256GCM']])(
		'does not open as algorithm %p',
		async (alg) => {
			await expectNoOpening(changed(envelope, { alg }));
		},
	);

	it.each(['', ' ', 'a/b', '__proto__', 'a'.repeat(65), `a\n`, null, 1, ['2026-11'], '-a', 'é'])(
		'does not open with %p for a key id',
		async (kid) => {
			await expectNoOpening(changed(envelope, { kid }));
		},
	);

	it('asks for an unknown key by its id, and tries no other', async () => {
		await expectNoOpening(changed(envelope, { kid: '2025-11' }), 'UNKNOWN_KEY');
		await expectNoOpening(changed(envelope, { kid: 'toString' }), 'UNKNOWN_KEY');
	});

	it.each([null, undefined, 'x', 1, true, [], ['v', 'alg'], {}, () => {}, Symbol('x'), 1n])(
		'is not %p',
		async (value) => {
			await expectNoOpening(value);
		},
	);

	it('is not a list of its members, nor text', async () => {
		await expectNoOpening(Object.values(envelope));
		await expectNoOpening(JSON.stringify(envelope));
		await expectNoOpening(new Map(Object.entries(envelope)));
	});

	it('does not open with members of another envelope', async () => {
		const other = await encryption.encrypt(settings, context);
		await expectNoOpening(changed(envelope, { iv: other.iv }));
		await expectNoOpening(changed(envelope, { ct: other.ct }));
		expect(other.kc).toBe(envelope.kc);
	});

	it.each(['organizationId', 'destinationId', 'type'] as const)(
		'does not open with another %s',
		async (name) => {
			const other = { ...context, [name]: name === 'type' ? 'console' : newContext()[name] };
			expect(await codeOf(encryption.decrypt(envelope, other))).toBe('DECRYPTION_FAILED');
		},
	);

	it('does not open under other bytes of the same key id, even with their commitment', async () => {
		const stranger = newEncryption();
		const theirs = await stranger.encrypt(settings, context);
		expect(theirs.kid).toBe(envelope.kid);
		await expectNoOpening(theirs);
		// Past the commitment, the tag refuses.
		await expectNoOpening(changed(theirs, { kc: envelope.kc }));
		expect(await codeOf(stranger.decrypt(changed(envelope, { kc: theirs.kc }), context))).toBe(
			'DECRYPTION_FAILED',
		);
	});

	it('does not open under another key id with the same bytes', async () => {
		const hex = randomBytes(32).toString('hex');
		const [one, two] = [new SettingsEncryption(`one:${hex}`), new SettingsEncryption(`two:${hex}`)];
		const sealed = await one.encrypt(settings, context);
		const renamed = changed(sealed, { kid: 'two' });
		expect(await codeOf(two.decrypt(renamed, context))).toBe('DECRYPTION_FAILED');
		const recommitted = await two.encrypt(settings, context);
		expect(await codeOf(two.decrypt(changed(renamed, { kc: recommitted.kc }), context))).toBe(
			'DECRYPTION_FAILED',
		);
	});

	it('says the same whatever is wrong', async () => {
		const messages = new Set<string>();
		const { destinationId, organizationId } = context;
		await expect(encryption.decrypt({}, context)).rejects.toMatchObject({
			destinationId,
			organizationId,
		});
		const foreign = { ...context, organizationId: newContext().organizationId };
		for (const work of [
			encryption.decrypt(changed(envelope, { ct: `B${envelope.ct.slice(1)}` }), context),
			encryption.decrypt(changed(envelope, { kc: `B${envelope.kc.slice(1)}` }), context),
			encryption.decrypt(changed(envelope, { v: 2 }), context),
			encryption.decrypt(changed(envelope, { x: 1 }), context),
			encryption.decrypt(envelope, foreign),
		]) {
			await work.catch((error: Error) => messages.add(error.message));
		}
		expect(messages.size).toBe(1);
		expect([...messages][0]).toMatch(context.destinationId);
		expect([...messages][0]).toMatch(/restore/);
	});
});

it('settings with all members of an envelope are refused, whatever is in them', async () => {
	expect(await codeOf(encryption.encrypt(envelope, context))).toBe('VALIDATION');
	for (const name of Object.keys(envelope)) {
		const lacking = changed(envelope, { [name]: undefined });
		expect(await codeOf(encryption.encrypt({ ...lacking, [name]: {} }, context))).toBe(
			'VALIDATION',
		);
		const sealed = await encryption.encrypt(lacking, context);
		expect(await encryption.decrypt(sealed, context)).toEqual(lacking);
	}
});

it('opening many at once mixes nothing up', async () => {
	const given = Array.from({ length: 200 }, (_, index) => ({ index, text: 'x'.repeat(index * 7) }));
	const contexts = given.map(() => newContext());
	const sealed = await Promise.all(
		given.map((value, index) => encryption.encrypt(value, contexts[index] ?? context)),
	);
	const opened = await Promise.all(
		sealed.map((value, index) => encryption.decrypt(value, contexts[index] ?? context)),
	);
	expect(opened).toEqual(given);
	// What fails leaves nothing behind for the next one.
	await expectNoOpening(changed(envelope, { ct: 'A'.repeat(80_000) }));
	expect(await encryption.decrypt(envelope, context)).toEqual(settings);
});
