import { withDatabaseAddress } from '../database/database-address.ts';
import { checkPoolOptions } from '../database/pg-options.ts';
import { checkUuid, loaderScope } from '../database/scope.ts';
import { ScopedPool } from '../database/scoped-pool.ts';
import { environmentName } from '../destinations/input-schemas.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import { type Keys, SettingsEncryption } from '../encryption/settings-encryption.ts';
import {
	ConfigurationError,
	type DestinationsError,
	UnavailableError,
	UnsupportedError,
} from '../errors.ts';
import { limitArguments } from '../input/argument-count.ts';
import { checkArgument } from '../input/options.ts';
import { Listeners, type LoaderEvents } from './events.ts';
import type { LoadedDestination } from './loaded-destination.ts';
import { Counters, type LoaderMetrics } from './metrics.ts';
import type { UnopenedRow } from './opening.ts';
import { checkLoaderOptions, type DestinationsLoaderOptions, poolOptions } from './options.ts';
import { Refresher } from './refresher.ts';
import { Freshness, type LoaderStatus } from './status.ts';
import { Store } from './store.ts';

/**
 * The enabled destinations of organizations, in memory. The loader asks the database several times a second which
 * organizations changed, removes these from memory, and reads them at the next call. So an answer is at most as old as the
 * poll interval. While the database is unavailable, answers grow older, up to `maxStalenessMillis`. After that, calls fail
 * until the database is back.
 *
 * The loader sees every change that is in the log. It does not see writes for which triggers were disabled: call
 * {@link resync} after them.
 */
export class DestinationsLoader implements AsyncDisposable {
	readonly #options: ReturnType<typeof checkLoaderOptions>;
	readonly #pool: ScopedPool;
	readonly #store: Store;
	readonly #refresher: Refresher;
	readonly #freshness: Freshness;
	readonly #listeners = new Listeners();
	readonly #counters = new Counters();
	#starting: Promise<void> | undefined;
	#closing: Promise<void> | undefined;

	/** @internal Use `createDestinationsLoader()`. */
	constructor(given: DestinationsLoaderOptions) {
		const options = checkLoaderOptions(given);
		if (options.route !== undefined || options.shards !== undefined) {
			throw new ConfigurationError(
				'new DestinationsLoader() reads one database. Use createDestinationsLoader() for `shards`.',
			);
		}
		const pool = checkPoolOptions('`pool` of createDestinationsLoader()', options.pool);
		const encryption = new SettingsEncryption(keysOf(options.keys), options.plaintext);
		const address = withDatabaseAddress(
			...[options.connectionString, pool, 'pool', 'DATABASE_LOADER_URL'],
		);
		const { namedStatements, citus, onOperation } = options;
		this.#options = options;
		this.#pool = new ScopedPool(poolOptions(address, namedStatements), {
			...{ namedStatements, citus, onOperation, login: 'loader', roleAtRest: loaderScope.role },
		});
		this.#freshness = new Freshness(options.maxStalenessMillis, (status) =>
			this.#listeners.emit('status', status),
		);
		const { operations } = this.#pool;
		const tools = { sql: this.#pool, operations, counters: this.#counters };
		this.#refresher = new Refresher(options.pollIntervalMillis, {
			...tools,
			freshness: this.#freshness,
			forget: (changed) => this.#forget(changed),
			deleteExpired: (now) => this.#store.cache.deleteExpired(now),
			report: (error) => this.#report(error),
		});
		this.#store = new Store(options.maxOrganizations, {
			...tools,
			encryption,
			server: () => this.#refresher.server,
			poll: () => this.#refresher.poll(),
			leaveOut: (row) => this.#leaveOut(row),
		});
	}

	/** What the loader is doing now. */
	get status(): LoaderStatus {
		return this.#freshness.status;
	}

	/**
	 * Connects and, with `preload`, reads every organization. Other calls are answered once it has resolved. If it fails, you
	 * can call it again.
	 *
	 * @throws UnavailableError if the database cannot be reached, or is a standby that has lost its primary.
	 * @throws ConfigurationError if the login can switch to another role than `destinations_loader`, or the database does not
	 * let it read.
	 */
	async start(): Promise<void> {
		this.#refuseClosed();
		this.#starting ??= this.#start().catch((error: unknown) => {
			this.#starting = undefined;
			throw error;
		});
		return this.#starting;
	}

	/**
	 * The enabled destinations of an organization in an environment, frozen. The list is empty if there are none, or if the
	 * organization does not exist. The answer comes from memory, or from a statement that also reads what other callers need
	 * at the same time.
	 *
	 * A destination whose settings do not decrypt is left out, and reported by the event `failure`.
	 *
	 * @param organizationId UUID.
	 * @throws ValidationError if an argument is not valid.
	 * @throws UnavailableError if the status is `stale`, or the organization is not in memory and the database is unavailable.
	 * @throws UnsupportedError before `start()`, and after `close()`.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsLoader } from '@consent-io/destinations';
	 *
	 * declare const loader: DestinationsLoader;
	 * declare const organizationId: string;
	 *
	 * for (const destination of await loader.findEnabled(organizationId, 'production')) {
	 *   if (destination.type === 'posthog') console.log(destination.settings.host);
	 * }
	 * ```
	 */
	findEnabled(
		organizationId: string,
		environment: Environment,
	): Promise<readonly LoadedDestination[]> {
		const now = performance.now();
		if (now < this.#freshness.goodUntil) {
			const answer = this.#store.slot(organizationId, environment, now)?.answer;
			if (answer !== undefined) {
				this.#counters.hits += 1;
				return answer;
			}
		}
		return this.#find(organizationId, environment);
	}

	/**
	 * Like {@link findEnabled}, but without waiting: returns undefined if {@link findEnabled} would wait or fail.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsLoader } from '@consent-io/destinations';
	 *
	 * declare const loader: DestinationsLoader;
	 * declare const organizationId: string;
	 *
	 * const enabled =
	 *   loader.peek(organizationId, 'production') ??
	 *   (await loader.findEnabled(organizationId, 'production'));
	 * ```
	 */
	peek(organizationId: string, environment: Environment): readonly LoadedDestination[] | undefined {
		const now = performance.now();
		if (now < this.#freshness.goodUntil) {
			const opened = this.#store.slot(organizationId, environment, now)?.opened;
			if (opened !== undefined) {
				this.#counters.hits += 1;
				return opened;
			}
		}
		this.#counters.misses += 1;
		return undefined;
	}

	/**
	 * Removes everything from memory, so that each organization is read again. Call it after writes that no trigger saw, such
	 * as a restore of rows with `session_replication_role = replica`.
	 *
	 * @throws UnavailableError if the database cannot be reached. Everything is removed from memory nevertheless.
	 * @throws UnsupportedError before `start()`, and after `close()`.
	 */
	async resync(): Promise<void> {
		this.#refuseUnlessStarted();
		this.#forget('all');
		await this.#refresher.poll();
	}

	/** What the loader has done, and what it holds, for the metrics of your service. */
	metrics(): LoaderMetrics {
		const { cache } = this.#store;
		return {
			...this.#counters,
			organizations: cache.size,
			unknownOrganizations: cache.unknown,
			evictions: cache.evictions,
			ageMillis: this.#freshness.age,
		};
	}

	/**
	 * Adds a listener for an event.
	 *
	 * @throws ValidationError if there is no such event, or the listener is not a function.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsLoader } from '@consent-io/destinations';
	 *
	 * declare const loader: DestinationsLoader;
	 *
	 * loader
	 *   .on('status', (status) => console.log(`destinations are ${status}`))
	 *   .on('failure', ({ error, destinationId }) => console.error(error.code, destinationId));
	 * ```
	 */
	on<Name extends keyof LoaderEvents>(
		event: Name,
		listener: (...given: LoaderEvents[Name]) => void,
	): this {
		this.#listeners.add(event, listener);
		return this;
	}

	/**
	 * Removes a listener.
	 *
	 * @throws ValidationError if there is no such event, or the listener is not a function.
	 */
	off<Name extends keyof LoaderEvents>(
		event: Name,
		listener: (...given: LoaderEvents[Name]) => void,
	): this {
		this.#listeners.remove(event, listener);
		return this;
	}

	/**
	 * Closes the connections, and removes everything from memory. Callers that wait for an answer get an UnsupportedError,
	 * unless the statement for it is under way.
	 */
	async close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	/** {@link close}, for `await using`. */
	async [Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	async #start(): Promise<void> {
		await this.#refresher.poll();
		// Refuses a role that may not read the columns.
		await this.#store.find(nobodyId, 'production');
		this.#store.forget([nobodyId]);
		if (this.#freshness.age === null) throw lostPrimary();
		this.#refuseClosed();
		this.#refresher.start();
		try {
			if (this.#options.preload) await this.#store.preload();
			this.#refuseClosed();
		} catch (error) {
			await this.#refresher.stop();
			throw error;
		}
		this.#freshness.started();
	}

	async #close(): Promise<void> {
		this.#freshness.close();
		this.#store.close(closed());
		await this.#refresher.stop();
		await this.#pool.close();
		this.#store.close(closed());
	}

	async #find(
		organizationId: string,
		environment: Environment,
	): Promise<readonly LoadedDestination[]> {
		const id = checkUuid('organizationId', organizationId);
		const stage = checkArgument('environment', environmentName, environment);
		this.#refuseUnlessStarted();
		this.#counters.misses += 1;
		if (performance.now() >= this.#freshness.goodUntil) throw stale();
		return this.#store.find(id, stage);
	}

	#forget(organizationIds: readonly string[] | 'all'): void {
		this.#store.forget(organizationIds);
		if (organizationIds === 'all') this.#counters.resyncs += 1;
		else this.#counters.invalidations += organizationIds.length;
		this.#listeners.emit('change', { organizationIds });
	}

	#leaveOut({ row, error }: UnopenedRow): void {
		this.#counters.rowsLeftOut += 1;
		this.#counters.failures += 1;
		this.#report(error, { destinationId: row.id, organizationId: row.organizationId });
	}

	#report(
		error: DestinationsError,
		of: { readonly destinationId?: string; readonly organizationId?: string } = {},
	): void {
		this.#listeners.emit('failure', { error, ...of, count: this.#counters.failures });
	}

	#refuseUnlessStarted(): void {
		this.#refuseClosed();
		if (this.status === 'initializing') {
			throw new UnsupportedError('The loader was not started. Await start() before you ask it.');
		}
	}

	#refuseClosed(): void {
		if (this.#closing !== undefined) throw closed();
	}
}

limitArguments(
	DestinationsLoader.prototype,
	{
		start: 0,
		findEnabled: 2,
		peek: 2,
		resync: 0,
		metrics: 0,
		on: 2,
		off: 2,
		close: 0,
		[Symbol.asyncDispose]: 0,
	},
	// Not async, so that an answer from memory makes no promise.
	['findEnabled'],
);

/** The nil UUID (RFC 9562, section 5.9), which no organization has. */
const nobodyId = '00000000-0000-0000-0000-000000000000';

function keysOf(keys: Keys | undefined): Keys | undefined {
	return keys ?? process.env.DESTINATIONS_ENCRYPTION_KEYS;
}

function stale(): UnavailableError {
	return new UnavailableError(
		'The database has been unavailable for longer than maxStalenessMillis, so what is in memory may be wrong by now. The loader answers again once it is back.',
	);
}

function lostPrimary(): UnavailableError {
	return new UnavailableError(
		'The server is a standby that receives nothing from its primary, so it is unknown how old its data is. Start again once it streams.',
	);
}

function closed(): UnsupportedError {
	return new UnsupportedError('The loader was closed. Use it before close(), or make another.');
}
