import type { TextRow } from '../../database/scoped-sql.ts';
import type { Place } from '../cursor.ts';
import type { Statements } from '../statements.ts';
import { placeInTime, toEntry } from './entry.ts';
import type { CheckedFilter, LogOrder } from './filter.ts';
import { LogQuery, readFound } from './log-query.ts';

/** How many entries are read at once, which bounds memory. */
export const batch = 500;

/** What an export knows of the log, as it began or as the one before did. */
export interface Known {
	/** No entry that it knew has a greater id. */
	readonly newest: string;
	/** Whether it did not see an entry up to there; as SQL. Undefined where it saw all of them. */
	readonly isPending?: ((query: LogQuery) => string) | undefined;
}

/** Reads what an export knows, in the order of ids or of time. */
export class ExportReader {
	readonly #statements: Statements;
	readonly #filter: CheckedFilter;
	readonly #order: LogOrder;
	readonly #known: Known;
	readonly #read: (text: string, values: unknown[]) => Promise<readonly TextRow[]>;

	constructor(
		statements: Statements,
		filter: CheckedFilter,
		order: LogOrder,
		known: Known,
		read: (text: string, values: unknown[]) => Promise<readonly TextRow[]>,
	) {
		this.#statements = statements;
		this.#filter = filter;
		this.#order = order;
		this.#known = known;
		this.#read = read;
	}

	/** What was written before the export before, and not committed yet. */
	async *late({ newest, isPending }: Known): AsyncGenerator<string, void, undefined> {
		if (isPending === undefined) return;
		yield* this.#pages((query, after) => {
			const late = `id <= ${query.value(newest)}::bigint AND ${isPending(query)}`;
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
			const more = [...this.#isSeen(query), `id <= ${query.value(this.#known.newest)}::bigint`];
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
		const { isPending } = this.#known;
		return isPending === undefined ? [] : [`NOT ${isPending(query)}`];
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
}
