import type { TextRow } from '../../database/scoped-sql.ts';
import { limitArguments } from '../../input/argument-count.ts';
import { checkOptions } from '../../input/options.ts';
import { cursorText, pageLimit } from '../../input/page.ts';
import { observeMethods } from '../../telemetry/observe-methods.ts';
import type { Operations } from '../../telemetry/operations.ts';
import { cursorAt, isTime, placeOf } from '../cursor.ts';
import type { Statements } from '../statements.ts';
import { type AuditEntry, placeInTime, toEntry } from './entry.ts';
import { type AuditExportOptions, exportLog } from './export.ts';
import { type AuditFilter, auditFilter, orderOf } from './filter.ts';
import { LogQuery, readFound } from './log-query.ts';
import { isLogId, type Page, type PageOptions, readNumber } from './pages.ts';

const listOptions = auditFilter.extend({ cursor: cursorText.optional(), limit: pageLimit });

/** The audit log: who changed what, as the database recorded it. No role of the service can change it. */
export class AuditLog {
	readonly #statements: Statements;
	readonly #operations: Operations;

	static {
		observeMethods(AuditLog.prototype, {
			family: 'audit',
			table: 'destination_audit_log',
			operationsOf: (log) => log.#operations,
		});
	}

	/** @internal Use `forOrganization().audit` or `asService().audit`. */
	constructor(statements: Statements, operations: Operations) {
		this.#statements = statements;
		this.#operations = operations;
	}

	/**
	 * A page of the log, the newest entry first, in the order in which entries were written. With `from` or `to`, the order
	 * is that of `recordedAt`.
	 *
	 * Conditions that no index has (`action`, or several together) are checked on at most 10,000 entries for one page. So a
	 * page may have fewer items than `limit`, or none, although `nextCursor` is not null: continue from there.
	 *
	 * @throws ValidationError if an option is not valid. In the scope of the service, `from` and `to` need an
	 * `organizationId`.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const userId: string;
	 *
	 * const { items, nextCursor } = await acme.audit.list({ actorId: userId, limit: 20 });
	 * for (const { action, actorId, changes } of items) process.stdout.write(`${action} by ${actorId}\n`);
	 * ```
	 */
	async list(options: AuditFilter & PageOptions = {}): Promise<Page<AuditEntry>> {
		const { limit, cursor, ...filter } = checkOptions(listOptions, options);
		const order = orderOf(filter, this.#statements.organizationId);
		const query = new LogQuery(this.#statements.organizationId, filter, order);
		const after: string[] = [];
		if (cursor !== undefined && order === 'written') {
			after.push(`id < ${query.value(readNumber(cursor, isLogId))}`);
		} else if (cursor !== undefined) {
			const { key, id } = placeOf(cursor, order, { key: isTime, id: isLogId });
			const place = `(${query.value(key)}::timestamptz, ${query.value(id)}::bigint)`;
			after.push(`(recorded_at, id) < ${place}`);
		}
		const text = query.page(true, after, query.value(limit + 1));
		const rows = await this.#statements.run(text, query.values, { inOrder: true });
		const found = readFound(rows, limit + 1);
		const shown = found.rows.slice(0, limit);
		// The last that was looked at may be none that was looked for.
		const last = found.rows.length > limit ? shown.at(-1) : found.last;
		const cursorOf = (row: TextRow) =>
			order === 'written' ? String(row[0]) : cursorAt(order, placeInTime(row));
		return { items: shown.map(toEntry), nextCursor: last === undefined ? null : cursorOf(last) };
	}

	/**
	 * The log as JSON Lines (https://jsonlines.org): every entry that was committed when the export began, the oldest first,
	 * in the order in which they were written. With `from` or `to`, the order is that of `recordedAt`. It holds one page in
	 * memory, however long the log is.
	 *
	 * `onCursor` receives the cursor from which the next export continues. An entry of a transaction that is still open has
	 * its `id` already, which may be smaller than the last one of this export. The cursor knows which transactions were open,
	 * so no entry is missed. On the primary no entry is exported twice; on a standby some may be, which their ids show.
	 *
	 * With Citus, an export of all organizations has the entries of one worker after those of another. Its cursor continues
	 * an export of the same kind only: of one organization, or of all of them.
	 *
	 * @throws ValidationError if an option is not valid, or the cursor comes from another server. In the scope of the
	 * service, `from` and `to` need an `organizationId`.
	 * @throws UnavailableError if several servers answer or, with Citus, one does not answer. Export again, from the same
	 * cursor.
	 * @throws UnsupportedError with Citus, in a transaction whose isolation level is not READ COMMITTED.
	 *
	 * @example
	 * ```ts
	 * import { createWriteStream } from 'node:fs';
	 * import { pipeline } from 'node:stream/promises';
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare let cursor: string | undefined; // of the last export
	 *
	 * const onCursor = (next: string) => {
	 *   cursor = next;
	 * };
	 * await pipeline(acme.audit.export({ cursor, onCursor }), createWriteStream('audit.jsonl'));
	 * ```
	 */
	async *export(options: AuditExportOptions = {}): AsyncGenerator<string, void, undefined> {
		yield* exportLog(this.#statements, options);
	}
}

limitArguments(AuditLog.prototype, { list: 1, export: 1 });
