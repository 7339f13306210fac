import { placeOf, withDatabaseAddress } from '../database/database-address.ts';
import { checkPoolOptions } from '../database/pg-options.ts';
import { checkUuid } from '../database/scope.ts';
import { ofShard, refuseTwice, ShardMap, shardsOf, shareOfPool } from '../database/shards.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import {
	ConfigurationError,
	DestinationsError,
	UnavailableError,
	UnsupportedError,
} from '../errors.ts';
import { limitArguments } from '../input/argument-count.ts';
import { Listeners, type LoaderEvents } from './events.ts';
import type { LoadedDestination } from './loaded-destination.ts';
import type { DestinationsLoader } from './loader.ts';
import { type LoaderMetrics, type ShardMetrics, sumOfMetrics } from './metrics.ts';
import type { DestinationsLoaderOptions } from './options.ts';
import type { LoaderStatus } from './status.ts';

const of = 'createDestinationsLoader()';

/** The loader of one shard. */
interface LoaderShard {
	/** Host, port and database, for errors and metrics. */
	readonly place: string;
	readonly loader: DestinationsLoader;
}

/** How long a shard that could not be reached at the start is left alone, in milliseconds. */
const retryAfter = 1_000;

/**
 * A loader for each shard, each with its own poll, memory and age. What happens to one of them does not affect the others: a shard that is
 * unavailable answers from memory while that is young enough, and is started later where it was unavailable at the start.
 */
export class ShardedLoader implements Record<keyof DestinationsLoader, unknown>, AsyncDisposable {
	readonly #shards: ShardMap<LoaderShard>;
	readonly #listeners = new Listeners();
	#failures = 0;
	#reported: LoaderStatus = 'initializing';
	#started = false;
	#starting: Promise<void> | undefined;
	#closing: Promise<void> | undefined;
	#retry: NodeJS.Timeout | undefined;

	/**
	 * @param options that were checked, with `route` or `shards`.
	 * @param open makes the loader of one database.
	 */
	constructor(
		options: DestinationsLoaderOptions,
		open: (options: DestinationsLoaderOptions) => DestinationsLoader,
	) {
		const { shards, route, connectionString, pool, maxOrganizations, ...others } = options;
		if (route === undefined) {
			throw new ConfigurationError(
				`${of}: with \`shards\`, pass \`route\`, which says which of them an organization is on, or \`connectionString\` for one database.`,
			);
		}
		if (connectionString !== undefined || pool?.host || pool?.connectionString || pool?.database) {
			throw new ConfigurationError(
				`${of}: with \`route\`, leave out \`connectionString\` and an address in \`pool\`. Name each database in \`shards\`.`,
			);
		}
		const urls = shardsOf(of, shards, 'DATABASE_LOADER_URLS').map(
			(shard) => shard.connectionString,
		);
		const checked = checkPoolOptions(`\`pool\` of ${of}`, pool);
		// One for each, unless `max` says more.
		const share = shareOfPool(of, checked, urls.length, urls.length);
		const made = urls.map((url, at) => {
			try {
				const { host, port, database } = placeOf(withDatabaseAddress(url, pool, 'pool'));
				const loader = open({
					...others,
					pool: share,
					connectionString: url,
					...(maxOrganizations && { maxOrganizations: Math.ceil(maxOrganizations / urls.length) }),
				});
				return [url, { place: `${host}:${port}/${database}`, loader }] as const;
			} catch (error) {
				throw ofShard(`shards[${at}] of ${of}`, error);
			}
		});
		refuseTwice(
			of,
			made.map(([, { place }]) => place),
		);
		this.#shards = new ShardMap(of, made, route);
		for (const { place, loader } of this.#shards.all) {
			loader
				.on('change', (change) => this.#listeners.emit('change', change))
				.on('failure', ({ error, ...failure }) => {
					this.#failures += 1;
					const named = ofShard(place, error);
					this.#listeners.emit('failure', {
						...failure,
						error: named instanceof DestinationsError ? named : error,
						count: this.#failures,
					});
				})
				.on('status', () => this.#report());
		}
	}

	/** `live` where all shards are, `stale` where all are, and `interrupted` between these. */
	get status(): LoaderStatus {
		if (this.#closing !== undefined) return 'closed';
		if (!this.#started) return 'initializing';
		const all = this.#shards.all.map(({ loader }) => loader.status);
		if (all.every((status) => status === 'live')) return 'live';
		const answers = all.some((status) => status === 'live' || status === 'interrupted');
		return answers ? 'interrupted' : 'stale';
	}

	async start(): Promise<void> {
		this.#refuseClosed();
		this.#starting ??= this.#start().catch((error: unknown) => {
			this.#starting = undefined;
			throw error;
		});
		return this.#starting;
	}

	findEnabled(
		organizationId: string,
		environment: Environment,
	): Promise<readonly LoadedDestination[]> {
		try {
			return this.#of(organizationId).findEnabled(organizationId, environment);
		} catch (error) {
			return Promise.reject(error);
		}
	}

	peek(organizationId: string, environment: Environment): readonly LoadedDestination[] | undefined {
		try {
			return this.#of(organizationId).peek(organizationId, environment);
		} catch {
			return undefined;
		}
	}

	/** Of all shards, whichever fails. */
	async resync(): Promise<void> {
		if (!this.#started) this.#refuseClosed();
		const tried = this.#shards.all.map(({ place, loader }) =>
			loader.resync().catch((error: unknown) => {
				throw ofShard(place, error);
			}),
		);
		for (const result of await Promise.allSettled(tried)) {
			if (result.status === 'rejected') throw result.reason;
		}
	}

	metrics(): LoaderMetrics {
		const shards = this.#shards.all.map(
			({ place, loader }): ShardMetrics => ({
				...loader.metrics(),
				...{ database: place, status: loader.status },
			}),
		);
		return { ...sumOfMetrics(shards), shards };
	}

	on<Name extends keyof LoaderEvents>(
		event: Name,
		listener: (...given: LoaderEvents[Name]) => void,
	): this {
		this.#listeners.add(event, listener);
		return this;
	}

	off<Name extends keyof LoaderEvents>(
		event: Name,
		listener: (...given: LoaderEvents[Name]) => void,
	): this {
		this.#listeners.remove(event, listener);
		return this;
	}

	async close(): Promise<void> {
		clearTimeout(this.#retry);
		this.#closing ??= Promise.all(this.#shards.all.map(({ loader }) => loader.close())).then(
			() => {},
		);
		this.#report();
		return this.#closing;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	/** @throws where a shard is set up wrongly, or none can be reached. */
	async #start(): Promise<void> {
		const errors = await this.#startThose();
		this.#refuseClosed();
		const wrong = errors.find((error) => !(error instanceof UnavailableError));
		if (wrong !== undefined) throw wrong;
		if (errors.length === this.#shards.all.length) throw errors[0];
		this.#started = true;
		this.#report();
		if (errors.length > 0) this.#startLater();
	}

	/** Starts the loaders that are not started. */
	async #startThose(): Promise<unknown[]> {
		const errors: unknown[] = [];
		const starting = this.#shards.all.map(({ place, loader }) =>
			loader.start().catch((error: unknown) => errors.push(ofShard(place, error))),
		);
		await Promise.all(starting);
		return errors;
	}

	/** What fails is a `failure` of that shard's poll. */
	#startLater(): void {
		this.#retry = setTimeout(async () => {
			const errors = await this.#startThose();
			if (this.#closing === undefined && errors.length > 0) this.#startLater();
		}, retryAfter).unref();
	}

	#of(organizationId: string): DestinationsLoader {
		const { place, loader } = this.#shards.of(checkUuid('organizationId', organizationId));
		if (this.#started && loader.status === 'initializing') {
			throw new UnavailableError(
				`${place} could not be reached yet, so nothing of it is in memory. The loader tries again every second.`,
			);
		}
		return loader;
	}

	#report(): void {
		const { status } = this;
		if (status === this.#reported) return;
		this.#reported = status;
		this.#listeners.emit('status', status);
	}

	#refuseClosed(): void {
		if (this.#closing === undefined) return;
		throw new UnsupportedError('The loader was closed. Use it before close(), or make another.');
	}
}

limitArguments(
	ShardedLoader.prototype,
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
	// Not async, as that of one database.
	['findEnabled'],
);
