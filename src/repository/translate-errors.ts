import { DatabaseError } from 'pg';
import { transientError } from '../database/sql-errors.ts';
import { destinationTypes } from '../destinations/registry.ts';
import { ConnectionStatus, ConsentPurpose, Environment } from '../destinations/vocabulary.ts';
import {
	AlreadyExistsError,
	DestinationsError,
	ForbiddenError,
	NotFoundError,
	ValidationError,
	type ValidationIssue,
} from '../errors.ts';

/**
 * Waits for a statement, and turns what Postgres refused into this package's errors. Every statement of the
 * repository and the log passes here. What is not listed, such as an internal error, stays the error that it is.
 */
export async function translateErrors<T>(statement: Promise<T>): Promise<T> {
	try {
		return await statement;
	} catch (error) {
		if (error instanceof DestinationsError) throw error;
		const refusal = error instanceof DatabaseError ? refusalOf(error) : undefined;
		throw transientError(error) ?? refusal ?? error;
	}
}

function refusalOf(refusal: DatabaseError): Error | undefined {
	const options = { cause: refusal };
	// SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
	switch (refusal.code) {
		case '23505':
			if (refusal.constraint !== 'destinations_org_type_env_unique') return undefined;
			return new AlreadyExistsError(
				'The organization already has a destination of this type in this environment. Update it, or delete it first.',
				options,
			);
		case '23503':
			return brokenReference(refusal);
		case '42501':
			return new ForbiddenError('The database refused this to the scope.', options);
		case '23514':
			return new ValidationError([violated(refusal)], options);
		case '22001':
			return new ValidationError([{ path: [], message: 'a text is too long' }], options);
		default:
			return undefined;
	}
}

function brokenReference(cause: DatabaseError): Error | undefined {
	switch (cause.constraint) {
		case 'destinations_organization_id_fkey':
			return new NotFoundError('There is no such organization.', { cause });
		case 'destinations_created_by_fkey':
		case 'destinations_updated_by_fkey':
			return new ValidationError(
				[{ path: ['createdBy'], message: 'must be a user of the platform; so must actorId' }],
				{ cause },
			);
		default:
			return undefined;
	}
}

export function noSuchDestination(id: string): string {
	return `There is no destination ${id} in this scope.`;
}

const oneOf = (field: string, allowed: readonly string[]): ValidationIssue => ({
	path: [field],
	message: `must be one of ${allowed.join(', ')}`,
});

/** The CHECKs of the table. Validation comes first, so these speak where it and the table disagree. */
const checks: Readonly<Record<string, ValidationIssue>> = {
	destinations_valid_type: oneOf('type', destinationTypes),
	destinations_valid_environment: oneOf('environment', Object.values(Environment)),
	destinations_valid_consent: oneOf('requiredConsent', Object.values(ConsentPurpose)),
	destinations_valid_status: oneOf('connectionStatus', Object.values(ConnectionStatus)),
	destinations_valid_name: { path: ['name'], message: 'must not be blank' },
	destinations_valid_last_error: {
		path: ['lastError'],
		message: 'must not exceed 500 characters',
	},
	destinations_valid_settings: { path: ['settings'], message: 'must be encrypted' },
	destinations_settings_size: { path: ['settings'], message: 'are too large' },
};

function violated({ constraint = 'of an unknown name', column }: DatabaseError): ValidationIssue {
	if (column !== undefined) return { path: [column], message: 'never changes' };
	const message = `the database refused the row by its constraint ${constraint}`;
	return checks[constraint] ?? { path: [], message };
}
