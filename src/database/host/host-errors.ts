import { DatabaseError } from 'pg';
import { ConfigurationError, DestinationsError, UnsupportedError } from '../../errors.ts';
import type { Scope } from '../scope.ts';
import { sqlStateOf, transientError } from '../sql-errors.ts';
import { mayNotSwitch, translated } from '../translate-errors.ts';

/** For a scope whose transaction has ended, or had not begun when the scope was made. */
export function transactionIsOver(cause?: unknown): UnsupportedError {
	return new UnsupportedError(
		'The transaction that the scope was made for is over, and nothing was done. Make a scope in each transaction, after it has begun, and await every call before it ends.',
		{ cause },
	);
}

/** For a handle on which each statement is a transaction of its own. */
export function notInTransaction(cause?: unknown): UnsupportedError {
	return new UnsupportedError(
		'What was passed as `transaction` is not in a transaction, and nothing was done. Pass the client on which BEGIN ran, or the client that the transaction function of your library receives: not a pool, and not the library itself.',
		{ cause },
	);
}

/** What the block raises for such a session, with the SQLSTATE 55000. */
export const unrecorded = 'triggers are off';

/** For a session whose writes nothing would be recorded of. */
export function triggersAreOff(cause?: unknown): UnsupportedError {
	return new UnsupportedError(
		'The transaction has session_replication_role = replica, so that no trigger runs: the log would not have what was changed. Set it to origin first.',
		{ cause },
	);
}

function isAborted(cause: unknown): UnsupportedError {
	return new UnsupportedError(
		'A statement of the transaction failed before, so Postgres accepts no other. Roll it back; or set a savepoint before what may fail, and roll back to that.',
		{ cause },
	);
}

/**
 * The error of this package for what Postgres said in a transaction of the host's.
 *
 * @param setsScope whether it said so of what sets the scope.
 */
export function hostRefusal<E extends Error>(
	error: E,
	{ role }: Scope,
	setsScope: boolean,
): E | DestinationsError {
	switch (sqlStateOf(error)) {
		case '55000':
			return error.message === unrecorded ? triggersAreOff(error) : error;
		case '25P01':
			return notInTransaction(error);
		case '25P02':
			return isAborted(error);
		case '42501':
			return setsScope ? mayNotSwitch(role, error) : error;
		case '22023':
			return setsScope ? isOfAnotherDatabase(error) : error;
		case '42P01':
			return setsScope ? error : isOfAnotherDatabase(error);
		default:
			return error;
	}
}

function isOfAnotherDatabase(cause: Error): ConfigurationError {
	return new ConfigurationError(
		`The database of the transaction has no destinations: ${cause.message}. Pass a transaction of the database that was migrated.`,
		{ cause },
	);
}

/** An error of pg, of any copy of it, as one that this package knows. */
export function ofThisPg(error: unknown): unknown {
	if (error instanceof DatabaseError || !isOfPg(error)) return error;
	const { message, length } = error;
	return Object.assign(new DatabaseError(message, length, 'error'), error);
}

function isOfPg(error: unknown): error is DatabaseError {
	return isObject(error) && 'severity' in error && 'routine' in error;
}

/** What stands around what the block raises. The block says it in two pieces, because libraries put a text that failed into their errors. */
export const raisedMark = ['consent-', 'destinations'] as const;
const mark = raisedMark.join('');
const raisedText = new RegExp(`${mark}(\\{.*?\\})${mark}`, 's');

/** What the block of a query handle says of an error, as JSON. */
interface Raised {
	readonly setsScope: boolean;
	readonly code: string;
	readonly message: string;
	readonly constraint: string;
	readonly column: string;
}

/**
 * The error of this package for what a driver of the host's threw.
 *
 * @param scope of the statement.
 */
export function errorOfDriver(error: unknown, scope: Scope): unknown {
	const causes = causesOf(error);
	if (causes.some((cause) => cause instanceof DestinationsError)) return error;
	for (const cause of causes) {
		const found = raisedIn(cause);
		if (found !== undefined) return translated(hostRefusal(...toRefusal(found, scope)));
	}
	const ofPostgres = causes.map(asPostgresError).find((found) => found !== undefined);
	if (ofPostgres !== undefined) {
		const { code } = ofPostgres;
		// Of the call itself the block says so.
		if (code === '42501') return mayNotRunBlock(ofPostgres);
		return translated(hostRefusal(ofPostgres, scope, false));
	}
	const transient = causes.map(transientError).find((found) => found !== undefined);
	return transient ?? transactionIsOver(causes[0]);
}

/** For a login of a hardened server. */
function mayNotRunBlock(cause: Error): ConfigurationError {
	return new ConfigurationError(
		`The login of the transaction lacks a right: ${cause.message}. As an administrator: GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) and USAGE ON LANGUAGE plpgsql to it; or pass a client of pg, which needs the first alone.`,
		{ cause },
	);
}

function toRefusal(
	{ setsScope, code, message, constraint, column }: Raised,
	scope: Scope,
): [DatabaseError, Scope, boolean] {
	const error = new DatabaseError(message, 0, 'error');
	const more = { constraint: constraint || undefined, column: column || undefined };
	return [Object.assign(error, { severity: 'ERROR', code, ...more }), scope, setsScope];
}

/** An error and what it was made from, which comes first: each library wraps those of its driver in its own, with values. */
function causesOf(error: unknown): object[] {
	const found: object[] = [];
	for (let at: unknown = error; isObject(at) && found.length < 8; ) {
		found.unshift(at);
		const { cause, meta } = at as { cause?: unknown; meta?: { driverAdapterError?: unknown } };
		at = cause ?? meta?.driverAdapterError;
	}
	return found;
}

function raisedIn(cause: object): Raised | undefined {
	const { message, originalMessage } = cause as { message?: unknown; originalMessage?: unknown };
	const [, said] = raisedText.exec(`${message}\n${originalMessage}`) ?? [];
	return said === undefined ? undefined : JSON.parse(said); // Postgres wrote it
}

/** What has a SQLSTATE, by whatever name. */
function asPostgresError(cause: object): DatabaseError | undefined {
	const known = ofThisPg(cause);
	if (known instanceof DatabaseError) return known;
	const { message, meta } = cause as { message?: unknown; meta?: { code?: unknown } };
	const code = sqlStateOf(cause) ?? sqlStateOf(meta);
	if (code === undefined) return undefined;
	const error = new DatabaseError(String(message), 0, 'error');
	return Object.assign(error, { severity: 'ERROR', code });
}

/** Not by `instanceof`: an error may be of another realm, such as Node's own under Jest. */
function isObject(value: unknown): value is object {
	return typeof value === 'object' && value !== null;
}
