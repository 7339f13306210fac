import { DestinationsLoader } from './loader.ts';
import { checkLoaderOptions, type DestinationsLoaderOptions } from './options.ts';
import { ShardedLoader } from './sharded-loader.ts';

/**
 * Creates a loader, which keeps the enabled destinations of organizations in memory, for work that is too frequent to ask
 * the database each time. It connects when you call {@link DestinationsLoader.start}.
 *
 * @throws ConfigurationError if the keys or the connection are missing or malformed, or an option is unknown or not valid.
 *
 * @example
 * ```ts
 * import { createDestinationsLoader, destinationsFor } from '@consent-io/destinations';
 *
 * declare const organizationId: string;
 *
 * await using loader = createDestinationsLoader({
 *   connectionString: process.env.DATABASE_LOADER_URL,
 *   keys: process.env.DESTINATIONS_ENCRYPTION_KEYS,
 * });
 * await loader.start();
 * const enabled = await loader.findEnabled(organizationId, 'production');
 * for (const destination of destinationsFor(enabled, ['marketing'])) console.log(destination.type);
 * ```
 */
export function createDestinationsLoader(
	options: DestinationsLoaderOptions = {},
): DestinationsLoader {
	const { route, shards } = checkLoaderOptions(options);
	if (route === undefined && shards === undefined) return new DestinationsLoader(options);
	const open = (ofOne: DestinationsLoaderOptions) => new DestinationsLoader(ofOne);
	// It has every member of a loader of one database, by its type.
	return new ShardedLoader(options, open) as unknown as DestinationsLoader;
}
