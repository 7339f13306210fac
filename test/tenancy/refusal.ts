import { isNativeError } from 'node:util/types';
import { DatabaseError } from 'pg';

/**
 * The codes of an error that a call must give: this package's or Prisma's, and the SQLSTATE behind it.
 * For example `FORBIDDEN`, `P2025`, `P2039 42501`.
 */
export async function refusal(work: PromiseLike<unknown>): Promise<string> {
	try {
		await work;
	} catch (error) {
		return codesOf(error);
	}
	throw new Error('the call was not refused');
}

export function codesOf(error: unknown): string {
	// Node's own errors are of another realm than Jest's.
	if (!isNativeError(error)) throw new Error('not an Error was thrown', { cause: error });
	if (error instanceof DatabaseError) return error.code ?? error.message;
	const { code, meta } = error as {
		code?: string;
		meta?: { driverAdapterError?: { cause?: { originalCode?: string } } };
	};
	const sqlState = meta?.driverAdapterError?.cause?.originalCode;
	return [code ?? error.message, sqlState].filter((part) => part !== undefined).join(' ');
}
