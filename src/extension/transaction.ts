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

/** An interactive transaction, with the one around it. */
interface RunningTransaction {
	/** The client that began it: another one has other connections, maybe to another database. */
	readonly owner: LookUpClient;
	/** Nothing once the work is done: what it left behind may still run. */
	client: LookUpClient | undefined;
	readonly around: RunningTransaction | undefined;
}

/**
 * The interactive transactions that the code runs in. An update of settings must look up the row's type
 * first, in the same transaction, and Prisma does not hand that to a query extension.
 */
export const currentTransaction = new AsyncLocalStorage<RunningTransaction | undefined>();

const currentBatch = new AsyncLocalStorage<true>();

/** Sends a batch transaction, of which Prisma hands out the results once all of it is committed. */
export function runInBatch<R>(send: () => R): R {
	return currentBatch.run(true, send);
}

/** Whether the code runs for an operation of a batch. */
export function isInBatch(): boolean {
	return currentBatch.getStore() === true;
}

/** Runs the work of a transaction. */
export async function runInTransaction(
	owner: LookUpClient,
	client: LookUpClient,
	work: () => unknown,
): Promise<unknown> {
	const running: RunningTransaction = { owner, client, around: currentTransaction.getStore() };
	try {
		return await currentTransaction.run(running, work);
	} finally {
		running.client = undefined;
	}
}

/** The innermost transaction of a client that the code runs in, or the client itself. */
export function transactionOf(owner: LookUpClient): LookUpClient {
	let running = currentTransaction.getStore();
	while (running !== undefined) {
		if (running.owner === owner && running.client !== undefined) return running.client;
		running = running.around;
	}
	return owner;
}
