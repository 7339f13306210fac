import type { Statements } from '../statements.ts';
import type { Exported } from './export-cursor.ts';

/**
 * How many pages go at once. What a page takes is the server's time, for each entry; with two, a server of a few processors has some
 * left for the services. On a cluster one, because there a page is of rows and not of ids.
 */
const workers = 2;

/** Which entries are to go, and how. */
export interface PruneLogOptions {
	/** Those that were recorded before this, 30 days ago or longer. */
	readonly olderThan: Date;
	/** The smallest and the greatest id of them. */
	readonly ids: { readonly first: string; readonly last: string };
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
	{ olderThan, ids, batch, exported, onProgress, signal }: PruneLogOptions,
): Promise<number> {
	const end = BigInt(ids.last);
	/** Behind this id no page was begun. */
	let after = BigInt(ids.first) - 1n;
	let removed = 0;
	const page = async () => {
		signal?.throwIfAborted();
		const from = after;
		after += BigInt(batch);
		const [row] = await statements.run(
			`SELECT removed, last_id FROM public.prune_destination_audit_log(
				$1::timestamptz, $2::bigint, $3::integer, $4::bigint, $5::bigint[])`,
			[olderThan.toISOString(), from, batch, exported?.newest ?? null, exported?.unseen ?? []],
		);
		const [count, last = null] = row ?? [];
		// Over ids that no entry has.
		const reached = last === null ? end : BigInt(last);
		if (reached > after) after = reached;
		removed += Number(count);
		onProgress(removed);
	};
	const work = async () => {
		try {
			while (after < end) await page();
		} catch (error) {
			// The others begin no more pages.
			after = end;
			throw error;
		}
	};
	const works = Array.from({ length: statements.citus ? 1 : workers }, work);
	for (const done of await Promise.allSettled(works)) {
		if (done.status === 'rejected') throw done.reason;
	}
	return removed;
}
