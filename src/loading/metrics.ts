/** What a loader has done since it was made, and what it holds. Numbers only. */
export interface LoaderMetrics {
	/** Calls answered from memory. */
	readonly hits: number;
	/** Calls that were not: of `findEnabled` those that waited, of `peek` those that got `undefined`. */
	readonly misses: number;
	/** Statements that read organizations, those of `preload` included. */
	readonly loads: number;
	/** Polls and loads that failed, and rows that did not open. */
	readonly failures: number;
	/** Rows that did not open, each time that they were tried. */
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
}

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
