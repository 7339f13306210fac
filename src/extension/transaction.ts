import { AsyncLocalStorage } from 'node:async_hooks';

/** The client of an interactive transaction, as far as look-ups need it. */
export interface LookUpClient {
	readonly destination: {
		findMany(args: {
			where: { id: { in: string[] }; deletedAt: null };
			select: { id: true; organizationId: true; type: true };
		}): PromiseLike<{ id: string; organizationId: string; type: string }[]>;
	};
}

/**
 * The interactive transaction that the code runs in. An update of settings must look up the row's type
 * first, in the same transaction, and Prisma does not hand that to a query extension.
 */
export const currentTransaction = new AsyncLocalStorage<LookUpClient | undefined>();
