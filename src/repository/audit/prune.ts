import type { Statements } from '../statements.ts';
import type { Exported } from './export-cursor.ts';

/** Which entries are to go, and how. */
export interface PruneLogOptions {
	/** Those that were recorded before this, 30 days ago or longer. */
	readonly olderThan: Date;
	/** The greatest id of them. */
	readonly lastId: string;
	/** How many a transaction looks at, up to 10,000. */
	readonly batch: number;
	/** What was exported, where nothing else is to go. */
	readonly exported: Exported | undefined;
	readonly onProgress: (removed: number) => void;
	readonly signal: AbortSignal | undefined;
}

/** Removes old entries of the log, the oldest first; returns how many. Each transaction leaves an entry of its own. */
export async function pruneLog(
	statements: Statements,
	{ olderThan, lastId, batch, exported, onProgress, signal }: PruneLogOptions,
): Promise<number> {
	let removed = 0;
	let after: string | null = null;
	for (;;) {
		signal?.throwIfAborted();
		const [row] = await statements.run(
			`SELECT removed, last_id FROM public.prune_destination_audit_log(
				$1::timestamptz, $2::bigint, $3::integer, $4::bigint, $5::bigint[])`,
			[olderThan.toISOString(), after, batch, exported?.newest ?? null, exported?.unseen ?? []],
		);
		const [count, last = null] = row ?? [];
		if (last === null) return removed;
		removed += Number(count);
		after = last;
		onProgress(removed);
		if (BigInt(last) >= BigInt(lastId)) return removed;
	}
}
