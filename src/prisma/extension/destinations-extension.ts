import { withoutValues } from '../../database/sql-errors.ts';
import {
	type Keys,
	keysOption,
	type PlaintextPolicy,
	plaintextOption,
	SettingsEncryption,
} from '../../encryption/settings-encryption.ts';
import { UnsupportedError } from '../../errors.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../../input/options.ts';
import { markSeen } from './answered.ts';
import type { Arguments } from './arguments.ts';
import { modelsOf } from './client-models.ts';
import { destinationMethods } from './destination-methods.ts';
import type { DestinationsExtension } from './extension-types.ts';
import { storedArgument } from './operations.ts';
import { withPlainArguments } from './plain-arguments.ts';
import { reachesGuarded } from './reaching.ts';
import { runOperation } from './run-operation.ts';
import {
	batchOf,
	type LookUpClient,
	lookUpOn,
	runInBatch,
	runInTransaction,
	transactionOf,
} from './transaction.ts';

/** Options of {@link destinationsExtension}. */
export interface DestinationsExtensionOptions {
	/**
	 * The keys that encrypt and decrypt settings: text such as `id:hex,id:hex`, or a key provider.
	 *
	 * @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS`
	 */
	readonly keys?: Keys | undefined;
	/**
	 * What to do with rows whose settings are not encrypted. `allow-read` is for the migration from an older system: reads
	 * return such settings as they are, and every write encrypts. After the migration, run
	 * `consent-destinations rotate --from-plaintext`, and remove this option.
	 *
	 * @defaultValue `'refuse'`: reading such a row fails with `DECRYPTION_FAILED`
	 */
	readonly plaintext?: PlaintextPolicy | undefined;
}

const extensionOptions = optionsOf({
	keys: keysOption.optional(),
	plaintext: plaintextOption.optional(),
} satisfies OptionSchemas<DestinationsExtensionOptions>);

/** What the extension calls of the client that it extends, and what Prisma calls of the extension. */
interface ExtensibleClient extends LookUpClient {
	$extends(extension: object): ReturnType<DestinationsExtension>;
	$transaction(work: unknown, options?: unknown): Promise<unknown>;
}

interface QueryHook {
	readonly model?: string;
	readonly operation: string;
	readonly args: Arguments;
	/** Prisma's own, of which `dataPath` has the steps of a fluent call: `['select', 'organization']`. */
	readonly __internalParams?: { readonly dataPath?: readonly string[] };
	query(args: Arguments): Promise<unknown>;
}

const rawOperations = new Set([
	'$queryRaw',
	'$queryRawUnsafe',
	'$queryRawTyped',
	'$executeRaw',
	'$executeRawUnsafe',
]);

/**
 * A Prisma Client extension that encrypts `settings` on every write, decrypts them on every read, and hides soft-deleted
 * destinations, in nested reads and writes too. It is for a service with its own Prisma client, whose schema contains the
 * models of `prisma/models/destinations.prisma`. It does not isolate organizations: `createDestinationsClient` does.
 *
 * - `delete` and `deleteMany` soft-delete. `destination.withDeleted()` and `destination.onlyDeleted()`
 *   read deleted rows, `destination.restore()` brings one back, `destination.purge()` removes one permanently.
 * - Operations that cannot work on ciphertext, such as a filter on settings, throw `UnsupportedError`.
 * - It reads your models and relations from the client. Operations that do not reach destinations are left unchanged; those
 *   that do are guarded, from any model and at any depth. A to-one relation to a deleted destination is null.
 * - Raw queries see the stored data: envelopes, and deleted rows.
 * - Query extensions that are added before it see decrypted settings. Those that are added after it run closer to the
 *   database: what they add to the arguments is neither decrypted nor restricted to live rows. Add extensions that answer
 *   by themselves, such as `@prisma/extension-read-replicas`, after it: an answer that they return before it has seen the
 *   call is refused with `UnsupportedError`.
 *
 * @throws ConfigurationError if the keys are missing or malformed, or an option is unknown or not valid; from `$extends`,
 * if the client's schema does not have the models of destinations, or has them under other names.
 *
 * @example
 * ```ts
 * import { destinationsExtension } from '@consent-io/destinations';
 * import { PrismaClient } from '../../generated/prisma/client.js';
 *
 * declare const base: PrismaClient;
 *
 * const keys = process.env.DESTINATIONS_ENCRYPTION_KEYS;
 * const prisma = base.$extends(destinationsExtension({ keys }));
 * ```
 */
export function destinationsExtension(
	options: DestinationsExtensionOptions = {},
): DestinationsExtension {
	const { keys, plaintext } = checkConfiguration(
		'destinationsExtension()',
		extensionOptions,
		options,
	);
	return extensionWith(settingsEncryption(keys, plaintext));
}

/** Settings encryption with the given keys, or with those of the environment. */
export function settingsEncryption(
	keys: Keys | undefined,
	plaintext: PlaintextPolicy | undefined,
): SettingsEncryption {
	return new SettingsEncryption(keys ?? process.env.DESTINATIONS_ENCRYPTION_KEYS, plaintext);
}

/** Waits for what Prisma does. Its errors repeat a refused row, which may hold settings that raw SQL wrote. */
async function clean<T>(running: PromiseLike<T>): Promise<T> {
	try {
		return await running;
	} catch (error) {
		throw withoutValues(error);
	}
}

function extensionWith(encryption: SettingsEncryption): DestinationsExtension {
	return (extended) => {
		// Prisma calls an extension with a client of the schema; see `ExtensibleClient`.
		const client = extended as ExtensibleClient;
		const models = modelsOf(client);
		const lookUp = async (ids: readonly string[]) => {
			const on = transactionOf(client);
			// The client of a transaction has this extension, which would open the settings.
			return lookUpOn(on, ids, on === client ? {} : { [storedArgument]: true });
		};
		const withExtension = client.$extends({
			name: '@consent-io/destinations',
			query: {
				async $allOperations({ model: name, operation, args, query, __internalParams }: QueryHook) {
					if (name === undefined) {
						if (rawOperations.has(operation)) return clean(query(args));
						throw new UnsupportedError(`destinationsExtension does not know ${operation}.`);
					}
					const model = models.known(name);
					const { names } = models;
					markSeen(model);
					if (!reachesGuarded(model, args, names)) return query(args);
					const fluent = __internalParams?.dataPath?.filter((_, index) => index % 2 === 1);
					const called = {
						model,
						operation,
						args,
						names,
						fluent,
						extended: true,
						batch: batchOf(),
					};
					return clean(runOperation(encryption, called, lookUp, query));
				},
			},
			model: { destination: destinationMethods },
			client: {
				$transaction(this: ExtensibleClient, work: unknown, transactionOptions?: unknown) {
					const begin = client.$transaction;
					if (typeof work !== 'function') {
						// Its error is that of one of its operations, which is clean.
						return runInBatch(() => begin.call(this, work, transactionOptions), lookUp);
					}
					const ended = begin.call(
						this,
						(transaction: LookUpClient) =>
							runInTransaction(client, transaction, () => work(transaction)),
						transactionOptions,
					);
					return clean(ended);
				},
			},
		});
		return withPlainArguments(withExtension, models);
	};
}
