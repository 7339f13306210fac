import type { TextRow } from '../../database/scoped-sql.ts';
import { UnavailableError, UnsupportedError } from '../../errors.ts';
import { callback } from '../../input/checks.ts';
import { checkOptions } from '../../input/options.ts';
import type { Place } from '../cursor.ts';
import type { Statements } from '../statements.ts';
import { placeInTime, toEntry } from './entry.ts';
import {
	checkHistory,
	type ExportPosition,
	exportCursorAt,
	exportCursorText,
	type OpenedExport,
	openExport,
	readExportCursor,
} from './export-cursor.ts';
import {
	type AuditFilter,
	auditFilter,
	type CheckedFilter,
	type LogOrder,
	orderOf,
} from './filter.ts';
import { LogQuery, readFound } from './log-query.ts';

/** Options of {@link AuditLog.export}. */
export interface AuditExportOptions extends AuditFilter {
	/** What `onCursor` of the export before was called with. @defaultValue from the first entry on */
	readonly cursor?: string | undefined;
	/**
	 * Called with where the next export begins, when every entry of this one was taken; and before that, each time some hundred
	 * were, with where an export goes on that is cut off there, but not with `from` or `to`. Save it once they are safe.
	 *
	 * @defaultValue nothing
	 */
	readonly onCursor?: ((cursor: string) => void) | undefined;
}

const exportOptions = auditFilter.extend({
	cursor: exportCursorText.optional(),
	onCursor: callback<NonNullable<AuditExportOptions['onCursor']>>().optional(),
});

/** How many entries are read at once, which bounds memory. */
const batch = 500;

/** Every entry that a filter finds and the export before did not see, as lines of JSON. */
export async function* exportLog(
	all: Statements,
	options: AuditExportOptions,
): AsyncGenerator<string, void, undefined> {
	const { cursor, onCursor, ...filter } = checkOptions(exportOptions, options);
	const statements = all.citus ? ofOneOrganization(all, filter) : all;
	const byTime = orderOf(filter, statements.organizationId);
	const before = cursor === undefined ? undefined : readExportCursor(cursor);
	const opened = await openExport(statements);
	if (opened === undefined) {
		if (cursor !== undefined) onCursor?.(cursor);
		return;
	}
	if (before !== undefined) checkHistory(before, opened.position);
	// What came since a cursor is little, and found by ids.
	const order = before === undefined ? byTime : 'written';
	const reader = new ExportReader(statements, filter, order, opened);
	if (before !== undefined) yield* reader.late(before);
	// Up to an entry this export is one that knew none behind it.
	const cursorAt = (newest: string) => exportCursorAt({ ...opened.position, newest });
	const onPlace = order === 'written' ? (id: string) => onCursor?.(cursorAt(id)) : undefined;
	yield* reader.written(before?.newest, onPlace);
	onCursor?.(cursorAt(opened.position.newest));
}

/** Each worker of a cluster has transactions of its own: a cursor is of one of them, where one organization's rows are. */
function ofOneOrganization(statements: Statements, { organizationId }: CheckedFilter): Statements {
	if (statements.organizationId !== undefined) return statements;
	if (organizationId !== undefined) return statements.of(organizationId);
	throw new UnsupportedError(
		'With `citus` the log is exported an organization at a time: name its `organizationId`.',
	);
}

class ExportReader {
	readonly #statements: Statements;
	readonly #filter: CheckedFilter;
	readonly #order: LogOrder;
	readonly #opened: OpenedExport;

	constructor(
		statements: Statements,
		filter: CheckedFilter,
		order: LogOrder,
		opened: OpenedExport,
	) {
		this.#statements = statements;
		this.#filter = filter;
		this.#order = order;
		this.#opened = opened;
	}

	/** What was written before the export before, and not committed yet. */
	async *late(before: ExportPosition): AsyncGenerator<string, void, undefined> {
		if (before.pending?.running.length === 0 && before.pending.next === before.xmax) return;
		yield* this.#pages((query, after) => {
			const late = `id <= ${query.value(before.newest)}::bigint AND ${isPending(before, query)}`;
			const seen = this.#isSeen(query).map((condition) => ` AND ${condition}`);
			return query.late(`${late}${seen.join('')}`, query.value(after?.id ?? 0), String(batch));
		});
	}

	/** What was written since, up to the newest that was there when this export began. */
	async *written(
		newestBefore = '0',
		onPlace?: (id: string) => void,
	): AsyncGenerator<string, void, undefined> {
		const textOf = (query: LogQuery, after: Place | undefined) => {
			const { newest } = this.#opened.position;
			const more = [...this.#isSeen(query), `id <= ${query.value(newest)}::bigint`];
			if (this.#order === 'written') {
				more.push(`id > ${query.value(after?.id ?? newestBefore)}::bigint`);
			} else if (after !== undefined) {
				const place = `(${query.value(after.key)}::timestamptz, ${query.value(after.id)}::bigint)`;
				more.push(`(recorded_at, id) > ${place}`);
			}
			return query.page(false, more, String(batch));
		};
		yield* this.#pages(textOf, onPlace);
	}

	/** What commits while the export goes on belongs to the next one. A standby's snapshot does not show what that is. */
	#isSeen(query: LogQuery): string[] {
		const { position } = this.#opened;
		return position.pending === null ? [] : [`NOT ${isPending(position, query)}`];
	}

	async *#pages(
		textOf: (query: LogQuery, after: Place | undefined) => string,
		onPlace?: (id: string) => void,
	): AsyncGenerator<string, void, undefined> {
		let after: Place | undefined;
		for (;;) {
			const query = new LogQuery(this.#statements.organizationId, this.#filter, this.#order);
			const rows = await this.#read(textOf(query, after), query.values);
			const found = readFound(rows, batch);
			for (const row of found.rows) yield `${JSON.stringify(toEntry(row))}\n`;
			if (found.last === undefined) return;
			after = placeInTime(found.last);
			onPlace?.(after.id);
		}
	}

	/** Every statement says which server ran it: another one may be behind. */
	async #read(text: string, values: unknown[]): Promise<TextRow[]> {
		const rows = await this.#statements.run(
			this.#statements.citus
				? `SELECT page.*, pg_catalog.pg_postmaster_start_time()::text FROM (${text}) AS page`
				: `SELECT page.*, server.started FROM (SELECT pg_catalog.pg_postmaster_start_time()::text AS started) AS server
					 LEFT JOIN LATERAL (${text}) AS page ON true`,
			values,
			{ inOrder: true },
		);
		if (rows.some((row) => row.at(-1) !== this.#opened.started)) {
			throw new UnavailableError(
				'Several database servers answered the export, one of which may be behind. Export again, from the same cursor.',
			);
		}
		return rows.filter(([id]) => id !== null).map((row) => row.slice(0, -1));
	}
}

/** Whether an entry is of a transaction that had begun and not ended at a position; as SQL. */
function isPending({ xmin, xmax, pending }: ExportPosition, query: LogQuery): string {
	if (pending === null) return `transaction_id >= ${query.value(xmin)}::bigint`;
	const { running, next } = pending;
	const begun = `transaction_id >= ${query.value(xmax)}::bigint AND transaction_id < ${query.value(next)}::bigint`;
	return `(transaction_id = ANY (${query.value([...running])}::bigint[]) OR (${begun}))`;
}
