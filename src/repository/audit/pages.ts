import { z } from 'zod';
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

/** Postgres's largest bigint. */
const maxId = 2n ** 63n - 1n;

/** Whether a text is an id of the log, or a number of a transaction: a number that Postgres's bigint has. */
export function isLogId(text: string): boolean {
	return /^\d{1,19}$/.test(text) && BigInt(text) <= maxId;
}

/** @throws ValidationError if it is no id of the log. */
export function readLogCursor(cursor: string): string {
	if (isLogId(cursor)) return cursor;
	throw new ValidationError([{ path: ['cursor'], code: 'wrong_format', message: cursorExpected }]);
}

/** The number in a cursor. */
export const logCursor = z
	.string({ error: cursorExpected })
	.regex(/^\d{1,19}$/, { error: cursorExpected })
	.transform(BigInt)
	.refine((id) => id <= maxId, { error: cursorExpected });

/**
 * A page of what was read with one more than its limit, which tells whether there is another page.
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
