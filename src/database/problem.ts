import { STATUS_CODES } from 'node:http';
import {
	ConflictError,
	DestinationsError,
	type DestinationsErrorCode,
	ValidationError,
	type ValidationIssue,
} from '../errors.ts';
import { isDatabaseUnavailable, isRetryable } from './retryable.ts';

/** Every code has its status: a new one does not compile until it has one too. */
const statuses: Readonly<Record<DestinationsErrorCode, number>> = {
	VALIDATION: 400,
	FORBIDDEN: 403,
	NOT_FOUND: 404,
	ALREADY_EXISTS: 409,
	CONFLICT: 409,
	// The rest no caller can mend.
	DECRYPTION_FAILED: 500,
	UNKNOWN_KEY: 500,
	UNSUPPORTED: 500,
	CONFIGURATION: 500,
	KEY_UNAVAILABLE: 503,
	RETRY: 503,
	UNAVAILABLE: 503,
};

/**
 * A problem document of RFC 9457, with the media type `application/problem+json`.
 *
 * https://www.rfc-editor.org/rfc/rfc9457
 */
export interface ProblemDocument {
	/** Identifies the kind of problem: a URN that ends in the code. It is an identifier, not an address. */
	readonly type: string;
	/** The reason phrase of the status, in English. */
	readonly title: string;
	/** The HTTP status. */
	readonly status: number;
	/** What is wrong and what would be right, in English. Only set if the caller can correct it. */
	readonly detail?: string;
	/**
	 * The code of the error. For errors of Prisma and pg, `UNAVAILABLE` or `RETRY` if the request may succeed later.
	 * `INTERNAL` for any other error.
	 */
	readonly code: DestinationsErrorCode | 'INTERNAL';
	/** Whether the same request may succeed if it is repeated a little later. */
	readonly retryable: boolean;
	/** Everything that is wrong with the input, each with its place. */
	readonly issues?: readonly ValidationIssue[];
	/** For a conflict: the version that the destination has now, if it is known. */
	readonly currentVersion?: number;
}

/**
 * The HTTP status for an error: 4xx if the caller can correct the request, 503 if it may succeed later, otherwise 500. It
 * knows the errors of this package, and those of Prisma and pg that are temporary: the database is unavailable, or the
 * statement lost against another transaction.
 *
 * @example
 * ```ts
 * import { httpStatusOf, NotFoundError } from '@consent-io/destinations';
 *
 * httpStatusOf(new NotFoundError('There is no such destination.')); // 404
 * ```
 */
export function httpStatusOf(error: unknown): number {
	if (error instanceof DestinationsError) return statuses[error.code];
	return isDatabaseUnavailable(error) || isRetryable(error) ? 503 : 500;
}

/**
 * The problem document that an HTTP API returns for an error. If the caller cannot correct the error, the document has no
 * `detail`: log the error instead.
 *
 * @example
 * ```ts
 * import { toProblem } from '@consent-io/destinations';
 *
 * function answerTo(error: unknown): Response {
 *   const problem = toProblem(error);
 *   if (problem.status >= 500) console.error(error);
 *   const headers = { 'content-type': 'application/problem+json' };
 *   return new Response(JSON.stringify(problem), { status: problem.status, headers });
 * }
 * ```
 */
export function toProblem(error: unknown): ProblemDocument {
	const status = httpStatusOf(error);
	const code = codeOf(error, status);
	return {
		type: `urn:consent-io:destinations:problem:${code.toLowerCase().replaceAll('_', '-')}`,
		title: STATUS_CODES[status] ?? 'Error',
		status,
		...(status < 500 && error instanceof Error && { detail: error.message }),
		code,
		retryable: isRetryable(error),
		...(error instanceof ValidationError && { issues: error.issues }),
		...(error instanceof ConflictError &&
			error.currentVersion !== undefined && { currentVersion: error.currentVersion }),
	};
}

function codeOf(error: unknown, status: number): ProblemDocument['code'] {
	if (error instanceof DestinationsError) return error.code;
	if (status !== 503) return 'INTERNAL';
	return isDatabaseUnavailable(error) ? 'UNAVAILABLE' : 'RETRY';
}
