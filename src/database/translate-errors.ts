import { DatabaseError } from 'pg';
import { ConfigurationError, type DestinationsError, ForbiddenError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';
import { violationOf } from './constraints.ts';
import { poolerRefusal } from './pooler-errors.ts';
import type { Scope } from './scope.ts';
import { sqlStateOf, transientError, withoutValues } from './sql-errors.ts';

/** Waits for a statement. @throws {@link translated} */
export async function translateErrors<T>(statement: PromiseLike<T>): Promise<T> {
	try {
		return await statement;
	} catch (error) {
		throw translated(error);
	}
}

/**
 * The error that a call of this package throws for what pg or Prisma threw, so that one refusal is one error, whichever
 * statement met it. An error of this package stays what it is, and so does what has none, such as an internal error of
 * Postgres.
 */
export function translated(error: unknown): unknown {
	const cause = withoutValues(error);
	return (
		poolerRefusal(cause, sqlStateOf(cause)) ?? transientError(cause) ?? refused(cause) ?? cause
	);
}

function refused(cause: unknown): DestinationsError | undefined {
	const state = sqlStateOf(cause);
	if (state === '42501') {
		return new ForbiddenError('The database refused this to the scope.', { cause });
	}
	if (state !== undefined && ofMigrations[state]?.test(messageOf(cause))) {
		return notMigrated(cause);
	}
	return cause instanceof DatabaseError ? violationOf(cause) : undefined;
}

/** What the migrations make, by the SQLSTATE of its absence, in Postgres's message, whatever its language, and in Prisma's. */
const ofMigrations: Readonly<Record<string, RegExp>> = {
	'42P01': /\bpublic\.destination(s|_audit_log|_settings_history|_data_keys)\b/,
	'22023': /"(authenticated|service_role|destinations_loader)"/,
};

function notMigrated(cause: unknown): ConfigurationError {
	return new ConfigurationError(
		'The migrations of this package have not run on this database. Run `npx prisma migrate deploy` with the URL of the login that owns the database in DATABASE_URL, or correct the name of the database in the URL. `npx consent-destinations doctor` says what is missing.',
		{ cause },
	);
}

/** For a login that may not switch to the role of its scope: more often the wrong login than one that lacks a right. */
export function mayNotSwitch(role: Scope['role'], cause: Error): ConfigurationError {
	return new ConfigurationError(
		`The database login may not switch to the role ${role}: ${cause.message}. Use ${logins[role]}, which prisma/grants/logins.sql creates, or have an administrator run: GRANT ${role} TO the login.`,
		{ cause },
	);
}

/** The login of each role, with the variable that `consent-destinations init` writes for it. */
const logins: Readonly<Record<Scope['role'], string>> = {
	authenticated: 'the login for tenants (DATABASE_URL)',
	service_role: 'the login of the service (DATABASE_SERVICE_URL)',
	destinations_loader: 'the login of loaders (DATABASE_LOADER_URL)',
};
