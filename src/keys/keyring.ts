import { ConfigurationError, UnknownKeyError } from '../errors.ts';
import {
	type KeyProvider,
	keyBytes,
	keyIdPattern,
	looksLikeKey,
	repeatsOneByte,
	shownKeyId,
} from './key-provider.ts';

/** The id of a key that was given as bare hex digits, without an id. */
const bareKeyId = 'default';

/**
 * Encryption keys in memory. The first key encrypts, all keys decrypt.
 *
 * The text is `id:hex,id:hex`, with 64 hex digits (32 bytes) for each key. 64 hex digits without an id are one key with the
 * id `default`. An id has 1 to 64 letters, digits, dots, dashes and underscores, and begins with a letter or a digit. A key
 * that repeats one byte is refused.
 *
 * @throws ConfigurationError if the text is missing or malformed. Its message never repeats a key.
 *
 * @example
 * ```ts
 * import { Keyring } from '@consent-io/destinations';
 *
 * const keyring = new Keyring(process.env.DESTINATIONS_ENCRYPTION_KEYS); // 2026-11:9f1c…,2025-11:07b2…
 * keyring.primaryKeyId(); // '2026-11'
 * ```
 */
export class Keyring implements KeyProvider {
	readonly cacheSeconds = Number.POSITIVE_INFINITY;
	readonly #keys: ReadonlyMap<string, Uint8Array>;
	readonly #primaryKeyId: string;

	constructor(text: string | undefined) {
		const entries = parseKeyring(text);
		this.#keys = new Map(entries);
		this.#primaryKeyId = entries[0][0];
	}

	/** The ids of all keys, that of the primary key first. */
	get keyIds(): string[] {
		return [...this.#keys.keys()];
	}

	primaryKeyId(): string {
		return this.#primaryKeyId;
	}

	getKey(keyId: string): Uint8Array {
		const key = this.#keys.get(keyId);
		if (key === undefined) throw unknownKey(keyId);
		// A copy, because careful callers wipe keys after use.
		return Uint8Array.from(key);
	}
}

function unknownKey(keyId: string): UnknownKeyError {
	return new UnknownKeyError(
		`No key has the id "${shownKeyId(keyId)}". Add it to the keys (DESTINATIONS_ENCRYPTION_KEYS), behind the first, to read what it encrypted.`,
	);
}

type KeyEntry = readonly [id: string, key: Uint8Array];

function parseKeyring(text: unknown): readonly [KeyEntry, ...KeyEntry[]] {
	if (typeof text !== 'string' || text.trim() === '') {
		throw new ConfigurationError(
			'No encryption keys were given. Set DESTINATIONS_ENCRYPTION_KEYS to "id:hex" with 64 hex digits; `npx consent-destinations keygen` makes one. If `init` wrote it into .env, load that file: node --env-file=.env.',
		);
	}
	// Every text has a first part.
	const entries = text.split(',').map(parseEntry) as [KeyEntry, ...KeyEntry[]];
	refuseTwins(entries);
	return entries;
}

function parseEntry(entry: string, index: number): KeyEntry {
	const colon = entry.indexOf(':');
	const id = colon === -1 ? bareKeyId : entry.slice(0, colon).trim();
	const hex = entry.slice(colon + 1).trim();
	const place = `Encryption key number ${index + 1}`;
	if (!keyIdPattern.test(id)) {
		// The id is not repeated: whoever swapped id and key would find the key in the log.
		throw new ConfigurationError(
			`${place} needs an id of 1 to 64 letters, digits, dots, dashes and underscores, as in "2026-11:hex".`,
		);
	}
	if (looksLikeKey(id)) {
		// It would be stored in clear beside every ciphertext.
		throw new ConfigurationError(
			`${place} has an id that looks like a key. Give each key an id of its own, as in "2026-11:hex".`,
		);
	}
	if (!hexDigits.test(hex)) {
		throw new ConfigurationError(`${place} has characters that are not hex digits.`);
	}
	if (hex.length !== keyBytes * 2) {
		throw new ConfigurationError(
			`${place} has ${hex.length} hex digits; it must have ${keyBytes * 2} (${keyBytes} bytes).`,
		);
	}
	// Copied, because a small Buffer shares its memory with others.
	const key = Uint8Array.from(Buffer.from(hex, 'hex'));
	if (repeatsOneByte(key)) {
		throw new ConfigurationError(
			`${place} is one byte repeated, which anybody can guess. Make a key with \`npx consent-destinations keygen\`.`,
		);
	}
	return [id, key];
}

const hexDigits = /^[0-9a-f]*$/i;

function refuseTwins(entries: readonly KeyEntry[]): void {
	const ids = entries.map(([id]) => id);
	const twin = ids.find((id, index) => ids.indexOf(id) < index);
	if (twin !== undefined) {
		throw new ConfigurationError(
			`Two encryption keys have the id "${twin}". Each key needs an id of its own.`,
		);
	}
	const keys = new Set(entries.map(([, key]) => Buffer.from(key).toString('hex')));
	if (keys.size < entries.length) {
		throw new ConfigurationError(
			'Two encryption keys are the same key under two ids. Make a new one with `npx consent-destinations keygen`.',
		);
	}
}
