import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { Keyring } from '../../src/keys/keyring.ts';
import { newKey } from '../../src/keys/new-key.ts';

const newHex = () => randomBytes(32).toString('hex');

function refusal(text: unknown): Error {
	try {
		// Callers without types may pass anything.
		new Keyring(text as string);
	} catch (error) {
		if (error instanceof Error) return error;
	}
	throw new Error('the key ring was taken');
}

describe('a key ring', () => {
	it('seals with the first key and knows the others', () => {
		const [one, two] = [newHex(), newHex()];
		const keyring = new Keyring(`2026-11:${one},2025-11:${two}`);
		expect(keyring.keyIds).toEqual(['2026-11', '2025-11']);
		expect(keyring.primaryKeyId()).toBe('2026-11');
		expect(Buffer.from(keyring.getKey('2025-11')).toString('hex')).toBe(two);
		expect(keyring.cacheSeconds).toBe(Number.POSITIVE_INFINITY);
	});

	it('calls a key without an id "default"', () => {
		const hex = newHex();
		const keyring = new Keyring(hex);
		expect(keyring.primaryKeyId()).toBe('default');
		expect(Buffer.from(keyring.getKey('default')).toString('hex')).toBe(hex);
	});

	it('takes space around its parts, capitals, and every character that an id may have', () => {
		const hex = newHex();
		const keyring = new Keyring(
			` a.B_c-1 : ${hex.toUpperCase()} ,\n${'z'.repeat(64)}:${newHex()} `,
		);
		expect(keyring.keyIds).toEqual(['a.B_c-1', 'z'.repeat(64)]);
		expect(Buffer.from(keyring.getKey('a.B_c-1')).toString('hex')).toBe(hex);
	});

	it('says which key it does not have', () => {
		const keyring = new Keyring(`one:${newHex()}`);
		for (const id of ['two', 'ONE', 'constructor', 'z'.repeat(64)]) {
			expect(() => keyring.getKey(id)).toThrow(
				expect.objectContaining({
					code: 'UNKNOWN_KEY',
					message: expect.stringMatching(`"${id}".*DESTINATIONS_ENCRYPTION_KEYS`),
				}),
			);
		}
	});

	it('repeats no id that steers a terminal, says something else, or may be a key', () => {
		const keyring = new Keyring(`one:${newHex()}`);
		for (const id of [
			'',
			'__proto__',
			'\u001b[2J',
			'a\nall is well',
			newHex(),
			newHex().toUpperCase(),
			// Callers without types may pass anything.
			5,
			null,
			{ length: 1 },
		]) {
			expect(() => keyring.getKey(id as string)).toThrow(
				expect.objectContaining({
					code: 'UNKNOWN_KEY',
					message: expect.stringContaining('"(not a valid key id)"'),
				}),
			);
		}
	});

	it('keeps its keys when a caller wipes what it was given', async () => {
		const keyring = new Keyring(`one:${newHex()}`);
		const before = Buffer.from(keyring.getKey('one')).toString('hex');
		keyring.getKey('one').fill(0);
		expect(Buffer.from(keyring.getKey('one')).toString('hex')).toBe(before);
		const ids = keyring.keyIds;
		ids.push('two');
		expect(keyring.keyIds).toEqual(['one']);
	});

	it('takes no key of one byte repeated, whichever it is, and every other', () => {
		for (let byte = 0; byte < 256; byte += 1) {
			const key = Buffer.alloc(32, byte);
			expect(refusal(`a:${key.toString('hex')}`).message).toMatch(/one byte repeated/);
			key[byte % 32] = byte ^ 1;
			expect(new Keyring(`a:${key.toString('hex')}`).getKey('a')).toEqual(Uint8Array.from(key));
		}
	});

	it('shares no memory with other buffers', () => {
		const keyring = new Keyring(`one:${newHex()}`);
		expect(keyring.getKey('one').buffer.byteLength).toBe(32);
	});
});

describe('a malformed key ring', () => {
	const hex = newHex();
	it.each<[string, unknown, RegExp]>([
		['nothing', undefined, /DESTINATIONS_ENCRYPTION_KEYS/],
		['an empty text', '', /keygen/],
		['space', ' \n', /No encryption keys/],
		['null', null, /No encryption keys/],
		['a number', 64, /No encryption keys/],
		['bytes', Buffer.from(hex, 'hex'), /No encryption keys/],
		['a key that is too short', `a:${hex.slice(2)}`, /number 1 has 62 hex digits; it must have 64/],
		['a key that is too long', `a:${hex}00`, /has 66 hex digits/],
		['half a byte more', `a:${hex}0`, /has 65 hex digits/],
		['no key', 'a:', /has 0 hex digits/],
		['only a comma', ',', /number 1 has 0 hex digits/],
		['a comma at the end', `a:${hex},`, /number 2 has 0 hex digits/],
		['another character', `a:${hex.slice(1)}g`, /number 1 has characters that are not hex digits/],
		['another sign between', `a=${hex}`, /not hex digits/],
		['a second colon', `a:${hex}:${newHex()}`, /not hex digits/],
		['a prefix', `a:0x${hex}`, /not hex digits/],
		['base64', `a:${randomBytes(32).toString('base64')}`, /not hex digits/],
		['a line break inside', `a:${hex.slice(0, 32)}\n${hex.slice(32)}`, /not hex digits/],
		['an empty id', `:${hex}`, /needs an id/],
		['an id of 65 characters', `${'a'.repeat(65)}:${hex}`, /needs an id/],
		['an id with a space', `a b:${hex}`, /needs an id/],
		['an id that starts with a dash', `-a:${hex}`, /needs an id/],
		['an id with a slash', `a/b:${hex}`, /needs an id/],
		['a letter that is not ASCII', `é:${hex}`, /needs an id/],
		['id and key swapped', `${hex}:2026-11`, /looks like a key/],
		['a key for an id', `${hex}:${newHex()}`, /looks like a key/],
		['an id twice', `a:${hex},a:${newHex()}`, /have the id "a"/],
		['two keys without ids', `${hex},${newHex()}`, /have the id "default"/],
		['a key of zeros alone', '0'.repeat(64), /number 1 is one byte repeated.*keygen/],
		['another key of one byte', `a:${hex},b:${'4F'.repeat(32)}`, /number 2 is one byte repeated/],
		['a key twice', `a:${hex},b:${hex.toUpperCase()}`, /same key under two ids/],
	])('%s is refused, and no key is repeated', (_, text, message) => {
		const error = refusal(text);
		expect(error).toMatchObject({ name: 'ConfigurationError', code: 'CONFIGURATION' });
		expect(error.message).toMatch(message);
		const shown = inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY });
		for (const part of String(text).match(/[0-9a-f]{16,}/gi) ?? []) {
			expect(shown.toLowerCase()).not.toContain(part.toLowerCase());
		}
	});
});

describe('in the place of a key ring', () => {
	const primaryKeyId = () => 'a';
	const getKey = () => randomBytes(32);

	it.each<[string, unknown, RegExp]>([
		['a number', 1, /primaryKeyId/],
		['nothing', undefined, /No encryption keys/],
		['null', null, /primaryKeyId/],
		['a list', ['a'], /primaryKeyId/],
		['an object without methods', { cacheSeconds: 1 }, /primaryKeyId/],
		['a provider without primaryKeyId', { cacheSeconds: 1, getKey }, /primaryKeyId/],
		['a primaryKeyId that is text', { cacheSeconds: 1, primaryKeyId: 'a', getKey }, /primaryKeyId/],
		['a provider without getKey', { cacheSeconds: 1, primaryKeyId }, /getKey/],
		['a getKey that is a map', { cacheSeconds: 1, primaryKeyId, getKey: new Map() }, /getKey/],
		['a provider without cacheSeconds', { primaryKeyId, getKey }, /needs `cacheSeconds`/],
		['a negative lifetime', { cacheSeconds: -1, primaryKeyId, getKey }, /needs `cacheSeconds`/],
		['a lifetime that is no number', { cacheSeconds: '60', primaryKeyId, getKey }, /cacheSeconds/],
		['a lifetime of NaN', { cacheSeconds: Number.NaN, primaryKeyId, getKey }, /cacheSeconds/],
	])('%s is refused', (_, keys, message) => {
		// Callers without types may pass anything.
		expect(() => new SettingsEncryption(keys as string)).toThrow(
			expect.objectContaining({
				code: 'CONFIGURATION',
				message: expect.stringMatching(message),
			}),
		);
	});

	it('a provider is taken, whether it has its methods of its own or of its class', () => {
		for (const provider of [
			{ cacheSeconds: 0, primaryKeyId, getKey },
			Object.assign(Object.create(null), { cacheSeconds: 1, primaryKeyId, getKey }),
			new Keyring(`one:${newHex()}`),
		]) {
			expect(() => new SettingsEncryption(provider)).not.toThrow();
		}
	});
});

describe('a new key', () => {
	it('opens as a ring of itself, and is another one each time', () => {
		const [one, two] = [newKey('eu-1'), newKey('eu-1')];
		expect(one).toMatch(/^eu-1:[0-9a-f]{64}$/);
		expect(new Keyring(one).keyIds).toEqual(['eu-1']);
		expect(one).not.toBe(two);
	});

	it('has the year and the month for an id', () => {
		const [id = ''] = newKey().split(':');
		// Another one, if the month has ended meanwhile.
		const months = [new Date(), new Date(Date.now() - 60_000)];
		expect(months.map((time) => time.toISOString().slice(0, 7))).toContain(id);
	});
});
