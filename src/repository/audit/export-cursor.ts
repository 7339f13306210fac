import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { ValidationError } from '../../errors.ts';
import type { Statements } from '../statements.ts';
import { isLogId } from './pages.ts';

/**
 * What an export had seen: a snapshot of Postgres, and the newest entry in it.
 *
 * An entry that it did not see has a greater id, or is of a transaction that had not ended: one of those that the snapshot lists as
 * running, or one from `xmax` on that had begun. The first transaction that had not is `next`. A standby's snapshot does not list
 * what runs: there nothing is known but that what was not seen is from `xmin` on.
 *
 * All are decimal numbers of 64 bits.
 */
export interface ExportPosition {
	/** What distinguishes this history of transactions from another. */
	readonly server: string;
	readonly xmin: string;
	readonly xmax: string;
	readonly pending: { readonly running: readonly string[]; readonly next: string } | null;
	/** The id of the newest entry that the scope sees; `0` where there is none. */
	readonly newest: string;
}

/** A position, and which server answered. */
export interface OpenedExport {
	readonly position: ExportPosition;
	/** When the server was started: another one that answers may have seen less. */
	readonly started: string;
}

/**
 * What distinguishes one history of transactions from another, over restarts: the cluster; its timeline, which a promotion or a recovery to
 * a point in time begins again; when the statistics were last emptied, as a recovery from a crash does, which may lose what was
 * seen; the database and the table, which a restored dump has made again.
 */
const history = `pg_catalog.concat_ws('/', (SELECT system_identifier FROM pg_catalog.pg_control_system()),
	CASE WHEN pg_catalog.pg_is_in_recovery() THEN
		(SELECT pg_catalog.lpad(pg_catalog.to_hex(timeline_id), 8, '0') FROM pg_catalog.pg_control_checkpoint())
	ELSE pg_catalog.lower(pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)) END,
	pg_catalog.extract('epoch', pg_catalog.pg_stat_get_bgwriter_stat_reset_time()),
	(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
	'public.destination_audit_log'::regclass::oid)`;

/**
 * One statement, so one snapshot. The number of a transaction is taken behind it, so that it is greater than any that had
 * begun by then.
 */
const opening = (
	newest: string,
) => `SELECT pg_catalog.pg_snapshot_xmin(s)::text, pg_catalog.pg_snapshot_xmax(s)::text,
	pg_catalog.to_json(ARRAY(SELECT pg_catalog.pg_snapshot_xip(s)::text))::text,
	CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_xact_id()::text END,
	coalesce((${newest}), 0)::text, ${history}, pg_catalog.pg_postmaster_start_time()::text
	FROM pg_catalog.pg_current_snapshot() AS s`;

/** Takes the snapshot that an export is of. */
export function openExport(statements: Statements): Promise<OpenedExport> {
	return statements.transaction(async (transaction) => {
		// Asked before the snapshot is taken: one of a standby does not become that of a primary by its promotion.
		const [recovery] = await transaction.run('SELECT pg_catalog.pg_is_in_recovery()', []);
		const own = transaction.organizationId;
		const newest =
			own === undefined
				? 'SELECT id FROM public.destination_audit_log ORDER BY id DESC LIMIT 1'
				: `SELECT id FROM public.destination_audit_log WHERE organization_id = $1
				    ORDER BY id DESC NULLS LAST LIMIT 1`;
		const values = own === undefined ? [] : [own];
		const [row] = await transaction.run(opening(newest), values, { inOrder: true });
		// By the columns, of which only the fourth may be null.
		const [xmin, xmax, running, next, newestId, server, started] = row as string[];
		const isPrimary = recovery?.[0] === 'f' && typeof next === 'string';
		return {
			started: String(started),
			position: {
				server: String(server),
				xmin: String(xmin),
				xmax: String(xmax),
				pending: isPrimary ? { running: JSON.parse(String(running)), next } : null,
				newest: String(newestId),
			},
		};
	});
}

const expected = 'must be the cursor of an export, unchanged';

export const exportCursorText = z.string({ error: expected }).max(200_000, { error: expected });

const version = 1;

export function exportCursorAt({ server, xmin, xmax, pending, newest }: ExportPosition): string {
	const parts = [
		version,
		server,
		xmin,
		xmax,
		pending?.running ?? null,
		pending?.next ?? null,
		newest,
	];
	return toCursor(parts);
}

export function toCursor(parts: readonly unknown[]): string {
	return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @throws ValidationError if it is not what {@link toCursor} makes of such parts. */
export function fromCursor<Schema extends z.ZodType>(
	cursor: string,
	schema: Schema,
): z.output<Schema> {
	const parts = schema.safeParse(jsonIn(cursor));
	if (!parts.success) throw refusal(expected);
	return parts.data;
}

const number = z.string().refine(isLogId);
const partsOfCursor = z.union([
	z.tuple([z.literal(version), z.string(), number, number, z.array(number), number, number]),
	z.tuple([z.literal(version), z.string(), number, number, z.null(), z.null(), number]),
]);

/** @throws ValidationError if it is not a cursor of an export. */
export function readExportCursor(cursor: string): ExportPosition {
	const [, server, xmin, xmax, running, next, newest] = fromCursor(cursor, partsOfCursor);
	const pending = running === null || next === null ? null : { running, next };
	return { server, xmin, xmax, pending, newest };
}

function jsonIn(cursor: string): unknown {
	try {
		return JSON.parse(Buffer.from(cursor, 'base64url').toString());
	} catch {
		return undefined;
	}
}

/** Up to where an export has seen the log. */
export interface Exported {
	/** The newest id that it knew. */
	readonly newest: string;
	/** The transactions that had begun and not ended, whose entries may come later. */
	readonly unseen: readonly string[];
}

/** What the export with a cursor has seen. @throws ValidationError if it is of a standby, which does not know. */
export function exportedBy(cursor: string): Exported {
	const { newest, pending, xmax } = readExportCursor(cursor);
	if (pending === null)
		throw refusal('was made on a standby, which does not know what was under way');
	const begun = Number(BigInt(pending.next) - BigInt(xmax));
	const from = BigInt(xmax);
	return {
		newest,
		unseen: [
			...pending.running,
			...Array.from({ length: begun }, (_, index) => String(from + BigInt(index))),
		],
	};
}

/**
 * Looks whether a cursor belongs to the history that the server has.
 *
 * @throws ValidationError if not: by numbers of other transactions, changes would be missed.
 */
export function checkHistory(before: ExportPosition, now: ExportPosition): void {
	// Numbers of transactions only grow, unless the past was put back. A standby may be behind.
	const wentBack = now.pending !== null && BigInt(now.xmax) < BigInt(before.xmax);
	if (before.server === now.server && !wentBack) return;
	throw isOfOtherHistory();
}

/** For a cursor whose history the server does not have. */
export function isOfOtherHistory(): ValidationError {
	return refusal(
		'was made on another database server, or on this one before a crash, a promotion or a restore, so that entries would be missed. Export by `from`, a little before the last export, and leave out the ids that are there already.',
	);
}

/** What takes values and names the parameters that stand for them. */
export interface Numbered {
	value(value: unknown): string;
}

/** Whether an entry is of a transaction that had begun and not ended at a position; as SQL. */
export function isPending({ xmin, xmax, pending }: ExportPosition, query: Numbered): string {
	if (pending === null) return `transaction_id >= ${query.value(xmin)}::bigint`;
	const { running, next } = pending;
	const begun = `transaction_id >= ${query.value(xmax)}::bigint AND transaction_id < ${query.value(next)}::bigint`;
	return `(transaction_id = ANY (${query.value([...running])}::bigint[]) OR (${begun}))`;
}

function refusal(message: string): ValidationError {
	return new ValidationError([{ path: ['cursor'], message }]);
}
