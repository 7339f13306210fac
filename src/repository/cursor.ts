import { Buffer } from 'node:buffer';
import { ValidationError } from '../errors.ts';

/** Where a page ended: by what its order goes, and the id that distinguishes equals. */
export interface Place {
	/** As Postgres writes it: a time with its microseconds, which a JavaScript date does not have. */
	readonly key: string;
	readonly id: string;
}

/** What the keys of an order are, and the ids beside them. */
export interface PlaceForm {
	readonly key: (text: string) => boolean;
	readonly id: (text: string) => boolean;
}

const expected = 'must be the cursor of a page in this order, unchanged';

/** The cursor behind a place. It holds the place itself, so that whatever becomes of that row it stays where it is. */
export function cursorAt(order: string, { key, id }: Place): string {
	return Buffer.from(JSON.stringify([order, key, id])).toString('base64url');
}

/** @throws ValidationError if it is not a cursor of this order. */
export function placeOf(cursor: string, order: string, form: PlaceForm): Place {
	const [ofOrder, key, id] = textsIn(cursor);
	if (ofOrder === order && key !== undefined && id !== undefined && form.key(key) && form.id(id)) {
		return { key, id };
	}
	throw new ValidationError([{ path: ['cursor'], code: 'wrong_format', message: expected }]);
}

function textsIn(cursor: string): string[] {
	try {
		const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
		if (!Array.isArray(value) || value.length !== 3) return [];
		return value.every((part) => typeof part === 'string') ? value : [];
	} catch {
		return [];
	}
}

const time = /^([1-9]\d{3}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d{1,6})?\+00(?::00)?$/;

/** Whether a text is a time in the form in which Postgres sends them, and one that there is. */
export function isTime(text: string): boolean {
	const [, day, seconds] = time.exec(text) ?? [];
	const date = new Date(`${day}T${seconds}Z`);
	return !Number.isNaN(date.getTime()) && date.toISOString() === `${day}T${seconds}.000Z`;
}

/** A time in the form in which Postgres sends them, as a text that sorts by time. */
export function sortableTime(text: string): string {
	const [, day, seconds] = time.exec(text) ?? [];
	const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
	return `${day} ${seconds}.${fraction.padEnd(6, '0')}`;
}
