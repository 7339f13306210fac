import { DestinationsError } from '../errors.ts';
import { meaningOf } from './sql-errors.ts';

/**
 * Whether an error says that the database could not be reached, refused the login, or could not take the work. The caller
 * cannot correct this, but the call may succeed later: an HTTP API returns `503`. The repository and `transaction()` throw
 * an UnavailableError for it; `prisma` throws its own error.
 *
 * A write that failed like this may have been saved nevertheless, if only its answer was lost.
 *
 * @example
 * ```ts
 * import { type DestinationsClient, isDatabaseUnavailable } from '@consent-io/destinations';
 *
 * async function isReady(db: DestinationsClient): Promise<boolean> {
 *   try {
 *     await db.connect();
 *     return true;
 *   } catch (error) {
 *     if (isDatabaseUnavailable(error)) return false;
 *     throw error;
 *   }
 * }
 * ```
 */
export function isDatabaseUnavailable(error: unknown): boolean {
	return meaningOf(error) === 'unavailable';
}

/**
 * Whether the call that threw this error may succeed if it is repeated a little later: it lost against another transaction,
 * or the database or the keys were unavailable. It knows the errors of this package by their `retryable`, and those of
 * Prisma and pg, which calls of `prisma` throw.
 *
 * Inside a transaction, only the whole transaction can be repeated.
 *
 * @example
 * ```ts
 * import { isRetryable, type ScopedClient } from '@consent-io/destinations';
 *
 * async function disableAll(acme: ScopedClient): Promise<void> {
 *   for (let attempt = 1; ; attempt += 1) {
 *     try {
 *       return await acme.transaction(
 *         async (tx) => {
 *           await tx.prisma.destination.updateMany({ data: { enabled: false } });
 *         },
 *         { isolationLevel: 'Serializable' },
 *       );
 *     } catch (error) {
 *       if (!isRetryable(error) || attempt === 5) throw error;
 *       await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * 2 ** attempt));
 *     }
 *   }
 * }
 * ```
 */
export function isRetryable(error: unknown): boolean {
	if (error instanceof DestinationsError) return error.retryable;
	const meaning = meaningOf(error);
	return meaning === 'retry' || meaning === 'unavailable';
}
