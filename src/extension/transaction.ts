import { AsyncLocalStorage } from 'node:async_hooks';
import type { FoundRow, Identity } from './seal.ts';

/** The client of an interactive transaction, as far as look-ups need it. */
export interface LookUpClient {
	readonly destination: {
		findMany(args: {
			where: { id: { in: string[] }; deletedAt: null };
			select: typeof lookedUp;
		}): PromiseLike<readonly FoundRow[]>;
	};
}

const lookedUp = {
	id: true,
	organizationId: true,
	type: true,
	settings: true,
	settingsEncrypted: true,
} as const;

/** Finds live rows by their ids, as they are stored. */
export function lookUpOn({ destination }: LookUpClient, ids: readonly string[], more: object = {}) {
	return destination.findMany({
		where: { id: { in: [...ids] }, deletedAt: null },
		select: lookedUp,
		...more,
	});
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

/** Rows that the operations of a batch create, by id, as far as they have been called. */
export type BatchRows = Map<string, Identity>;

const currentBatch = new AsyncLocalStorage<BatchRows>();

/** Sends a batch transaction, of which Prisma hands out the results once all of it is committed. */
export function runInBatch<R>(send: () => R): R {
	return currentBatch.run(new Map(), send);
}

/** The batch for an operation of which the code runs, if it does. */
export function batchOf(): BatchRows | undefined {
	return currentBatch.getStore();
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
