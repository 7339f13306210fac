/** The one place that knows what an error is to an HTTP client. */
import { STATUS_CODES } from 'node:http';
import {
	DestinationsError,
	httpStatusOf,
	isDatabaseUnavailable,
	type ValidationIssue,
} from '@consent-io/destinations';
import { ZodError } from 'zod';
import { UnauthenticatedError } from './caller.ts';

export interface HttpAnswer {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly error: {
		readonly code: string;
		readonly message: string;
		readonly issues?: readonly ValidationIssue[];
	};
}

export function answerTo(error: unknown): HttpAnswer {
	// The package's own error, or Prisma's where its client was used.
	if (isDatabaseUnavailable(error)) return failure(503, 'DATABASE_UNAVAILABLE');
	if (error instanceof DestinationsError) {
		const status = httpStatusOf(error);
		// No message of the package holds a secret; what is the service's own affair stays inside all the same.
		return status < 500 ? { status, error: error.toJSON() } : failure(status, error.code);
	}
	if (error instanceof ZodError) return invalid(error);
	if (error instanceof UnauthenticatedError) {
		return {
			status: 401,
			headers: { 'www-authenticate': 'Bearer' },
			error: { code: 'UNAUTHENTICATED', message: error.message },
		};
	}
	return refusalOf(error) ?? failure(500, 'INTERNAL');
}

function invalid({ issues }: ZodError): HttpAnswer {
	return {
		status: 400,
		error: {
			code: 'VALIDATION',
			message: 'The request is not valid.',
			issues: issues.map(({ path, message }) => ({
				path: path.map(memberName),
				code: 'not_valid',
				message,
			})),
		},
	};
}

function memberName(key: PropertyKey): string | number {
	return typeof key === 'number' ? key : String(key);
}

/** What Fastify refused: a body that is too large or no JSON, say. Its own words may repeat what was sent. */
function refusalOf(error: unknown): HttpAnswer | undefined {
	if (!(error instanceof Error && 'statusCode' in error && 'code' in error)) return undefined;
	const { statusCode: status, code } = error;
	if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
	return { status, error: { code: String(code), message: STATUS_CODES[status] ?? 'Refused' } };
}

/** To the caller it says no more than whether trying again may help. */
function failure(status: number, code: string): HttpAnswer {
	return status === 503
		? {
				status,
				headers: { 'retry-after': '5' },
				error: { code, message: 'The service cannot answer now. Try again in a moment.' },
			}
		: { status, error: { code: 'INTERNAL', message: 'The service failed. Its log says why.' } };
}
