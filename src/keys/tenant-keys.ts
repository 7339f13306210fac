import { ConfigurationError, UnknownKeyError } from '../errors.ts';
import { askProvider, checkTimeout, isPromised } from './call-provider.ts';
import { ExpiringCache } from './expiring-cache.ts';
import {
	type KeyProvider,
	keyBytes,
	keyIdPattern,
	repeatsOneByte,
	shownKeyId,
} from './key-provider.ts';
import { deriveTenantKey, type TenantKey } from './tenant-key.ts';

/** How many derived keys are kept by default; about 1 KB each. */
const defaultCapacity = 10_000;

/** All primary key ids are in one group of their cache. */
const primary = 'primary';

/**
 * Derived keys, kept because a derivation costs more than opening an envelope. Bounded, and no key
 * outlives the provider's `cacheSeconds`.
 */
export class TenantKeys {
	readonly #provider: KeyProvider;
	readonly #timeoutSeconds: number;
	readonly #keys: ExpiringCache<TenantKey>;
	/** Ids of primary keys by organization, of providers that must ask for them. */
	readonly #primaryKeyIds: ExpiringCache<string>;

	constructor(provider: KeyProvider, capacity = defaultCapacity) {
		const { cacheSeconds } = provider;
		if (typeof cacheSeconds !== 'number' || !(cacheSeconds >= 0)) {
			throw new ConfigurationError(
				'The key provider needs `cacheSeconds`: how many seconds a key may be used before the provider is asked again.',
			);
		}
		this.#provider = provider;
		this.#timeoutSeconds = checkTimeout(provider.timeoutSeconds);
		this.#keys = new ExpiringCache(capacity, cacheSeconds);
		this.#primaryKeyIds = new ExpiringCache(capacity, cacheSeconds);
	}

	/** The key if it is at hand, without asking the provider. */
	cached(keyId: string, organizationId: string): TenantKey | undefined {
		return this.#keys.get(keyId, organizationId);
	}

	/** Until when a key may be used before the provider is asked again, on the clock of `performance`. */
	expiresAt(keyId: string, organizationId: string): number {
		return this.#keys.expiresAt(keyId, organizationId);
	}

	/** The key, asked of the provider once however many callers wait for it. */
	async load(keyId: string, organizationId: string): Promise<TenantKey> {
		return this.#keys.load(keyId, organizationId, () => this.#fetch(keyId, organizationId));
	}

	/** The key that encrypts this organization's settings now. */
	async primary(organizationId: string): Promise<TenantKey> {
		const remembered = this.#primaryKeyIds.get(primary, organizationId);
		if (remembered !== undefined) {
			try {
				return await this.load(remembered, organizationId);
			} catch (error) {
				if (!(error instanceof UnknownKeyError)) throw error;
				// The key is gone since it was named primary, so the provider has another one by now.
				this.#primaryKeyIds.delete(primary, organizationId);
			}
		}
		return this.load(await this.#primaryKeyId(organizationId), organizationId);
	}

	async #primaryKeyId(organizationId: string): Promise<string> {
		// Who waits for another's question leaves what that one put into the cache.
		let promised = true;
		const ask = () => {
			const answer = this.#provider.primaryKeyId(organizationId);
			promised = isPromised(answer);
			return answer;
		};
		const keyId = await this.#primaryKeyIds.load(primary, organizationId, async () =>
			checkKeyId(await askProvider(ask, this.#timeoutSeconds)),
		);
		// What is at hand costs nothing to ask for, and the provider may change its mind at any time.
		if (!promised) this.#primaryKeyIds.delete(primary, organizationId);
		return keyId;
	}

	async #fetch(keyId: string, organizationId: string): Promise<TenantKey> {
		const bytes = await askProvider(
			() => this.#provider.getKey(keyId, organizationId),
			this.#timeoutSeconds,
		);
		if (!(bytes instanceof Uint8Array) || bytes.byteLength !== keyBytes) {
			throw new ConfigurationError(
				`The key provider returned something other than ${keyBytes} bytes for the key id "${shownKeyId(keyId)}".`,
			);
		}
		if (repeatsOneByte(bytes)) {
			throw new ConfigurationError(
				`The key provider returned one byte repeated for the key id "${shownKeyId(keyId)}". Wiped memory looks like this. If the provider wipes its keys, it must return copies.`,
			);
		}
		return deriveTenantKey(bytes, keyId, organizationId);
	}
}

function checkKeyId(keyId: unknown): string {
	if (typeof keyId === 'string' && keyIdPattern.test(keyId)) return keyId;
	throw new ConfigurationError(
		'The key provider returned a primary key id that is not 1 to 64 letters, digits, dots, dashes and underscores.',
	);
}
