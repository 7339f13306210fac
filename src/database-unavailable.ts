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
 * Connection exceptions, no such login, no such database, insufficient resources, operator intervention but a
 * cancelled statement (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const sqlStates = /^(08|28|3D|53|57P)/;
/** P1000 to P1017, which are about the connection (https://www.prisma.io/docs/orm/reference/error-reference). */
const prismaCodes = /^P10\d\d$/;
/** The same by Prisma's adapters, where SQL was the caller's own (their `MappedError`). */
const driverKinds: ReadonlySet<unknown> = new Set([
	'AuthenticationFailed',
	'ConnectionClosed',
	'DatabaseAccessDenied',
	'DatabaseDoesNotExist',
	'DatabaseNotReachable',
	'SocketTimeout',
	'TlsConnectionError',
	'TooManyConnections',
]);
/** What pg tells without a code, and Prisma with one that stands for other things too (P2028). */
const messages =
	/Unable to start a transaction in the given time|^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/**
 * Whether an error says that the database could not be reached, did not let the service in, or could not take
 * the work, which no caller can mend, and time may: `503` of an HTTP API. Such errors stay as Node, pg or Prisma
 * made them.
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
	const matches = (pattern: RegExp, text: unknown) =>
		typeof text === 'string' && pattern.test(text);
	return (
		networkErrors.has(code) ||
		matches(prismaCodes, code) ||
		driverKinds.has(kind) ||
		matches(sqlStates, code) ||
		matches(sqlStates, sqlState) ||
		matches(messages, message)
	);
}

/** What Prisma's adapter makes of an error of Postgres. */
interface DriverCause {
	readonly originalCode?: unknown;
	readonly kind?: unknown;
}
