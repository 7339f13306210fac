/**
 * Where encryption keys come from. {@link Keyring} holds them in memory. {@link EnvelopeKeyProvider} has a data key for
 * each organization, wrapped by a key management service. You can also write a provider of your own.
 *
 * Answers are cached for `cacheSeconds`, at most 10,000 keys at a time. Callers that need the same key at the same time
 * share one call. Failures are not cached: the next read or write asks again.
 *
 * If a provider fails, callers get `KEY_UNAVAILABLE`. To say that a key does not exist, throw `UnknownKeyError`. If no key
 * is available, nothing is read or written.
 *
 * @example
 * ```ts
 * import type { KeyProvider } from '@consent-io/destinations';
 *
 * declare function fetchKey(keyId: string): Promise<Uint8Array>;
 *
 * const provider: KeyProvider = {
 *   cacheSeconds: 300,
 *   primaryKeyId: () => '2026-11',
 *   getKey: (keyId) => fetchKey(keyId),
 * };
 * ```
 */
export interface KeyProvider {
	/**
	 * How long a key may be used before the provider is asked again, in seconds, 0 or more. A withdrawn key still works for
	 * this time. `Infinity` is for keys that never change.
	 */
	readonly cacheSeconds: number;

	/**
	 * How long to wait for an answer, in seconds, more than 0. The default is less than the 5 seconds that Prisma allows an
	 * interactive transaction, so that the transaction fails with `KEY_UNAVAILABLE`, not with a timeout that does not say
	 * why.
	 *
	 * @defaultValue 3
	 */
	readonly timeoutSeconds?: number | undefined;

	/**
	 * The id of the key that encrypts the settings of this organization from now on. If it is returned as a promise, it is
	 * cached for `cacheSeconds`, as keys are. Otherwise the provider is asked at every write.
	 */
	primaryKeyId(organizationId: string): string | Promise<string>;

	/**
	 * The 32 bytes of a key. Other lengths are refused.
	 *
	 * @throws UnknownKeyError if there is no such key.
	 */
	getKey(keyId: string, organizationId: string): Uint8Array | Promise<Uint8Array>;
}

/** Whether a value has what every provider must have. */
export function isKeyProvider(value: unknown): value is KeyProvider {
	// The cast only lets the members be read, whatever they are.
	const { primaryKeyId, getKey } = (value ?? {}) as Partial<Record<keyof KeyProvider, unknown>>;
	return typeof primaryKeyId === 'function' && typeof getKey === 'function';
}

/** Bytes of a key: AES-256 and 256 bits of input to the key derivation. */
export const keyBytes = 32;

/**
 * Whether a key is one byte repeated: memory that was wiped or never written, or a key made up for an example.
 * No random source makes such a key, and whoever guesses it reads all that it encrypted.
 */
export function repeatsOneByte(key: Uint8Array): boolean {
	return key.every((byte) => byte === key[0]);
}

/** What a key id may look like. It is stored in clear beside every ciphertext. */
export const keyIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Whether a key id may be a key itself, which somebody passed instead of its id. */
export function looksLikeKey(keyId: string): boolean {
	return keyId.length === keyBytes * 2 && /^[0-9a-f]*$/i.test(keyId);
}

/**
 * A key id as messages, results and the command show it. Whoever writes rows past this package can make an id of
 * anything: of control characters, of another message, of a key.
 */
export function shownKeyId(keyId: unknown): string {
	const valid = typeof keyId === 'string' && keyIdPattern.test(keyId) && !looksLikeKey(keyId);
	return valid ? keyId : '(not a valid key id)';
}
