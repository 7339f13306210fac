import { ValidationError } from '../../errors.ts';
import { cursorExpected } from '../../input/page.ts';

/** Which part of a list to return. */
export interface PageOptions {
	/** `nextCursor` of the previous page. @defaultValue the first page */
	readonly cursor?: string | undefined;
	/** How many items at most, from 1 to 1,000. @defaultValue 25 */
	readonly limit?: number | undefined;
}

/** One page of a list. Items that are added or removed meanwhile do not shift other items from one page to another. */
export interface Page<T> {
	/** At most `limit` items. */
	readonly items: readonly T[];
	/** The cursor of the next page; null on the last page. */
	readonly nextCursor: string | null;
}

/** Whether a text is a number that has at most 19 digits and is not greater than `max`. */
const isNumberUpTo = (max: bigint) => (text: string) =>
	/^\d{1,19}$/.test(text) && BigInt(text) <= max;

/** Whether a text is an id of the log, or a number of a transaction: a number that Postgres's bigint has. */
export const isLogId = isNumberUpTo(2n ** 63n - 1n);

/** Whether a text is a version: a number that Postgres's integer has. */
export const isVersion = isNumberUpTo(2n ** 31n - 1n);

/** @throws ValidationError if a cursor is not a number in its plain form. */
export function readNumber(cursor: string, isOfKind: (text: string) => boolean): string {
	if (isOfKind(cursor)) return cursor;
	throw new ValidationError([{ path: ['cursor'], code: 'wrong_format', message: cursorExpected }]);
}

/**
 * A page of what was read with one more than its limit, which shows whether there is another page.
 *
 * @param cursorOf the place of an item, where the next page begins behind it.
 */
export function pageOf<Row, T>(
	rows: readonly Row[],
	limit: number,
	cursorOf: (row: Row) => string,
	itemOf: (row: Row) => T,
): Page<T> {
	const shown = rows.slice(0, limit);
	const last = shown.at(-1);
	return {
		items: shown.map(itemOf),
		nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
	};
}
