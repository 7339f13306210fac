import { AsyncLocalStorage } from 'node:async_hooks';
import type { Identity } from '../../destinations/destination.ts';
import type { FoundRow, LookUp } from './seal.ts';
import { isTaken } from './upsert.ts';

/** The client of an interactive transaction, as far as look-ups need it. */
export interface LookUpClient {
	readonly destination: {
		findMany(args: {
			where: { id: { in: string[] }; deletedAt: null; organizationId?: string };
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
	environment: true,
} as const;

/**
 * Finds live rows by their ids, as they are stored.
 *
 * @param organizationId the only one whose rows are meant, if it is known.
 */
export function lookUpOn(
	{ destination }: LookUpClient,
	ids: readonly string[],
	more: object = {},
	organizationId?: string,
) {
	const ofOwn = organizationId === undefined ? {} : { organizationId };
	return destination.findMany({
		where: { id: { in: [...ids] }, deletedAt: null, ...ofOwn },
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
const currentTransaction = new AsyncLocalStorage<RunningTransaction | undefined>();

/** What the operations of a batch do, as far as they have been called. */
export interface Batch {
	/** The rows that they create, by id. */
	readonly rows: Map<string, Identity<string>>;
	/** The ids of the rows that they upsert. */
	readonly upserts: Set<string>;
}

const currentBatch = new AsyncLocalStorage<Batch>();

/**
 * Sends a batch transaction, of which Prisma hands out the results once all of it is committed. One that
 * fails because a row of an upsert appeared meanwhile was rolled back, and is sent once more.
 */
export async function runInBatch<R>(send: () => PromiseLike<R>, lookUp: LookUp): Promise<R> {
	const batch: Batch = { rows: new Map(), upserts: new Set() };
	try {
		return await currentBatch.run(batch, send);
	} catch (error) {
		if (!(await isTaken(error, [...batch.upserts], lookUp))) throw error;
	}
	return currentBatch.run({ rows: new Map(), upserts: new Set() }, send);
}

/** The batch for an operation of which the code runs, if it does. */
export function batchOf(): Batch | undefined {
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
