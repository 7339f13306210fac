import type { PoolConfig } from 'pg';
import { z } from 'zod';
import { serviceUrlBeside, withDatabaseAddress } from '../../database/database-address.ts';
import { checkPoolOptions } from '../../database/pg-options.ts';
import { checkUuid } from '../../database/scope.ts';
import { callback, flag, text } from '../../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../../input/options.ts';
import { DataKeys, type DataKeysOptions } from '../data-keys.ts';
import { isKeyProvider, type KeyProvider } from '../key-provider.ts';
import { PostgresDataKeys } from './postgres-data-keys.ts';

/** Options of {@link EnvelopeKeyProvider}. */
export interface EnvelopeKeyProviderOptions extends DataKeysOptions {
	/**
	 * URL of the database. Its login can switch to the role `authenticated` and, unless {@link serviceConnectionString} is
	 * given, for `renew` and `shred` to `service_role`.
	 *
	 * @defaultValue the environment variable `DATABASE_URL`, unless `pool` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * URL with a second login, for `renew` and `shred` only; see the client's option.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, if `connectionString` is also left out. Without a second
	 * login, the first one serves both roles
	 */
	readonly serviceConnectionString?: string | undefined;
	/**
	 * The role that reads wrapped keys. `destinations_loader` is for a process that loads destinations, with the login of a
	 * loader. It decrypts the settings of every organization, and refuses what needs another role: to encrypt, `renew` and
	 * `shred`.
	 *
	 * @defaultValue `'authenticated'`: each organization's keys are read as that organization
	 */
	readonly role?: 'authenticated' | 'destinations_loader' | undefined;
	/** Options of pg's pool. @defaultValue 4 connections */
	readonly pool?: PoolConfig | undefined;
	/** Whether the tables are distributed by Citus; see the client's option. @defaultValue `false` */
	readonly citus?: boolean | undefined;
}

const seconds = z.custom<number>((value) => typeof value === 'number' && value >= 0, {
	error: 'must be a number of seconds from 0 on',
});

const someSeconds = z.custom<number>((value) => typeof value === 'number' && value > 0, {
	error: 'must be a number of seconds greater than 0',
});

const providerOptions = optionsOf({
	connectionString: text.optional(),
	serviceConnectionString: text.optional(),
	pool: z.custom<PoolConfig>().optional(),
	citus: flag.default(false),
	role: z
		.enum(['authenticated', 'destinations_loader'], {
			error: "must be 'authenticated' or 'destinations_loader'",
		})
		.default('authenticated'),
	wrap: callback<EnvelopeKeyProviderOptions['wrap']>(),
	unwrap: callback<EnvelopeKeyProviderOptions['unwrap']>(),
	cacheSeconds: seconds,
	timeoutSeconds: someSeconds.optional(),
	olderKeys: z
		.custom<KeyProvider>(isKeyProvider, { error: 'must be a provider of keys' })
		.optional(),
} satisfies OptionSchemas<EnvelopeKeyProviderOptions>);

/**
 * Envelope encryption: each organization has a data key of its own, which the database stores wrapped (encrypted) by a key
 * management service. The service needs two operations only: `wrap` and `unwrap`. Without the service, nobody can decrypt
 * the settings in the database or in a backup. {@link shred} makes the settings of one organization unreadable.
 *
 * The data key of an organization is created at its first write. Each process unwraps it once in `cacheSeconds`.
 *
 * @example
 * ```ts
 * import { createDestinationsClient, EnvelopeKeyProvider } from '@consent-io/destinations';
 *
 * declare const kms: {
 *   encrypt(bytes: Uint8Array): Promise<Uint8Array>;
 *   decrypt(bytes: Uint8Array): Promise<Uint8Array>;
 * };
 *
 * const keys = new EnvelopeKeyProvider({
 *   wrap: (plaintextKey) => kms.encrypt(plaintextKey),
 *   unwrap: (wrappedKey) => kms.decrypt(wrappedKey),
 *   cacheSeconds: 300,
 * });
 * const db = createDestinationsClient({ keys });
 * await db.close();
 * await keys.close();
 * ```
 */
export class EnvelopeKeyProvider implements KeyProvider, AsyncDisposable {
	readonly cacheSeconds: number;
	readonly timeoutSeconds: number | undefined;
	readonly #dataKeys: DataKeys;
	readonly #store: PostgresDataKeys;

	/** @throws ConfigurationError if the functions or the connection are missing, or an option is unknown. */
	constructor(given: EnvelopeKeyProviderOptions) {
		const options = checkConfiguration('EnvelopeKeyProvider', providerOptions, given);
		const pool = checkPoolOptions('`pool` of EnvelopeKeyProvider', options.pool);
		const config = withDatabaseAddress(options.connectionString, pool, 'pool');
		const serviceUrl =
			options.serviceConnectionString ?? serviceUrlBeside(options.connectionString, pool);
		this.#store = new PostgresDataKeys(
			config,
			serviceUrl === undefined ? config : withDatabaseAddress(serviceUrl, pool, 'pool'),
			options.role === 'destinations_loader',
			options.citus,
		);
		this.#dataKeys = new DataKeys(options, this.#store);
		this.cacheSeconds = options.cacheSeconds;
		this.timeoutSeconds = options.timeoutSeconds;
	}

	primaryKeyId(organizationId: string): Promise<string> {
		return this.#dataKeys.primaryKeyId(organizationId);
	}

	getKey(keyId: string, organizationId: string): Promise<Uint8Array> {
		return this.#dataKeys.getKey(keyId, organizationId);
	}

	/**
	 * Creates a new data key for an organization, which encrypts from now on; in other processes, after `cacheSeconds` at the
	 * latest. Then encrypt its settings again with the new key: `rotateKeys({ keys: provider, organizationId })`.
	 *
	 * @returns The id of the new key.
	 * @throws ValidationError if the id is not a UUID.
	 */
	async renew(organizationId: string): Promise<string> {
		return this.#dataKeys.renew(checkUuid('organizationId', organizationId));
	}

	/**
	 * Deletes the data keys of an organization. Its settings can no longer be read: reads fail with `UNKNOWN_KEY`, at once
	 * or, in processes that have the key cached, after `cacheSeconds` at the latest. What these processes write until then is
	 * lost as well, so stop writing for the organization first.
	 *
	 * A backup of the database contains the wrapped keys. With it and the key management service, the settings can be read
	 * until the backup is deleted, or the service no longer unwraps them.
	 *
	 * @returns How many keys were deleted.
	 * @throws ValidationError if the id is not a UUID.
	 */
	async shred(organizationId: string): Promise<number> {
		return this.#dataKeys.shred(checkUuid('organizationId', organizationId));
	}

	/** Closes the provider's connections. Close the clients that use it first. */
	close(): Promise<void> {
		return this.#store.close();
	}

	/** {@link close}, for `await using`. */
	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}
}
