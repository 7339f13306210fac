import { DatabaseError } from 'pg';
import { DestinationsError, RetryError, UnavailableError } from '../errors.ts';
import { starvation } from './pooler-errors.ts';

/**
 * What an error of the database means for whoever sent the statement.
 *
 * - `retry`: it lost against another transaction, and the same call may succeed.
 * - `unavailable`: the database cannot be reached, or does not take the work now.
 * - `statement`: something is wrong with this statement or its values.
 * - `unknown`: everything else, such as an internal error or an object that is missing.
 */
export type Meaning = 'retry' | 'unavailable' | 'statement' | 'unknown';

/**
 * The one table of SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html). What is in no
 * line is `unknown`.
 */
const sqlStates: readonly (readonly [RegExp, Meaning])[] = [
	// A serialization failure, a deadlock, a lock that was not free in time, a statement that was cancelled, which
	// `statement_timeout` does.
	[/40001|40P01|55P03|57014/, 'retry'],
	// Connection exceptions, no such login, no such database, insufficient resources (a full disk is among them),
	// operator intervention, errors of the system, an unknown outcome, read-only, a session that was ended because it
	// was idle in a transaction or the transaction took too long.
	[/^(08|28|3D|53|58|57P|40003|25006|25P0[34])/, 'unavailable'],
	// Cardinality, data, constraints, cursors, states of transactions, objects not in the state that is needed,
	// RAISE, refused rights, syntax.
	[/^(2[1-5]|2D|34|3B|40|44|55|P0|42501|42601)/, 'statement'],
];

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

/** What Node was asked to do when no connection came about, whatever it calls the reason: a socket that is missing, too. */
const connecting: ReadonlySet<unknown> = new Set(['connect', 'getaddrinfo']);

/** OpenSSL's names of what is wrong with a certificate. */
const certificateErrors = /CERT|_CRL|ISSUER|_CA$|HOSTNAME_MISMATCH|LEAF_SIGNATURE/;

/** What Prisma says without a SQLSTATE (https://www.prisma.io/docs/orm/reference/error-reference). */
const prismaCodes: readonly (readonly [RegExp, Meaning])[] = [
	[/^P2034$/, 'retry'],
	// P1000 to P1017 are about the connection, P2037 about too many of them.
	[/^(P10\d\d|P2037)$/, 'unavailable'],
];

/** The same by Prisma's adapters, where SQL was the caller's own (their `MappedError`). */
const driverKinds: ReadonlyMap<unknown, Meaning> = new Map([
	['AuthenticationFailed', 'unavailable'],
	['ConnectionClosed', 'unavailable'],
	['DatabaseAccessDenied', 'unavailable'],
	['DatabaseDoesNotExist', 'unavailable'],
	['DatabaseNotReachable', 'unavailable'],
	['SocketTimeout', 'unavailable'],
	['TlsConnectionError', 'unavailable'],
	['TooManyConnections', 'unavailable'],
	['TransactionWriteConflict', 'retry'],
]);

/** What pg says without a code, and Prisma with one that stands for other things too (P2028). */
const messages =
	/Unable to start a transaction in the given time|^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/** What pg says of a server without TLS. */
const tlsMessages = /server does not support SSL|establishing an SSL connection/;

/** What an error of pg, of Prisma or of Node has of these. Each is looked at before it is used. */
interface ForeignError {
	readonly code?: unknown;
	readonly message?: unknown;
	readonly name?: unknown;
	readonly severity?: unknown;
	readonly syscall?: unknown;
	readonly meta?: { readonly driverAdapterError?: { readonly cause?: DriverCause } };
	readonly cause?: DriverCause | null;
}

/** What Prisma's adapter makes of an error of Postgres. */
interface DriverCause {
	readonly originalCode?: unknown;
	readonly kind?: unknown;
	readonly severity?: unknown;
	detail?: unknown;
}

/** The SQLSTATE of an error, whether it is pg's own or came by way of Prisma. */
export function sqlStateOf(error: unknown): string | undefined {
	const state = driverCause(error).originalCode ?? foreign(error).code;
	// Prisma's codes, such as P2002, and Node's, such as EPIPE, have five characters too.
	return typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state) && !/^(P[123]|E[A-Z])/.test(state)
		? state
		: undefined;
}

/** What an error means, whether it is one of pg, of Prisma, of Node or of this package. */
export function meaningOf(error: unknown): Meaning {
	if (error instanceof RetryError) return 'retry';
	if (error instanceof UnavailableError) return 'unavailable';
	const { code, message, syscall } = foreign(error);
	const { kind } = driverCause(error);
	const state = sqlStateOf(error);
	if (state !== undefined) {
		// pg has no data for a COPY, and never will.
		if (state === '57014' && /copy from stdin/i.test(String(message))) return 'statement';
		return endedSession(error) ? 'unavailable' : lookUp(sqlStates, state);
	}
	if (networkErrors.has(code) || connecting.has(syscall)) return 'unavailable';
	if (isTlsFailure(error)) return 'unavailable';
	const byKind = driverKinds.get(kind);
	if (byKind !== undefined) return byKind;
	if (typeof message === 'string' && messages.test(message)) return 'unavailable';
	return lookUp(prismaCodes, code);
}

/** Whether a server has no TLS, or not with a certificate that the client trusts. */
export function isTlsFailure(error: unknown): boolean {
	const { code, message } = foreign(error);
	return (
		(typeof code === 'string' && certificateErrors.test(code)) ||
		(typeof message === 'string' && tlsMessages.test(message))
	);
}

/**
 * Whether Postgres ended the session, or let none begin
 * (https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS).
 */
function endedSession(error: unknown): boolean {
	const severity = driverCause(error).severity ?? foreign(error).severity;
	return severity === 'FATAL' || severity === 'PANIC';
}

/**
 * The error of this package for what pg, Prisma or Node say and what may succeed by itself a little later; none for
 * everything else.
 */
export function transientError(error: unknown): RetryError | UnavailableError | undefined {
	if (error instanceof DestinationsError) return undefined;
	switch (meaningOf(error)) {
		case 'retry':
			return new RetryError(
				sqlStateOf(error) === '57014'
					? 'Postgres cancelled the statement, which took longer than statement_timeout or was cancelled by somebody, and saved nothing of it. Run the call again or, inside a transaction, the whole transaction.'
					: 'The statement lost against another transaction, and Postgres saved nothing of it. Run the call again or, inside a transaction, the whole transaction.',
				{ cause: error },
			);
		case 'unavailable':
			return new UnavailableError(
				starvation(error) ??
					noSession(error) ??
					'The database cannot be reached, or does not take the work now. Try again; a write may have been done all the same.',
				{ cause: error },
			);
		default:
			return undefined;
	}
}

/** Why no session began, where that is sure; then nothing was written. It repeats no name: callers of an API may see it. */
function noSession(error: unknown): string | undefined {
	const state = sqlStateOf(error);
	const { kind } = driverCause(error);
	if (state === '28P01' || state === '28000' || kind === 'AuthenticationFailed') {
		return 'The database refuses the login, so no session began and nothing was written. Correct user and password in its URL, or allow the login in pg_hba.conf; the cause names the user.';
	}
	if (state === '3D000' || kind === 'DatabaseDoesNotExist') {
		return 'The server does not have this database, so no session began and nothing was written. Correct its name in the URL, or create it; the cause has the name.';
	}
	if (connecting.has(foreign(error).syscall)) {
		return 'No connection to the database could be opened, so nothing was written. Try again; if it lasts, start the database, or correct host and port in its URL.';
	}
	return undefined;
}

/**
 * What a connection is worth after an error.
 *
 * - `usable`: Postgres refused a statement and went on.
 * - `suspect`: it went on, but an internal error (class XX), or one about an object that is not there, may come
 *   from what raw SQL left behind where `DISCARD ALL` does not reach, such as a type in a compiled function that
 *   was dropped since.
 * - `lost`: FATAL and PANIC end it, the network ended it, or nobody knows.
 */
export function connectionAfter(error: unknown): 'usable' | 'suspect' | 'lost' {
	if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') return 'lost';
	const meaning = meaningOf(error);
	if (meaning === 'unknown') return 'suspect';
	return meaning === 'unavailable' ? 'lost' : 'usable';
}

/**
 * Takes away what may hold values of rows or parameters: `detail` has the whole row that a CHECK refused, `where`
 * parameters (with `log_parameter_max_length_on_error`), and `internalQuery` the SQL of a function. Prisma's errors have
 * the `detail` alone.
 */
export function withoutValues<E>(error: E): E {
	if (error instanceof DatabaseError) {
		error.detail = undefined;
		error.where = undefined;
		error.internalQuery = undefined;
	}
	const cause = driverCause(error);
	if (cause.detail !== undefined) cause.detail = undefined;
	return error;
}

/** An error of Prisma's driver is inside Prisma's own, but for that of a COMMIT, which Prisma hands on. */
function driverCause(error: unknown): DriverCause {
	const { meta, name, cause } = foreign(error);
	const handedOn = name === 'DriverAdapterError' ? cause : undefined;
	return meta?.driverAdapterError?.cause ?? handedOn ?? {};
}

function foreign(error: unknown): ForeignError {
	return typeof error === 'object' && error !== null ? error : {};
}

function lookUp(table: readonly (readonly [RegExp, Meaning])[], code: unknown): Meaning {
	if (typeof code !== 'string') return 'unknown';
	return table.find(([pattern]) => pattern.test(code))?.[1] ?? 'unknown';
}
