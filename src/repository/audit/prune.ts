import type { Statements } from '../statements.ts';
import { firstOf, nodeOf, readClusterCursor } from './cluster-position.ts';
import { exportedBy } from './export-cursor.ts';

/**
 * How many pages go at once. What a page takes is the server's time, for each entry; with two, a server of a few processors has some
 * left for the services. On a cluster one, because there a page is of rows and not of ids.
 */
const workers = 2;

/** The least and the greatest of some numbers, which are decimal and have 64 bits. */
export interface Range {
	readonly first: string;
	readonly last: string;
}

/** Which entries are to go, and how. */
export interface PruneLogOptions {
	/** Those that were recorded before this, 30 days ago or longer. */
	readonly olderThan: Date;
	/** Where they are: their ids, if there are any; on a cluster, their transactions, of each node. */
	readonly ranges: readonly Range[];
	/** How many a transaction looks at, up to 10,000. */
	readonly batch: number;
	/** The cursor that an export of everything ended with, where nothing else is to go. */
	readonly exported: string | undefined;
	readonly onProgress: (removed: number) => void;
	readonly signal: AbortSignal | undefined;
}

/** Removes old entries of the log, the oldest first. Each transaction leaves an entry of its own. */
export async function pruneLog(statements: Statements, options: PruneLogOptions): Promise<void> {
	const prune = statements.citus ? pruneCluster : pruneServer;
	let removed = 0;
	await prune(statements, options, (count) => {
		removed += count;
		options.onProgress(removed);
	});
}

type Prune = (
	statements: Statements,
	options: PruneLogOptions,
	onPage: (removed: number) => void,
) => Promise<void>;

const pruneServer: Prune = async (statements, options, onPage) => {
	const { olderThan, ranges, batch, exported: cursor, signal } = options;
	const [ids] = ranges;
	if (ids === undefined) return;
	const exported = cursor === undefined ? undefined : exportedBy(cursor);
	const end = BigInt(ids.last);
	/** Behind this id no page was begun. */
	let after = BigInt(ids.first) - 1n;
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
		onPage(Number(count));
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
	for (const done of await Promise.allSettled(Array.from({ length: workers }, work))) {
		if (done.status === 'rejected') throw done.reason;
	}
};

/** Of one node after the other, by transactions. What an export did not see stays. */
const pruneCluster: Prune = async (statements, options, onPage) => {
	const { olderThan, ranges, batch, exported: cursor, signal } = options;
	const exported = cursor === undefined ? undefined : readClusterCursor(cursor).position;
	for (const { first, last } of ranges) {
		const node = nodeOf(first);
		// Of a node that the export did not know, nothing was exported.
		const to = exported === undefined ? firstOf(node + 1) : BigInt(exported[node]?.to ?? 0);
		const end = [BigInt(last), to - 1n].reduce((a, b) => (a < b ? a : b));
		let after = [first, '0'];
		for (;;) {
			signal?.throwIfAborted();
			const [row] = await statements.run(
				`SELECT removed, seen_transaction, seen_id FROM public.prune_destination_audit_log(
					$1::timestamptz, $2::bigint, $3::bigint, $4::bigint, $5::integer, $6::bigint[])`,
				[
					...[olderThan.toISOString(), ...after, String(end), batch],
					exported?.[node]?.running ?? [],
				],
			);
			const [count, transaction, id] = row ?? [];
			if (!transaction || !id) break;
			after = [transaction, id];
			onPage(Number(count));
		}
	}
};
