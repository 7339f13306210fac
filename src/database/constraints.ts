import type { DatabaseError } from 'pg';
import {
	AlreadyExistsError,
	ConfigurationError,
	type DestinationsError,
	NotFoundError,
	ValidationError,
} from '../errors.ts';

/** The error for a row that a constraint refused. */
type Violation = (options: ErrorOptions) => DestinationsError;

const invalid =
	(path: readonly string[], message: string): Violation =>
	(options) =>
		new ValidationError([{ path, message }], options);

/** For values that validation accepted: the table does not know them yet, or not any more. */
const unknownToTable = (field: string): Violation =>
	invalid(
		[field],
		'is not a value that the database accepts. Deploy the migrations of this version of the package first',
	);

const unknownUser = invalid(['createdBy'], 'must be a user of the platform; so must actorId');

/** Every constraint that a call may violate, by its name. */
export const violations: ReadonlyMap<string | undefined, Violation> = new Map(
	Object.entries({
		destinations_org_type_env_unique: (options) =>
			new AlreadyExistsError(
				'The organization already has a destination of this type in this environment. Update it, or delete it first.',
				options,
			),
		destinations_organization_id_fkey: (options) =>
			new NotFoundError('There is no such organization.', options),
		destinations_created_by_fkey: unknownUser,
		destinations_updated_by_fkey: unknownUser,
		destinations_valid_type: unknownToTable('type'),
		destinations_valid_environment: unknownToTable('environment'),
		destinations_valid_consent: unknownToTable('requiredConsent'),
		destinations_valid_status: unknownToTable('connectionStatus'),
		destinations_valid_name: invalid(['name'], 'must not be blank'),
		destinations_valid_last_error: invalid(['lastError'], 'must not exceed 500 characters'),
		destinations_valid_settings: invalid(['settings'], 'must be encrypted'),
		destinations_settings_size: invalid(['settings'], 'are too large'),
		destination_data_keys_organization_id_fkey: (options) =>
			new NotFoundError(
				'The organization does not exist, so it has no data key. If it is created in the same transaction, commit that first: keys are stored outside transactions.',
				options,
			),
		destination_data_keys_wrapped_key_size: (options) =>
			new ConfigurationError(
				'The key management service returned a wrapped data key that is empty or has more than 8,192 bytes. `wrap` must return what `unwrap` takes.',
				options,
			),
	} satisfies Record<string, Violation>),
);

/**
 * The name that a constraint has in the migrations. Of an error of a worker, Citus hands on the message alone, which quotes the name
 * last, and to names it appends the number of the shard: `destinations_pkey_102018`. No name here ends so by itself.
 */
export function constraintOf({
	code = '',
	constraint,
	message,
}: DatabaseError): string | undefined {
	const isViolation = code.startsWith('23');
	const named = constraint ?? (isViolation ? /constraint "(\w+)"/.exec(message)?.[1] : undefined);
	return named?.replace(/_\d{6,}$/, '');
}

/**
 * The error for what a constraint refused. Nothing for a unique or a foreign key that is not listed, such as the log's
 * own: no call can have violated it by its input.
 */
export function violationOf(refusal: DatabaseError): DestinationsError | undefined {
	const { code, column } = refusal;
	const constraint = constraintOf(refusal);
	const options = { cause: refusal };
	const violation = violations.get(constraint);
	switch (code) {
		case '23505':
		case '23503':
			return violation?.(options);
		case '23514': {
			// The trigger that keeps columns as they are names the column.
			if (column !== undefined) return invalid([column], 'never changes')(options);
			const name = constraint ?? 'of an unknown name';
			const other = invalid([], `the database refused the row by its constraint ${name}`);
			return (violation ?? other)(options);
		}
		case '22001':
			return invalid([], 'a text is too long')(options);
		default:
			return undefined;
	}
}
