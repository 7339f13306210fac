import { DatabaseError } from 'pg';
import { violationOf, violations } from '../../src/database/constraints.ts';
import { mayNotSwitch, translated, translateErrors } from '../../src/database/translate-errors.ts';
import {
	AlreadyExistsError,
	ConfigurationError,
	ForbiddenError,
	NotFoundError,
	RetryError,
	UnavailableError,
	ValidationError,
} from '../../src/errors.ts';

// What a refusal of Postgres is called. That each call meets it so is held by `one-error.test.ts`.

/** What pg throws for an ErrorResponse of Postgres. */
function refusal(code: string, members: Partial<DatabaseError> = {}): DatabaseError {
	const error = new DatabaseError('refused', 0, 'error');
	return Object.assign(error, { code, severity: 'ERROR', detail: 'secret', ...members });
}

const unknownToTable =
	'is not a value that the database accepts. Deploy the migrations of this version of the package first';
const unknownUser = 'must be a user of the platform; so must actorId';

type ErrorClass = abstract new (...args: never[]) => Error;
type Expected = readonly [type: ErrorClass, message: string, path?: readonly string[]];

/** By the name of the constraint: the SQLSTATE, and the error. */
const named: Readonly<Record<string, readonly [state: string, ...Expected]>> = {
	destinations_org_type_env_unique: [
		'23505',
		AlreadyExistsError,
		'The organization already has a destination of this type in this environment. Update it, or delete it first.',
	],
	destinations_organization_id_fkey: ['23503', NotFoundError, 'There is no such organization.'],
	destinations_created_by_fkey: ['23503', ValidationError, unknownUser, ['createdBy']],
	destinations_updated_by_fkey: ['23503', ValidationError, unknownUser, ['createdBy']],
	destinations_valid_type: ['23514', ValidationError, unknownToTable, ['type']],
	destinations_valid_environment: ['23514', ValidationError, unknownToTable, ['environment']],
	destinations_valid_consent: ['23514', ValidationError, unknownToTable, ['requiredConsent']],
	destinations_valid_status: ['23514', ValidationError, unknownToTable, ['connectionStatus']],
	destinations_valid_name: ['23514', ValidationError, 'must not be blank', ['name']],
	destinations_valid_last_error: [
		'23514',
		ValidationError,
		'must not exceed 500 characters',
		['lastError'],
	],
	destinations_valid_settings: ['23514', ValidationError, 'must be encrypted', ['settings']],
	destinations_settings_size: ['23514', ValidationError, 'are too large', ['settings']],
	destination_data_keys_organization_id_fkey: [
		'23503',
		NotFoundError,
		'The organization does not exist, so it has no data key. If it is created in the same transaction, commit that first: keys are stored outside transactions.',
	],
	destination_data_keys_wrapped_key_size: [
		'23514',
		ConfigurationError,
		'The key management service returned a wrapped data key that is empty or has more than 8,192 bytes. `wrap` must return what `unwrap` takes.',
	],
};

function expectError(error: unknown, cause: unknown, [type, message, path]: Expected): void {
	expect(error).toBeInstanceOf(type);
	expect(error).toMatchObject({ cause });
	if (path === undefined) expect(error).toMatchObject({ message });
	else expect(error).toMatchObject({ issues: [{ path, message }] });
}

test('every constraint that a call may violate is named here', () => {
	expect([...violations.keys()].sort()).toEqual(Object.keys(named).sort());
});

test.each(Object.entries(named))('%s', (constraint, [state, ...expected]) => {
	const cause = refusal(state, { constraint });
	expectError(violationOf(cause), cause, expected);
	expectError(translated(cause), cause, expected);
});

test.each([
	['23514', { column: 'type' }, ['type'], 'never changes'],
	['23514', { column: 'type', constraint: 'destinations_valid_type' }, ['type'], 'never changes'],
	[
		...(['23514', { constraint: 'of_the_platform' }, []] as const),
		'the database refused the row by its constraint of_the_platform',
	],
	['23514', {}, [], 'the database refused the row by its constraint of an unknown name'],
	['22001', {}, [], 'a text is too long'],
	['22001', { constraint: 'destinations_valid_name' }, [], 'a text is too long'],
] as const)('%s with %j is of the input', (state, members, path, message) => {
	const cause = refusal(state, members);
	expectError(violationOf(cause), cause, [ValidationError, message, path]);
});

test.each([
	['23505', { constraint: 'destination_audit_log_pkey' }],
	['23503', { constraint: 'of_the_platform' }],
	['23505', {}],
	['23502', { constraint: 'destinations_valid_name' }],
	['XX000', { constraint: 'destinations_org_type_env_unique' }],
	['P0001', {}],
])('%s with %j is of no input, and stays what it is', (state, members) => {
	const cause = refusal(state, members);
	expect(violationOf(cause)).toBeUndefined();
	expect(translated(cause)).toBe(cause);
	expect(cause.detail).toBeUndefined();
});

test('a right that is missing is a refusal to the scope', () => {
	const cause = refusal('42501');
	expectError(translated(cause), cause, [
		ForbiddenError,
		'The database refused this to the scope.',
	]);
	expect(cause.detail).toBeUndefined();
	// Of Prisma's errors, too.
	const byPrisma = { meta: { driverAdapterError: { cause: { originalCode: '42501' } } } };
	expect(translated(byPrisma)).toBeInstanceOf(ForbiddenError);
});

test('what may succeed by itself says so, before its constraint is looked at', () => {
	expect(translated(refusal('40001'))).toBeInstanceOf(RetryError);
	expect(translated(refusal('57P01'))).toBeInstanceOf(UnavailableError);
});

test('an error of the package, and one that is nobody else’s, stay what they are', () => {
	for (const type of [NotFoundError, RetryError, UnavailableError]) {
		const own = new type('x', { cause: refusal('42501') });
		expect(translated(own)).toBe(own);
	}
	const other = new Error('x');
	expect(translated(other)).toBe(other);
	// Nor is something that only looks like an error of pg one.
	const like = { code: '23514', constraint: 'destinations_valid_name' };
	expect(translated(like)).toBe(like);
});

test('a statement is waited for, and its error translated', async () => {
	expect(await translateErrors(Promise.resolve(5))).toBe(5);
	await expect(translateErrors(Promise.reject(refusal('42501')))).rejects.toBeInstanceOf(
		ForbiddenError,
	);
});

test('a login that may not switch is told which role, and how', () => {
	const cause = new Error('permission denied to set role');
	expectError(mayNotSwitch('service_role', cause), cause, [
		ConfigurationError,
		'The database login may not switch to the role service_role: permission denied to set role. Use the login of the service (DATABASE_SERVICE_URL), which prisma/grants/logins.sql creates, or have an administrator run: GRANT service_role TO the login.',
	]);
});
