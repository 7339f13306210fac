/** Errors of the network, as Node names them (https://nodejs.org/api/errors.html#common-system-errors). */
const networkErrors: ReadonlySet<unknown> = new Set([
	'EAI_AGAIN',
	'ECONNABORTED',
	'ECONNREFUSED',
	'ECONNRESET',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'ENOTFOUND',
	'EPIPE',
	'ETIMEDOUT',
]);
/**
 * Connection exceptions, insufficient resources, operator intervention but a cancelled statement
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const sqlStates = /^(08|53|57P)/;
/** Not reached, not in time, closed (https://www.prisma.io/docs/orm/reference/error-reference). */
const prismaCodes: ReadonlySet<unknown> = new Set(['P1001', 'P1002', 'P1008', 'P1017']);
/** The same by Prisma's adapters, where SQL was the caller's own (their `MappedError`). */
const driverKinds: ReadonlySet<unknown> = new Set([
	'ConnectionClosed',
	'DatabaseNotReachable',
	'SocketTimeout',
	'TooManyConnections',
]);
/** What pg tells without a code. */
const pgMessages =
	/^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/**
 * Whether an error says that the database could not be reached, or could not take the work, so that trying
 * again in a moment may help: `503` of an HTTP API. Such errors stay as Node, pg or Prisma made them.
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
	if (typeof error !== 'object' || error === null) return false;
	// Whatever has these members; each is looked at before it is used.
	const { code, message, meta } = error as {
		readonly code?: unknown;
		readonly message?: unknown;
		readonly meta?: { readonly driverAdapterError?: { readonly cause?: DriverCause } };
	};
	const { originalCode: sqlState, kind } = meta?.driverAdapterError?.cause ?? {};
	return (
		networkErrors.has(code) ||
		prismaCodes.has(code) ||
		driverKinds.has(kind) ||
		[code, sqlState].some((state) => typeof state === 'string' && sqlStates.test(state)) ||
		(typeof message === 'string' && pgMessages.test(message))
	);
}

/** What Prisma's adapter makes of an error of Postgres. */
interface DriverCause {
	readonly originalCode?: unknown;
	readonly kind?: unknown;
}
