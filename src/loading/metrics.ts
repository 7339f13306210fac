import type { LoaderStatus } from './status.ts';

/** What a loader has done since it was created, and what it holds. Numbers only. */
export interface LoaderMetrics {
	/** Calls answered from memory. */
	readonly hits: number;
	/** Calls that were not answered from memory: `findEnabled` waited or failed, `peek` returned `undefined`. One after the other counts twice. */
	readonly misses: number;
	/** Statements that read organizations, including those of `preload` and one of `start()`. */
	readonly loads: number;
	/** Polls and loads that failed, and rows that did not decrypt. */
	readonly failures: number;
	/** Rows that did not decrypt, counted at each try. */
	readonly rowsLeftOut: number;
	/** Organizations in memory. */
	readonly organizations: number;
	/** Organizations that are known to have nothing enabled, or not to exist. */
	readonly unknownOrganizations: number;
	/** Organizations that were removed from memory to make room for others. */
	readonly evictions: number;
	/** Polls that succeeded. */
	readonly polls: number;
	/** The maximum age of an answer, in milliseconds; null before the first poll. */
	readonly ageMillis: number | null;
	/** Organizations that polls found changed, whether they were in memory or not. */
	readonly invalidations: number;
	/** How often everything was removed from memory. */
	readonly resyncs: number;
	/** How far the standby is behind its primary, in milliseconds; null if the loader reads the primary. */
	readonly replicaLagMillis: number | null;
	/** The same for each of `shards`, in the order of the option; not set if the loader has one database. */
	readonly shards?: readonly ShardMetrics[];
}

/** What the loader of one of several databases has done. */
export interface ShardMetrics extends Omit<LoaderMetrics, 'shards'> {
	/** Host, port and name of the database. */
	readonly database: string;
	/** What the loader of this database is doing now. */
	readonly status: LoaderStatus;
}

/** Of all shards together: the oldest answer, and the standby that is farthest behind. */
export function sumOfMetrics(shards: readonly ShardMetrics[]): Omit<LoaderMetrics, 'shards'> {
	const sum = (name: keyof Counted) => shards.reduce((all, shard) => all + shard[name], 0);
	const most = (values: readonly (number | null)[]) => {
		const known = values.filter((value) => value !== null);
		return known.length === 0 ? null : Math.max(...known);
	};
	return {
		hits: sum('hits'),
		misses: sum('misses'),
		loads: sum('loads'),
		failures: sum('failures'),
		rowsLeftOut: sum('rowsLeftOut'),
		organizations: sum('organizations'),
		unknownOrganizations: sum('unknownOrganizations'),
		evictions: sum('evictions'),
		polls: sum('polls'),
		invalidations: sum('invalidations'),
		resyncs: sum('resyncs'),
		ageMillis: most(shards.map(({ ageMillis }) => ageMillis)),
		replicaLagMillis: most(shards.map(({ replicaLagMillis }) => replicaLagMillis)),
	};
}

type Counted = Omit<LoaderMetrics, 'ageMillis' | 'replicaLagMillis' | 'shards'>;

/** What is counted. */
export class Counters {
	hits = 0;
	misses = 0;
	loads = 0;
	failures = 0;
	rowsLeftOut = 0;
	polls = 0;
	invalidations = 0;
	resyncs = 0;
	replicaLagMillis: number | null = null;
}
