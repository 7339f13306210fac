import { DriverAdapterError, type MappedError } from '@prisma/driver-adapter-utils';
import type { DatabaseError } from 'pg';
import { constraintOf } from '../../database/constraints.ts';
import { isTlsFailure, meaningOf } from '../../database/sql-errors.ts';

/**
 * What Prisma's engine learns of an error, from which it makes one of its own codes. What it has no word for,
 * such as an error of this package, stays what it is.
 *
 * Postgres's `detail` is left out everywhere: of a refused row it holds all values.
 */
export function toPrismaError(error: unknown): unknown {
	if (!isError(error)) return error;
	const payload = isDatabaseError(error) ? refused(error) : unreachable(error);
	if (payload === undefined) return error;
	const made = new DriverAdapterError(payload);
	originals.set(made, error);
	return made;
}

const originals = new WeakMap<object, unknown>();

/** What pg threw, for an error that Prisma hands on as its driver made it: that of a COMMIT. */
export function originalOf(error: unknown): unknown {
	return originals.get(Object(error));
}

/** By its members: an error may be of another realm, such as Node's own under Jest, or of another copy of pg. */
function isError(error: unknown): error is NodeJS.ErrnoException {
	return typeof error === 'object' && error !== null && 'message' in error;
}

function isDatabaseError(error: object): error is DatabaseError {
	return 'severity' in error && 'routine' in error;
}

function refused(error: DatabaseError) {
	return { originalCode: error.code ?? '', originalMessage: error.message, ...kindOf(error) };
}

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function kindOf(error: DatabaseError): MappedError {
	const { message, column } = error;
	switch (error.code) {
		case '22001':
			return { kind: 'LengthMismatch', ...(column === undefined ? {} : { column }) };
		case '22003':
			return { kind: 'ValueOutOfRange', cause: message };
		case '22P02':
			return { kind: 'InvalidInputValue', message };
		case '23001':
			return { kind: 'RestrictViolation', ...violated(error) };
		case '23502':
			return {
				kind: 'NullConstraintViolation',
				...(column === undefined ? {} : { constraint: { fields: [column] } }),
			};
		case '23503':
			return { kind: 'ForeignKeyConstraintViolation', ...violated(error) };
		case '23505':
			return {
				kind: 'UniqueConstraintViolation',
				...indexOf(error),
				...(error.table === undefined ? {} : { table: error.table }),
			};
		case '28000':
			return { kind: 'DatabaseAccessDenied', ...quoted('db', / database "(.*?)"/, message) };
		case '28P01':
			return { kind: 'AuthenticationFailed', ...quoted('user', /"(.*)"/, message) };
		case '3D000':
			return { kind: 'DatabaseDoesNotExist', ...quoted('db', /"(.*)"/, message) };
		case '40001':
		case '40P01':
			return { kind: 'TransactionWriteConflict' };
		case '42703':
			return { kind: 'ColumnNotFound', ...quoted('column', /^column "?(.*?)"? does/, message) };
		case '42P01':
			return { kind: 'TableDoesNotExist', ...quoted('table', /"(.*)"/, message) };
		case '42P04':
			return { kind: 'DatabaseAlreadyExists', ...quoted('db', /"(.*)"/, message) };
		case '53300':
			return { kind: 'TooManyConnections', cause: message };
		default:
			return {
				kind: 'postgres',
				code: error.code ?? 'N/A',
				severity: error.severity ?? 'N/A',
				message,
				detail: undefined,
				column,
				hint: error.hint,
			};
	}
}

function violated(error: DatabaseError) {
	const { column } = error;
	return column === undefined ? indexOf(error) : { constraint: { fields: [column] } };
}

function indexOf(error: DatabaseError) {
	const index = constraintOf(error);
	return index === undefined ? {} : { constraint: { index } };
}

function quoted<Name extends string>(name: Name, pattern: RegExp, message: string) {
	const [, found] = pattern.exec(message) ?? [];
	// The object has this one member.
	return (found === undefined ? {} : { [name]: found }) as { [name in Name]?: string };
}

/** A server that cannot be reached, by Node's codes (https://nodejs.org/api/errors.html). */
function unreachable(error: NodeJS.ErrnoException): MappedError | undefined {
	const { code, message } = error;
	if (isTlsFailure(error)) return { kind: 'TlsConnectionError', reason: message };
	if (error.syscall === undefined) return undefined;
	switch (code) {
		case 'ECONNRESET':
			return { kind: 'ConnectionClosed' };
		case 'ETIMEDOUT':
			return { kind: 'SocketTimeout' };
		default: {
			if (meaningOf(error) !== 'unavailable') return undefined;
			// Node says what it tried, though its type says nothing of it.
			const { address, hostname, port }: { [name: string]: unknown } = { ...error };
			const host = address ?? hostname;
			return {
				kind: 'DatabaseNotReachable',
				...(typeof host === 'string' ? { host } : {}),
				...(typeof port === 'number' ? { port } : {}),
			};
		}
	}
}
