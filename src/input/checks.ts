import { z } from 'zod';
import { uuidPattern } from '../ids/uuid-pattern.ts';

/** The message for a value that is not there. */
export const isRequired = 'is required';

/** The message for a value that is not there, or else that `expected`. Messages never repeat a value. */
export function required(expected: string): (issue: { readonly input?: unknown }) => string {
	return ({ input }) => (input === undefined ? isRequired : expected);
}

/** The same for what a form sends, to which null is nothing given. */
export function requiredInput(expected: string): ReturnType<typeof required> {
	return ({ input }) => (input === undefined || input === null ? isRequired : expected);
}

/**
 * Postgres takes every UUID, whatever its version, so this does too. In lower case, as Postgres returns it
 * back: ids are part of what settings are bound to when they are encrypted.
 */
export const uuid = z
	.string({ error: required('must be a UUID') })
	.regex(uuidPattern, { error: 'must be a UUID' })
	.toLowerCase();

/** Text. */
export const text = z.string({ error: 'must be text' });

/** A switch. */
export const flag = z.boolean({ error: 'must be true or false' });

/** A whole number within bounds. */
export function wholeNumber(from: number, to: number) {
	const error = `must be a whole number from ${from} to ${to}`;
	return z.int({ error }).min(from, { error }).max(to, { error });
}

/** A date that is one. */
export const date = z.date({ error: 'must be a valid date' });

/** Not by `instanceof`: each realm, and each substitute, has a class of its own. */
export const abortSignal = z.custom<AbortSignal>(
	(value) =>
		typeof value === 'object' &&
		value !== null &&
		'aborted' in value &&
		typeof value.aborted === 'boolean' &&
		'throwIfAborted' in value &&
		typeof value.throwIfAborted === 'function',
	{ error: 'must be an AbortSignal' },
);

/** A function, whose type the compiler knows alone. */
export function callback<F extends (...args: never) => unknown>() {
	return z.custom<F>((value) => typeof value === 'function', { error: 'must be a function' });
}
