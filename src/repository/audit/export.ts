import type { TextRow } from '../../database/scoped-sql.ts';
import { UnavailableError } from '../../errors.ts';
import { callback } from '../../input/checks.ts';
import { checkOptions } from '../../input/options.ts';
import type { Statements } from '../statements.ts';
import { exportFromCluster } from './cluster-export.ts';
import {
	checkHistory,
	type ExportPosition,
	exportCursorAt,
	exportCursorText,
	isPending,
	openExport,
	readExportCursor,
} from './export-cursor.ts';
import { ExportReader, type Known } from './export-reader.ts';
import { type AuditFilter, auditFilter, orderOf } from './filter.ts';

/** Options of {@link AuditLog.export}. */
export interface AuditExportOptions extends AuditFilter {
	/** What `onCursor` of the previous export was called with. @defaultValue the first entry */
	readonly cursor?: string | undefined;
	/**
	 * Called when every entry was taken, with the cursor for the next export. Without `from` and `to`, also called each time
	 * some hundred entries were taken, with the cursor from which an interrupted export continues. Save the cursor once these
	 * entries are stored safely.
	 *
	 * @defaultValue `undefined`
	 */
	readonly onCursor?: ((cursor: string) => void) | undefined;
}

const exportOptions = auditFilter.extend({
	cursor: exportCursorText.optional(),
	onCursor: callback<NonNullable<AuditExportOptions['onCursor']>>().optional(),
});

/** Every entry that a filter finds and the export before did not see, as lines of JSON. */
export async function* exportLog(
	statements: Statements,
	options: AuditExportOptions,
): AsyncGenerator<string, void, undefined> {
	const { cursor, onCursor, ...filter } = checkOptions(exportOptions, options);
	const byTime = orderOf(filter, statements.organizationId);
	if (statements.citus) {
		yield* exportFromCluster(statements, filter, byTime, { cursor, onCursor });
		return;
	}
	const before = cursor === undefined ? undefined : readExportCursor(cursor);
	const { position, started } = await openExport(statements);
	if (before !== undefined) checkHistory(before, position);
	// What came since a cursor is little, and found by ids.
	const order = before === undefined ? byTime : 'written';
	// A standby's snapshot does not show what commits meanwhile.
	const known = position.pending === null ? { newest: position.newest } : knownAt(position);
	const reader = new ExportReader(statements, filter, order, known, (text, values) =>
		readFromOne(statements, started, text, values),
	);
	const misses = before?.pending?.running.length !== 0 || before.pending.next !== before.xmax;
	if (before !== undefined && misses) yield* reader.late(knownAt(before));
	// Up to an entry this export is one that knew none behind it.
	const cursorAt = (newest: string) => exportCursorAt({ ...position, newest });
	const onPlace = order === 'written' ? (id: string) => onCursor?.(cursorAt(id)) : undefined;
	yield* reader.written(before?.newest, onPlace);
	onCursor?.(cursorAt(position.newest));
}

function knownAt(position: ExportPosition): Known {
	return { newest: position.newest, isPending: (query) => isPending(position, query) };
}

/** Every statement says which server ran it: another one may be behind. */
async function readFromOne(
	statements: Statements,
	started: string,
	text: string,
	values: unknown[],
): Promise<TextRow[]> {
	const rows = await statements.run(
		`SELECT page.*, server.started FROM (SELECT pg_catalog.pg_postmaster_start_time()::text AS started) AS server
			 LEFT JOIN LATERAL (${text}) AS page ON true`,
		values,
		{ inOrder: true },
	);
	if (rows.some((row) => row.at(-1) !== started)) {
		throw new UnavailableError(
			'Several database servers answered the export, one of which may be behind. Export again, from the same cursor.',
		);
	}
	return rows.filter(([id]) => id !== null).map((row) => row.slice(0, -1));
}
