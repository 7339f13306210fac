import { ConfigurationError, DestinationsError, KeyUnavailableError } from '../errors.ts';
import { type KeyProvider, keyBytes, keyIdPattern } from './key-provider.ts';
import { deriveTenantKey, type TenantKey } from './tenant-key.ts';

/** How many derived keys are kept; about 1 KB each. */
const capacity = 10_000;

interface Entry {
	readonly key: TenantKey;
	readonly expiresAt: number;
}

/**
 * Derived keys, kept because a derivation costs more than opening an envelope. Bounded, and no key
 * outlives the provider's `cacheSeconds`.
 */
export class TenantKeys {
	readonly #provider: KeyProvider;
	/** In the order in which they came, the oldest first. */
	readonly #entries = new Map<string, Entry>();
	readonly #loading = new Map<string, Promise<TenantKey>>();

	constructor(provider: KeyProvider) {
		const { cacheSeconds } = provider;
		if (typeof cacheSeconds !== 'number' || !(cacheSeconds >= 0)) {
			throw new ConfigurationError(
				'The key provider needs `cacheSeconds`: how many seconds a key may be used before the provider is asked again.',
			);
		}
		this.#provider = provider;
	}

	/** The key if it is at hand, without asking the provider. */
	cached(keyId: string, organizationId: string): TenantKey | undefined {
		const name = entryName(keyId, organizationId);
		const entry = this.#entries.get(name);
		if (entry === undefined) return undefined;
		if (entry.expiresAt !== Number.POSITIVE_INFINITY && entry.expiresAt <= performance.now()) {
			this.#entries.delete(name);
			return undefined;
		}
		return entry.key;
	}

	/** The key, asked of the provider once however many callers wait for it. */
	async load(keyId: string, organizationId: string): Promise<TenantKey> {
		const cached = this.cached(keyId, organizationId);
		if (cached !== undefined) return cached;
		const name = entryName(keyId, organizationId);
		const underWay = this.#loading.get(name);
		if (underWay !== undefined) return underWay;
		const loading = this.#fetch(keyId, organizationId).finally(() => this.#loading.delete(name));
		this.#loading.set(name, loading);
		return loading;
	}

	/** The key that seals this organization's settings now. */
	async primary(organizationId: string): Promise<TenantKey> {
		const keyId = await this.#ask(() => this.#provider.primaryKeyId(organizationId));
		if (typeof keyId !== 'string' || !keyIdPattern.test(keyId)) {
			throw new ConfigurationError(
				'The key provider gave a primary key id that is not 1 to 64 letters, digits, dots, dashes and underscores.',
			);
		}
		return this.load(keyId, organizationId);
	}

	async #fetch(keyId: string, organizationId: string): Promise<TenantKey> {
		const bytes = await this.#ask(() => this.#provider.getKey(keyId, organizationId));
		if (!(bytes instanceof Uint8Array) || bytes.byteLength !== keyBytes) {
			throw new ConfigurationError(
				`The key provider gave something other than ${keyBytes} bytes for the key id "${keyId}".`,
			);
		}
		const key = deriveTenantKey(bytes, keyId, organizationId);
		this.#keep(entryName(keyId, organizationId), key);
		return key;
	}

	#keep(name: string, key: TenantKey): void {
		if (this.#entries.size >= capacity) {
			const oldest = this.#entries.keys().next();
			if (!oldest.done) this.#entries.delete(oldest.value);
		}
		const expiresAt = performance.now() + this.#provider.cacheSeconds * 1000;
		this.#entries.set(name, { key, expiresAt });
	}

	/** What the provider throws may quote a key or a token, so only its name is passed on. */
	async #ask<T>(question: () => T | Promise<T>): Promise<T> {
		try {
			return await question();
		} catch (error) {
			if (error instanceof DestinationsError) throw error;
			const name = error instanceof Error ? error.name : typeof error;
			throw new KeyUnavailableError(
				`The key provider failed with ${name}. Nothing was read or written; try again when it answers.`,
			);
		}
	}
}

function entryName(keyId: string, organizationId: string): string {
	return `${keyId}/${organizationId}`;
}
