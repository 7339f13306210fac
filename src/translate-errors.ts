import { PrismaClientKnownRequestError } from '@prisma/client/runtime/client';
import { destinationTypes } from './destinations/registry.ts';
import { ConnectionStatus, ConsentPurpose, Environment } from './destinations/vocabulary.ts';
import {
	AlreadyExistsError,
	ForbiddenError,
	NotFoundError,
	ValidationError,
	type ValidationIssue,
} from './errors.ts';

/** What Postgres said, as Prisma's driver adapter passes it on. */
interface DatabaseCause {
	readonly originalCode?: string;
	readonly originalMessage?: string;
	readonly constraint?: { readonly index?: string };
	readonly column?: string;
}

/**
 * Waits for an operation, and turns what Prisma or Postgres refused into this package's errors. What is
 * not listed here, such as a database that cannot be reached, stays the error that it is.
 *
 * @param id of the destination that the operation is about.
 */
export async function translateErrors<T>(operation: PromiseLike<T>, id?: string): Promise<T> {
	try {
		return await operation;
	} catch (error) {
		throw translate(error, id) ?? error;
	}
}

function translate(error: unknown, id: string | undefined): Error | undefined {
	if (!(error instanceof PrismaClientKnownRequestError)) return undefined;
	const options = { cause: error };
	if (error.code === 'P2025') return new NotFoundError(noSuchDestination(id), options);
	const { originalCode, originalMessage, constraint, column } = causeOf(error);
	const name = constraint?.index ?? quotedConstraint(originalMessage);
	switch (originalCode) {
		case '23505':
			return new AlreadyExistsError(
				'The organization already has a destination of this type in this environment. Update it, or delete it first.',
				options,
			);
		case '23503':
			if (name === 'destinations_organization_id_fkey') {
				return new NotFoundError('There is no such organization.', options);
			}
			return new ValidationError(
				[{ path: ['createdBy'], message: 'must be a user of the platform; so must actorId' }],
				options,
			);
		case '42501':
			return new ForbiddenError('The database refused this to the scope.', options);
		case '23514':
			return new ValidationError([violated(name, column)], options);
		case '22001':
			return new ValidationError([{ path: [], message: 'a text is too long' }], options);
		default:
			return undefined;
	}
}

export function noSuchDestination(id: string | undefined): string {
	return `There is no destination${id === undefined ? '' : ` ${id}`} in this scope.`;
}

function causeOf(error: PrismaClientKnownRequestError): DatabaseCause {
	const meta = error.meta as { driverAdapterError?: { cause?: DatabaseCause } } | undefined;
	return meta?.driverAdapterError?.cause ?? {};
}

function quotedConstraint(message: string | undefined): string | undefined {
	return message?.match(/constraint "(\w+)"/)?.[1];
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

function violated(constraint: string | undefined, column: string | undefined): ValidationIssue {
	if (column !== undefined) return { path: [column], message: 'never changes' };
	return (
		checks[constraint ?? ''] ?? {
			path: [],
			message: `the database refused the row by its constraint ${constraint ?? 'of an unknown name'}`,
		}
	);
}
