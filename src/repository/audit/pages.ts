import { ValidationError } from '../../errors.ts';
import { cursorExpected } from '../../input/page.ts';

/** Which part of a long list is wanted. */
export interface PageOptions {
	/** `nextCursor` of the page before. @defaultValue the first page */
	readonly cursor?: string | undefined;
	/** How many at most, from 1 to 1,000. @defaultValue 25 */
	readonly limit?: number | undefined;
}

/** A part of a list. What is added or removed meanwhile shifts nothing from one page to another. */
export interface Page<T> {
	/** At most as many as `limit` says. */
	readonly items: readonly T[];
	/** Where the next page begins; null after the last one. */
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
