import { randomBytes } from 'node:crypto';
import { UnknownKeyError } from '../errors.ts';
import { isCanonicalUuid } from '../ids/canonical-id.ts';
import { type KeyProvider, keyBytes, shownKeyId } from './key-provider.ts';

/** The organization that a data key is for. A key management service can bind the wrapped key to it. */
export interface DataKeyContext {
	/** UUID. */
	readonly organizationId: string;
}

/** What this package needs of a key management service. */
export interface KeyWrapper {
	/**
	 * Encrypts the 32 bytes of a data key with a key that never leaves the service. The result must have 1 to 8,192 bytes.
	 */
	wrap(plaintextKey: Uint8Array, context: DataKeyContext): Promise<Uint8Array>;
	/** Decrypts what {@link wrap} returned. */
	unwrap(wrappedKey: Uint8Array, context: DataKeyContext): Promise<Uint8Array>;
}

/** Where wrapped keys are kept. */
export interface WrappedKeyStore {
	/** The id of the organization's newest key. */
	newestKeyId(organizationId: string): Promise<string | undefined>;
	find(keyId: string, organizationId: string): Promise<Uint8Array | undefined>;
	/** Keeps a first key, unless somebody else was faster, and returns the id of the one that is kept. */
	insertFirst(organizationId: string, wrappedKey: Uint8Array): Promise<string>;
	/** Keeps a key that encrypts from now on, and returns its id. */
	insertNext(organizationId: string, wrappedKey: Uint8Array): Promise<string>;
	/** Deletes all keys of an organization, and says how many there were. */
	deleteAll(organizationId: string): Promise<number>;
}

export interface DataKeysOptions extends KeyWrapper {
	/** How long an unwrapped key is kept in memory, in seconds, 0 or more. A shredded key still works for this time. */
	readonly cacheSeconds: number;
	/** How long it may take to read and unwrap a key, in seconds, more than 0. @defaultValue 3 */
	readonly timeoutSeconds?: number | undefined;
	/**
	 * Decrypts settings that other keys encrypted before this provider was used. The ids of these keys must not be UUIDs.
	 *
	 * @defaultValue none
	 */
	readonly olderKeys?: KeyProvider | undefined;
}

/** Envelope encryption over any store; see `EnvelopeKeyProvider` for the one in the database. */
export class DataKeys {
	readonly #wrapper: KeyWrapper;
	readonly #store: WrappedKeyStore;
	readonly #olderKeys: KeyProvider | undefined;

	constructor(options: DataKeysOptions, store: WrappedKeyStore) {
		this.#wrapper = options;
		this.#store = store;
		this.#olderKeys = options.olderKeys;
	}

	/** The organization's newest data key; its first is made when it is asked for. */
	async primaryKeyId(organizationId: string): Promise<string> {
		const newest = await this.#store.newestKeyId(organizationId);
		if (newest !== undefined) return newest;
		// Of two processes that get here at once one is faster; the other's key was never used.
		return this.#store.insertFirst(organizationId, await this.#newKey(organizationId));
	}

	async getKey(keyId: string, organizationId: string): Promise<Uint8Array> {
		if (isCanonicalUuid(keyId)) {
			const wrapped = await this.#store.find(keyId, organizationId);
			// Also of a key that was just made: nothing is encrypted with a key that could not be read again.
			if (wrapped !== undefined) return this.#wrapper.unwrap(wrapped, { organizationId });
		} else if (this.#olderKeys !== undefined) {
			return this.#olderKeys.getKey(keyId, organizationId);
		}
		throw new UnknownKeyError(
			`The organization has no data key "${shownKeyId(keyId)}". If it was shredded, what it encrypted cannot be read again.`,
		);
	}

	/** Makes a new data key for an organization. The ones before decrypt what they encrypted until `rotateKeys`. */
	async renew(organizationId: string): Promise<string> {
		return this.#store.insertNext(organizationId, await this.#newKey(organizationId));
	}

	/** Deletes an organization's data keys: without a backup of them, none of its settings can be read again. */
	async shred(organizationId: string): Promise<number> {
		return this.#store.deleteAll(organizationId);
	}

	async #newKey(organizationId: string): Promise<Uint8Array> {
		const key = randomBytes(keyBytes);
		try {
			// A copy: what is wrapped in place, or not at all, would be wiped with the key.
			return Uint8Array.from(await this.#wrapper.wrap(key, { organizationId }));
		} finally {
			key.fill(0);
		}
	}
}
