import type { ClientConfig } from 'pg';
import { placeOf } from '../database/database-address.ts';
import { ofShard, onEach, refuseTwice, type Shard, shardsOf } from '../database/shards.ts';
import { ConfigurationError } from '../errors.ts';
import { serviceConfig } from './maintenance-connection.ts';
import { listedFailures, type SealedSettingsFailure } from './options.ts';

/** Options of a run over a database, or over one of several after the other. */
interface RunOptions<Progress, Failure> {
	readonly connectionString?: string | undefined;
	readonly connection?: ClientConfig | undefined;
	readonly shards?: readonly (string | Shard)[] | undefined;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
	readonly onFailure?: ((failure: Failure) => void) | undefined;
}

/** What runs ended with. */
interface Ended<Result> {
	/** Of each database on which a run began. */
	readonly results: readonly (Result & { readonly database?: string })[];
	readonly stopped: boolean;
}

/**
 * Runs on the database that options name, or on one of `shards` after the other, whichever fails; none begins that is to be stopped. Progress and
 * failures are reported with the database.
 *
 * @param of what the options are of, for errors.
 * @param run is called with options of one database.
 * @throws ConfigurationError before any run begins, if a database cannot be read, or one is named besides. Else the first error, which
 * names its database, once all others are done.
 */
export async function runOnEachDatabase<
	Progress extends object,
	Failure extends object,
	Options extends RunOptions<Progress, Failure>,
	Result extends { readonly stopped: boolean },
>(
	of: string,
	options: Options & RunOptions<Progress, Failure>,
	run: (options: Options) => Promise<Result>,
): Promise<Ended<Result>> {
	const results: (Result & { readonly database?: string })[] = [];
	const databases = databasesOf(of, options);
	const { signal, onProgress, onFailure } = options;
	await onEach(databases, async ({ connectionString, place }) => {
		if (signal?.aborted && place !== undefined) return;
		const one: Options = { ...options, shards: undefined };
		if (place === undefined) {
			results.push(await run(one));
			return;
		}
		const running = run({
			...one,
			connectionString,
			onProgress: onProgress && ((progress) => onProgress({ ...progress, database: place })),
			onFailure: onFailure && ((failure) => onFailure({ ...failure, database: place })),
		} satisfies RunOptions<Progress, Failure> & Options);
		const named = running.catch((error: unknown) => {
			throw ofShard(place, error);
		});
		results.push({ ...(await named), database: place });
	});
	const stopped = results.length < databases.length || results.some((result) => result.stopped);
	return { results, stopped };
}

interface OneDatabase {
	readonly connectionString?: string | undefined;
	/** Host, port and name; undefined where there is no other. */
	readonly place?: string;
}

function databasesOf(of: string, options: RunOptions<never, never>): readonly OneDatabase[] {
	const { shards, connectionString, connection = {} } = options;
	if (shards === undefined) return [{ connectionString }];
	const { host, database, connectionString: url } = connection;
	if ([connectionString, host, database, url].some((given) => given !== undefined)) {
		throw new ConfigurationError(
			`${of}: with \`shards\`, leave out \`connectionString\` and an address in \`connection\`. Name each database in \`shards\`.`,
		);
	}
	const databases = shardsOf(of, shards).map((shard, at) => {
		// The login that may be the service.
		const own = shard.serviceConnectionString ?? shard.connectionString;
		try {
			const place = placeOf(serviceConfig({ connectionString: own, connection }));
			return { connectionString: own, place: `${place.host}:${place.port}/${place.database}` };
		} catch (error) {
			throw ofShard(`shards[${at}] of ${of}`, error);
		}
	});
	refuseTwice(
		of,
		databases.map(({ place }) => place),
	);
	return databases;
}

/** The first failures of all, each with its database. */
export function firstFailures(results: Ended<RunWithFailures>['results']): SealedSettingsFailure[] {
	const all = results.flatMap(({ database, failures }) =>
		database === undefined ? failures : failures.map((failure) => ({ ...failure, database })),
	);
	return all.slice(0, listedFailures);
}

interface RunWithFailures {
	readonly failures: readonly SealedSettingsFailure[];
}

export function sumOf<T>(results: readonly T[], count: (result: T) => number): number {
	return results.reduce((sum, result) => sum + count(result), 0);
}
