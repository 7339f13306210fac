import type { LoaderStatus } from './status.ts';

/** What a loader has done since it was made, and what it holds. Numbers only. */
export interface LoaderMetrics {
	/** Calls answered from memory. */
	readonly hits: number;
	/** Calls that were not: of `findEnabled` those that waited, of `peek` those that got `undefined`. */
	readonly misses: number;
	/** Statements that read organizations, those of `preload` included. */
	readonly loads: number;
	/** Polls and loads that failed, and rows that did not decrypt. */
	readonly failures: number;
	/** Rows that did not decrypt, each time that they were tried. */
	readonly rowsLeftOut: number;
	/** Organizations in memory. */
	readonly organizations: number;
	/** Organizations that are known to have nothing enabled, or not to exist. */
	readonly unknownOrganizations: number;
	/** Organizations that made room for others. */
	readonly evictions: number;
	/** Polls that succeeded. */
	readonly polls: number;
	/** How old an answer is at most, in milliseconds; null before the first poll. */
	readonly ageMillis: number | null;
	/** Organizations that polls said had changed, whether they were in memory or not. */
	readonly invalidations: number;
	/** How often everything was forgotten. */
	readonly resyncs: number;
	/** How far the standby is behind its primary, in milliseconds; null where the loader reads the primary. */
	readonly replicaLagMillis: number | null;
	/** The same of each of `shards`, in their order; not there where the loader has one database. */
	readonly shards?: readonly ShardMetrics[];
}

/** What the loader of one of several databases has done. */
export interface ShardMetrics extends Omit<LoaderMetrics, 'shards'> {
	/** Host, port and name of the database. */
	readonly database: string;
	/** What it is doing now. */
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
