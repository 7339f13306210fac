/** Stands for a hidden value. One length for all, so that it does not reveal the length of what it hides. */
export const MASK = '••••••••';

/** From this length on, four characters less still leave 64 bits of a hexadecimal secret. */
const SHORTEST_WITH_TAIL = 20;

/**
 * The form of a secret for lists and logs: {@link MASK}, and behind it the last four characters where the
 * secret is so long that they do not help to guess it. They show at a glance which of two keys it is.
 */
export function mask(value: unknown): string {
	// Only printable ASCII has a tail: half a surrogate pair or a control character would break a log line.
	return typeof value === 'string' && value.length >= SHORTEST_WITH_TAIL && /[!-~]{4}$/.test(value)
		? MASK + value.slice(-4)
		: MASK;
}

/**
 * Whether a value is a mask, which `redact()` shows instead of a secret. The keys of providers do not contain its
 * characters.
 *
 * @example
 * ```ts
 * import { isMasked } from '@consent-io/destinations';
 *
 * isMasked('••••••••x9Qz'); // true
 * ```
 */
export function isMasked(value: unknown): boolean {
	return typeof value === 'string' && value.startsWith(MASK);
}
