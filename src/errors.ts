/** Every code that an error of this package can carry. Codes are stable; messages are not. */
export type DestinationsErrorCode =
	| 'VALIDATION'
	| 'NOT_FOUND'
	| 'ALREADY_EXISTS'
	| 'CONFLICT'
	| 'FORBIDDEN'
	| 'DECRYPTION_FAILED'
	| 'UNKNOWN_KEY'
	| 'KEY_UNAVAILABLE'
	| 'RETRY'
	| 'UNAVAILABLE'
	| 'UNSUPPORTED'
	| 'CONFIGURATION';

/**
 * What is wrong with an input, for messages in other languages. `params` of the issue has the details:
 * - `required`: it must be given: always, while the switch `params.when` is on, or together with `params.with`
 * - `not_valid`: anything that has no code of its own
 * - `wrong_type`: its type must be `params.expected`, such as `string` or `boolean`
 * - `wrong_format`: the text does not have the required format
 * - `wrong_value`: a different value was given by mistake; `params.is` says which, in English
 * - `too_long`: more than `params.maximum` characters
 * - `out_of_range`: less than `params.minimum` or more than `params.maximum`
 * - `not_in_list`: it must be one of `params.allowed`
 * - `unknown_field`: there is no such field; the known ones are in `params.allowed`
 * - `never_changes`: it is set at creation and cannot be changed
 * - `masked`: a mask was sent back instead of a secret
 * - `development_only`: it leads to a local network, which is allowed in the environment `development` only
 */
export type ValidationCode =
	| 'required'
	| 'not_valid'
	| 'wrong_type'
	| 'wrong_format'
	| 'wrong_value'
	| 'too_long'
	| 'out_of_range'
	| 'not_in_list'
	| 'unknown_field'
	| 'never_changes'
	| 'masked'
	| 'development_only';

/** One thing that is wrong with an input. It says where and why, and never repeats the value. */
export interface ValidationIssue {
	/** Where in the input, for example `['settings', 'apiKey']`. */
	readonly path: readonly (string | number)[];
	/** What is wrong. Stable. */
	readonly code: ValidationCode;
	/** What is wrong, and what would be right, in English. */
	readonly message: string;
	/** Details of the code. Never a value that was given. */
	readonly params?: Readonly<Record<string, unknown>>;
}

/** An issue as it is raised. @internal */
export type RaisedIssue = Omit<ValidationIssue, 'code'> & {
	/** @defaultValue `'not_valid'` */
	readonly code?: ValidationCode;
};

/** The destination that an error is about. */
export interface ErrorOfDestination {
	/** UUID. */
	readonly destinationId?: string | undefined;
	/** UUID. */
	readonly organizationId?: string | undefined;
}

/**
 * Base class of every error that this package throws deliberately.
 *
 * Distinguish errors by `code`, which is stable, not by message. No error of this package holds a key or a setting, neither
 * in its message nor in its cause or its JSON. If stored settings do not decrypt, `destinationId` and `organizationId` say
 * whose they are.
 *
 * @example
 * ```ts
 * import { DestinationsError } from '@consent-io/destinations';
 *
 * function isDuplicate(error: unknown): boolean {
 *   return error instanceof DestinationsError && error.code === 'ALREADY_EXISTS';
 * }
 * ```
 */
export abstract class DestinationsError extends Error {
	/** Says which error it is. Stable. */
	abstract readonly code: DestinationsErrorCode;
	/** Whether the same call may succeed if it is repeated a little later. */
	readonly retryable: boolean = false;
	/** UUID of the destination whose stored settings did not decrypt. Not set in any other error. */
	declare readonly destinationId?: string;
	/** UUID of the organization of that destination. Not set in any other error. */
	declare readonly organizationId?: string;

	constructor(message: string, options: ErrorOptions & ErrorOfDestination = {}) {
		super(message, options);
		this.name = new.target.name;
		const { destinationId, organizationId } = options;
		if (destinationId !== undefined) this.destinationId = destinationId;
		if (organizationId !== undefined) this.organizationId = organizationId;
	}

	/** The error for logs and HTTP responses, without stack and cause. */
	toJSON(): {
		name: string;
		code: DestinationsErrorCode;
		message: string;
		destinationId?: string;
		organizationId?: string;
	} {
		const { name, code, message, destinationId, organizationId } = this;
		return {
			name,
			code,
			message,
			...(destinationId === undefined ? {} : { destinationId }),
			...(organizationId === undefined ? {} : { organizationId }),
		};
	}
}

/** The input is not valid; `issues` lists every place. Nothing was written. */
export class ValidationError extends DestinationsError {
	readonly code = 'VALIDATION';
	/** Everything that is wrong with the input, each with its place. */
	readonly issues: readonly ValidationIssue[];

	constructor(issues: readonly RaisedIssue[], options?: ErrorOptions) {
		const lines = issues.map(({ path, message }) =>
			path.length > 0 ? `${path.join('.')}: ${message}` : message,
		);
		super(lines.join('; '), options);
		this.issues = issues.map(({ path, code = 'not_valid', message, params }) => ({
			path,
			code,
			message,
			...(params !== undefined && { params }),
		}));
	}

	override toJSON(): ReturnType<DestinationsError['toJSON']> & {
		issues: readonly ValidationIssue[];
	} {
		return { ...super.toJSON(), issues: this.issues };
	}
}

/** There is no such live row, or the scope cannot see it. */
export class NotFoundError extends DestinationsError {
	readonly code = 'NOT_FOUND';
}

/** The organization already has a live destination of this type in this environment. */
export class AlreadyExistsError extends DestinationsError {
	readonly code = 'ALREADY_EXISTS';
}

/** The row changed since it was read. */
export class ConflictError extends DestinationsError {
	readonly code = 'CONFLICT';
	/** The version that the row has now, if it is known. Read the row again, and decide again. */
	readonly currentVersion: number | undefined;

	constructor(message: string, options: ErrorOptions & { currentVersion?: number } = {}) {
		super(message, options);
		this.currentVersion = options.currentVersion;
	}

	override toJSON(): ReturnType<DestinationsError['toJSON']> & { currentVersion?: number } {
		const { currentVersion } = this;
		return { ...super.toJSON(), ...(currentVersion === undefined ? {} : { currentVersion }) };
	}
}

/** The call reaches outside the organization of its scope, or needs a right that its scope does not have. */
export class ForbiddenError extends DestinationsError {
	readonly code = 'FORBIDDEN';
}

/**
 * Stored settings did not decrypt: they were altered, moved from another row, or encrypted with other key bytes. The error
 * does not say which of these it was, because an attacker could use the difference.
 */
export class DecryptionFailedError extends DestinationsError {
	readonly code = 'DECRYPTION_FAILED';
}

/** Stored settings name a key id that the key ring or the key provider does not have. */
export class UnknownKeyError extends DestinationsError {
	readonly code = 'UNKNOWN_KEY';
}

/** The key provider could not answer now; trying again may help. */
export class KeyUnavailableError extends DestinationsError {
	readonly code = 'KEY_UNAVAILABLE';
	override readonly retryable = true;
}

/**
 * A statement lost against another transaction (a deadlock, a serialization failure, a lock that was not free in time), or
 * was cancelled, for example by `statement_timeout`. The statement saved nothing. Inside a transaction, run the whole
 * transaction again.
 */
export class RetryError extends DestinationsError {
	readonly code = 'RETRY';
	override readonly retryable = true;
}

/**
 * The database cannot be reached, refused the login, or does not take the work now, because it is read-only, full or about
 * to stop. A write that failed like this may have been saved nevertheless, if only its answer was lost.
 */
export class UnavailableError extends DestinationsError {
	readonly code = 'UNAVAILABLE';
	override readonly retryable = true;
}

/**
 * The operation is refused, because it cannot work on encrypted settings or on soft-deleted rows, or because the client or
 * the transaction is not in a state for it: closed, not started, or over.
 */
export class UnsupportedError extends DestinationsError {
	readonly code = 'UNSUPPORTED';
}

/**
 * The setup is wrong: an option, a key or an environment variable is missing or malformed, or the database or its login
 * lacks what this package needs.
 */
export class ConfigurationError extends DestinationsError {
	readonly code = 'CONFIGURATION';
}
