import { DestinationsError } from '../errors.ts';
import { meaningOf } from './sql-errors.ts';

/**
 * Whether an error says that the database could not be reached, did not let the service in, or could not take
 * the work, which no caller can mend, and time may: `503` of an HTTP API. From the repository and from `transaction()` that is an
 * UnavailableError; from `prisma` it stays the error that Prisma made.
 *
 * A write that ended like this may have been done all the same: its answer may be what was lost.
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
 * Whether the call that an error ended may succeed by itself, a little later: it lost against another
 * transaction, the database was unavailable, or the keys were. It knows errors of this package, which say so in `retryable`,
 * and those of Prisma and pg, for calls made on `prisma` itself.
 *
 * Inside a transaction nothing can be run again but the whole of it.
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
