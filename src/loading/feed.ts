import { loaderScope } from '../database/scope.ts';
import type { ScopedSql } from '../database/scoped-sql.ts';
import { serverIdentity } from './server.ts';

/** Behind more changes than this everything is read again: naming them would cost more. */
export const manyOrganizations = 10_000;

/** After this long without a poll, in milliseconds, entries of the log may have been deleted unread. */
export const shortOutage = 60_000;

/**
 * Where the next poll begins: transactions from `from` on, and those of `running`. Ids of 64 bits, as texts.
 *
 * What becomes visible between two polls had not ended at the first. So it is among the transactions that the first
 * snapshot lists as running, or behind all that it knows (`xmax`). A standby's snapshot does not list what runs: there it
 * is `xmin` and everything behind it, which repeats some.
 */
interface Position {
	readonly from: string;
	readonly running: readonly string[];
	/** Nothing before this is of interest. */
	readonly xmin: string;
	readonly server: string;
	readonly inRecovery: boolean;
	/** When it was asked for, on the clock of `performance`. */
	readonly at: number;
}

/** What a poll found. */
export interface Poll {
	/** Which server answered. */
	readonly server: string;
	/** Organizations that changed since the last poll; `all` where that cannot be known. */
	readonly changed: readonly string[] | 'all';
	/** Whether the server is the primary, or a standby that is connected to it. */
	readonly receives: boolean;
	/** How far a standby is behind, in milliseconds; null on the primary. */
	readonly lag: number | null;
	/** When it was asked for, on the clock of `performance`: the answer is at most as old as that. */
	readonly at: number;
	/** Has the next poll begin where this one ended. */
	accept(): void;
}

/**
 * One statement, so one snapshot. `xmax` bounds it, because a log that was restored elsewhere has ids of transactions to
 * come. NULL organizations are those of key rotations and of removals from the log, which change nothing of what a loader
 * returns. The oldest entry comes from the index's first page; for "is there one before that" a plan for any
 * value would read the table.
 */
const poll = `SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text,
	to_json(ARRAY(SELECT pg_snapshot_xip(s)::text))::text, ${serverIdentity}, pg_is_in_recovery()::text,
	(NOT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver))::text,
	CASE WHEN NOT pg_is_in_recovery() THEN NULL
		WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
		ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 END::text,
	CASE WHEN $3::boolean
		THEN coalesce((SELECT min(transaction_id) FROM public.destination_audit_log) < $4::bigint, false)
		ELSE true END::text,
	to_json(ARRAY(SELECT DISTINCT organization_id FROM (
		SELECT organization_id FROM public.destination_audit_log
		 WHERE transaction_id >= $1::bigint AND transaction_id < pg_snapshot_xmax(s)::text::bigint
		UNION ALL
		SELECT organization_id FROM public.destination_audit_log
		 WHERE transaction_id = ANY ($2::bigint[])
	) AS entries WHERE organization_id IS NOT NULL LIMIT ${manyOrganizations + 1}))::text
	FROM pg_current_snapshot() AS s`;

/** What is polled for changes. */
export interface PolledFeed {
	/** The server that was polled last; undefined before the first poll. */
	readonly server: string | undefined;
	/** Asks what changed. Until the answer is accepted, the next poll begins where this one did. */
	poll(): Promise<Poll>;
}

/** The feed of changes: the audit log, which each change is written to in its own transaction. */
export class Feed implements PolledFeed {
	readonly #sql: ScopedSql;
	#position: Position | undefined;

	constructor(sql: ScopedSql) {
		this.#sql = sql;
	}

	/** The server that was polled last; undefined before the first poll. */
	get server(): string | undefined {
		return this.#position?.server;
	}

	/**
	 * Asks what changed. Until the answer is accepted, the next poll begins where this one did.
	 *
	 * @throws pg's errors; what cannot be read is an error, too, and never an answer without changes.
	 */
	async poll(): Promise<Poll> {
		const before = this.#position;
		const at = performance.now();
		const wasAway = before !== undefined && at - before.at > shortOutage;
		// Without a position there is nothing to find: the log would be read from its beginning.
		const { from = maxBigint, running = [], xmin = '0' } = before ?? {};
		const rows = await this.#sql.run(loaderScope, poll, [from, running, wasAway, xmin]);
		const answer = parse(rows);
		const { changed } = answer;
		const known =
			before !== undefined &&
			before.server === answer.server &&
			answer.kept &&
			changed.length <= manyOrganizations &&
			// Ids of transactions only grow, unless the past was put back.
			BigInt(answer.xmin) >= BigInt(before.xmin);
		// A snapshot of which it is not known that it lists what runs: one is taken before the server says that it is no
		// standby any more. So the poll before must have said it.
		const lists = known && !before.inRecovery && !answer.inRecovery;
		return {
			server: answer.server,
			changed: known ? changed : 'all',
			receives: answer.receives,
			lag: answer.lag,
			at,
			accept: () => {
				const { server, inRecovery } = answer;
				this.#position = {
					from: lists ? answer.xmax : answer.xmin,
					running: lists ? answer.running : [],
					...{ xmin: answer.xmin, server, inRecovery, at },
				};
			},
		};
	}
}

/** Behind every transaction. */
const maxBigint = String(2n ** 63n - 1n);

function parse(rows: readonly (readonly (string | null)[])[]) {
	const [row, ...others] = rows;
	if (row === undefined || others.length > 0) throw unreadable();
	const [xmin, xmax, running, server, inRecovery, receives, lag, kept, changed] = row;
	if (!server || lag === undefined) throw unreadable();
	return {
		xmin: transactionId(xmin),
		xmax: transactionId(xmax),
		running: list(running),
		server,
		inRecovery: truth(inRecovery),
		receives: truth(receives),
		lag: lag === null ? null : Math.max(0, Math.round(Number(lag))),
		kept: truth(kept),
		changed: list(changed),
	};
}

function transactionId(text: string | null | undefined): string {
	const [id] = /^\d+$/.exec(String(text)) ?? [];
	if (id === undefined) throw unreadable();
	return id;
}

function truth(text: string | null | undefined): boolean {
	if (text === 'true') return true;
	if (text === 'false') return false;
	throw unreadable();
}

function list(text: string | null | undefined): string[] {
	const values: unknown = JSON.parse(text ?? 'null');
	if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) {
		throw unreadable();
	}
	return values;
}

function unreadable(): Error {
	return new Error('The answer of the database to a poll does not have the expected form');
}
