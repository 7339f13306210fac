import { DatabaseError } from 'pg';
import { isDatabaseUnavailable, isRetryable } from '../../src/database/retryable.ts';
import {
	connectionAfter,
	type Meaning,
	meaningOf,
	sqlStateOf,
	transientError,
	withoutValues,
} from '../../src/database/sql-errors.ts';
import {
	ForbiddenError,
	KeyUnavailableError,
	RetryError,
	UnavailableError,
} from '../../src/errors.ts';

/** What pg throws for an ErrorResponse of Postgres. */
function databaseError(code: string, members: Partial<DatabaseError> = {}): DatabaseError {
	const error = new DatabaseError('refused', 0, 'error');
	return Object.assign(error, { code, severity: 'ERROR', ...members });
}

/** The roads by which an error of Postgres comes: pg's own, Prisma's, and that of a COMMIT by Prisma. */
const roads: Record<string, (code: string) => unknown> = {
	pg: databaseError,
	Prisma: (originalCode) => ({
		code: 'P2010',
		message: 'Raw query failed',
		meta: { driverAdapterError: { cause: { originalCode, kind: 'postgres' } } },
	}),
	'a COMMIT of Prisma': (originalCode) => ({
		name: 'DriverAdapterError',
		cause: { originalCode, kind: 'postgres' },
	}),
};

const states: Record<Meaning, string> = {
	retry: '40001 40P01 55P03 57014',
	unavailable:
		'08000 08006 28000 28P01 3D000 53100 53300 58000 58P01 57P01 57P02 57P03 40003 25006 25P03 25P04',
	statement:
		'21000 22012 23505 24000 25001 25P02 2D000 34000 3B001 40002 44000 55000 55006 P0001 42501 42601',
	unknown:
		'00000 0A000 20000 26000 2F003 39000 42P01 42P20 42703 54001 57000 72000 F0000 HV008 HV021 XX000 XX001',
};
const everyState = Object.entries(states).flatMap(([meaning, codes]) =>
	codes.split(' ').map((code) => [code, meaning as Meaning] as const),
);

describe.each(Object.entries(roads))('an error of Postgres by way of %s', (_, make) => {
	test.each(everyState)('%s means %s', (code, meaning) => {
		expect(sqlStateOf(make(code))).toBe(code);
		expect(meaningOf(make(code))).toBe(meaning);
	});
});

test('a COPY for which no data will ever come is not cancelled', () => {
	const message = 'COPY from stdin failed: COPY FROM STDIN is not supported';
	expect(meaningOf(databaseError('57014', { message }))).toBe('statement');
	expect(meaningOf(databaseError('57014', { message: 'canceling statement' }))).toBe('retry');
	expect(meaningOf(databaseError('40001', { message }))).toBe('retry');
});

test.each([
	'P1001',
	'P2002',
	'P3009',
	'EPIPE',
	'a40001',
	'40001a',
	'4000',
	'4000x',
	'',
	40001,
	['40001'],
	null,
	undefined,
])('%j is no SQLSTATE', (code) => {
	expect(sqlStateOf({ code })).toBeUndefined();
});

const foreign: Record<Exclude<Meaning, 'statement'>, unknown[]> = {
	retry: [
		new RetryError('x'),
		{ code: 'P2034' },
		{ meta: { driverAdapterError: { cause: { kind: 'TransactionWriteConflict' } } } },
	],
	unavailable: [
		new UnavailableError('x'),
		...[
			'EAI_AGAIN',
			'ECONNABORTED',
			'ECONNREFUSED',
			'ECONNRESET',
			'EHOSTUNREACH',
			'ENETUNREACH',
			'ENOTFOUND',
			'EPIPE',
			'ETIMEDOUT',
			'P1000',
			'P1001',
			'P1017',
			'P2037',
		].map((code) => ({ code })),
		...[
			'AuthenticationFailed',
			'ConnectionClosed',
			'DatabaseAccessDenied',
			'DatabaseDoesNotExist',
			'DatabaseNotReachable',
			'SocketTimeout',
			'TlsConnectionError',
			'TooManyConnections',
		].map((kind) => ({ name: 'DriverAdapterError', cause: { kind } })),
		...[
			'Transaction API error: Unable to start a transaction in the given time.',
			'Connection terminated unexpectedly',
			'Connection terminated due to connection timeout',
			'timeout exceeded when trying to connect',
			'Query read timeout',
			'Client has encountered a connection error and is not queryable',
			'timeout expired',
			'The server does not support SSL connections',
			'There was an error establishing an SSL connection',
		].map((message) => ({ message })),
		{ code: 'ENOENT', syscall: 'connect' },
		{ code: 'EACCES', syscall: 'connect' },
		{ code: 'EAI_FAIL', syscall: 'getaddrinfo' },
		{ code: 'CERT_HAS_EXPIRED' },
		{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
		{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
		databaseError('42501', { severity: 'FATAL' }),
		databaseError('XX000', { severity: 'PANIC' }),
		{ name: 'DriverAdapterError', cause: { originalCode: '42501', severity: 'FATAL' } },
	],
	unknown: [
		undefined,
		null,
		'ECONNREFUSED',
		() => {},
		{},
		new ForbiddenError('x'),
		new Error('it says: Connection terminated'),
		{ message: ['Connection terminated'] },
		{ message: ['The server does not support SSL connections'] },
		{ code: 'ENOENT' },
		{ code: 'ENOENT', syscall: 'open' },
		{ code: 'CERTIFICATE'.toLowerCase() },
		{ code: 'ERR_VM_MODULE_CANNOT_CREATE_CACHED_DATA' },
		{ code: ['CERT_HAS_EXPIRED'] },
		{ message: 'a timeout expired' },
		{ code: 'P2002' },
		{ code: 'P20340' },
		{ code: 'XP2034' },
		{ code: 'P10170' },
		{ code: 'XP1017' },
		{ code: 'P10x7' },
		{ code: 'P102' },
		{ code: ['P2034'] },
		{ meta: null },
		{ meta: { driverAdapterError: null } },
		{ meta: { driverAdapterError: { cause: { kind: 'toString' } } } },
		{ name: 'DriverAdapterError' },
		{ name: 'DriverAdapterError', cause: null },
		{ name: 'DriverAdapterError', cause: 'TooManyConnections' },
		{ name: 'Error', cause: { kind: 'TooManyConnections' } },
	],
};

describe.each(Object.entries(foreign))('%s', (meaning, errors) => {
	test.each(errors.map((error) => [error]))('is what %p means', (error) => {
		expect(meaningOf(error)).toBe(meaning);
		expect(isDatabaseUnavailable(error)).toBe(meaning === 'unavailable');
		expect(isRetryable(error)).toBe(meaning === 'unavailable' || meaning === 'retry');
	});
});

test('errors of this package say themselves whether they are retryable', () => {
	expect(isRetryable(new KeyUnavailableError('x'))).toBe(true);
	expect(isRetryable(new ForbiddenError('Connection terminated'))).toBe(false);
});

test('this package has an error of its own for what may pass by itself', () => {
	const [lost, away] = [databaseError('40001'), databaseError('57P01')];
	const cancelled = databaseError('57014');
	expect(transientError(cancelled)).toMatchObject({
		code: 'RETRY',
		message:
			'Postgres cancelled the statement, which took longer than statement_timeout or was cancelled by somebody, and saved nothing of it. Run the call again or, inside a transaction, the whole transaction.',
		cause: cancelled,
	});
	expect(transientError(lost)).toBeInstanceOf(RetryError);
	expect(transientError(lost)).toMatchObject({
		message:
			'The statement lost against another transaction, and Postgres saved nothing of it. Run the call again or, inside a transaction, the whole transaction.',
		cause: lost,
	});
	expect(transientError(away)).toBeInstanceOf(UnavailableError);
	expect(transientError(away)).toMatchObject({
		message:
			'The database cannot be reached, or does not take the work now. Try again; a write may have been done all the same.',
		cause: away,
	});
	// Where no session began, nothing was written, and the message says why.
	const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
	for (const [error, says] of [
		[databaseError('28P01'), /refuses the login.*nothing was written.*user and password/],
		[databaseError('28000'), /refuses the login/],
		[databaseError('3D000'), /does not have this database.*nothing was written/],
		[refused, /No connection.*nothing was written.*host and port/],
	] as const) {
		expect(transientError(error)?.message).toMatch(says);
	}
	for (const other of [databaseError('23505'), databaseError('XX000'), undefined]) {
		expect(transientError(other)).toBeUndefined();
	}
	// What is one already is not wrapped again.
	expect(transientError(new RetryError('x'))).toBeUndefined();
	expect(transientError(new UnavailableError('x'))).toBeUndefined();
});

test.each([
	['usable', databaseError('23505')],
	['usable', databaseError('40001')],
	['suspect', databaseError('XX000')],
	['suspect', databaseError('42P01')],
	['lost', databaseError('57P03')],
	['lost', databaseError('23505', { severity: 'FATAL' })],
	['lost', databaseError('XX000', { severity: 'PANIC' })],
	['lost', databaseError('23505', { severity: undefined })],
	['lost', new Error('Query read timeout')],
	['lost', { code: '23505', severity: 'ERROR' }],
	['lost', undefined],
])('a connection is %s after %p', (state, error) => {
	expect(connectionAfter(error)).toBe(state);
});

test('values of rows and parameters are taken off an error, and nothing else', () => {
	const members = { hint: 'h', constraint: 'c', column: 'd', table: 't', schema: 's' };
	const values = { detail: 'Failing row', where: 'unnamed portal', internalQuery: 'SELECT 1' };
	const error = databaseError('23514', { ...members, ...values });
	expect(withoutValues(error)).toBe(error);
	expect(error).toMatchObject({ ...members, code: '23514', message: 'refused' });
	expect([error.detail, error.where, error.internalQuery]).toEqual([
		undefined,
		undefined,
		undefined,
	]);
	const byPrisma = [
		{ meta: { driverAdapterError: { cause: { kind: 'postgres', detail: 'Failing row' } } } },
		{ name: 'DriverAdapterError', cause: { kind: 'postgres', detail: 'Failing row' } },
	];
	for (const each of byPrisma) {
		expect(withoutValues(each)).toBe(each);
		expect(JSON.stringify(each)).toContain('"kind":"postgres"}');
	}
	const known = { name: 'DriverAdapterError', cause: { kind: 'TlsConnectionError' } };
	expect(withoutValues(known)).toBe(known);
	expect(known).toStrictEqual({
		name: 'DriverAdapterError',
		cause: { kind: 'TlsConnectionError' },
	});
	const other = { detail: 'x', where: 'y', internalQuery: 'z' };
	expect(withoutValues(other)).toBe(other);
	expect(other).toEqual({ detail: 'x', where: 'y', internalQuery: 'z' });
});
