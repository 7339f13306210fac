import { DestinationsError } from '../errors.ts';

/** What OpenTelemetry calls an error of a class that nobody named (https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/). */
const otherError = '_OTHER';

/** Codes of Prisma, SQLSTATEs of Postgres and codes of Node's system errors. */
const knownCode = /^(P\d{4}|[0-9A-Z]{5}|E[A-Z]{2,20})$/;

/** Errors that have a name and no code. */
const knownName = /^(PrismaClient[A-Za-z]{1,40}Error|AbortError|TimeoutError)$/;

/**
 * The class of an error: the code of this package's, and of Prisma's, Postgres's and Node's own. Of any other error, such as
 * one that the callback of a transaction throws, nothing is recorded: its name and its code may hold anything.
 */
export function errorType(error: unknown): string {
	if (error instanceof DestinationsError) return error.code;
	if (!(error instanceof Error)) return otherError;
	const code = 'code' in error ? error.code : undefined;
	if (typeof code === 'string' && knownCode.test(code)) return code;
	return knownName.test(error.name) ? error.name : otherError;
}
