import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ValidationError, type ValidationIssue } from '../errors.ts';
import type { Arguments } from './arguments.ts';
import { copyArguments, refusalArgument } from './copy-arguments.ts';
import { knownModel } from './models.ts';
import { openResult } from './open-result.ts';
import { planOperation } from './operations.ts';
import { identityOfNew, type LookUp, type NewRow, seal } from './seal.ts';
import type { BatchRows } from './transaction.ts';

/** One operation of Prisma, as it was called. */
export interface Operation {
	readonly model: string;
	readonly operation: string;
	/** Anything: it is copied, because arguments are rewritten in place. */
	readonly args: unknown;
	/** Whether it is a client with extensions that runs it. */
	readonly extended?: boolean;
	/** The batch that it is part of. It is committed when results come, so that opening them must not fail. */
	readonly batch?: BatchRows | undefined;
}

/** Runs an operation with settings sealed on the way in and opened on the way out, and deleted rows hidden. */
export async function runOperation(
	encryption: SettingsEncryption,
	{ model, operation, args: given, extended = false, batch }: Operation,
	lookUp: LookUp,
	send: (args: Arguments) => PromiseLike<unknown>,
): Promise<unknown> {
	const args = copyArguments(given);
	const refusal = args[refusalArgument];
	// The package's own argument: nobody else has a use for it.
	if (refusal !== undefined) throw new ValidationError(refusal as ValidationIssue[]);
	const { result: plan, opening = {}, writes } = planOperation(knownModel(model), operation, args);
	if (writes !== undefined) {
		await seal(encryption, args, writes, lookUpIn(batch, writes.newRows, lookUp));
	}
	const result = await send(args);
	if (plan !== undefined) {
		const { manyRows = false, mustOpen = false } = opening;
		const options = { manyRows, mustOpen: mustOpen && batch === undefined, prismaReads: extended };
		await openResult(encryption, plan, result, options);
	}
	return result;
}

/** A look-up cannot see what earlier operations of the batch create: nothing of it was sent yet. */
function lookUpIn(
	batch: BatchRows | undefined,
	newRows: readonly NewRow[],
	lookUp: LookUp,
): LookUp {
	if (batch === undefined) return lookUp;
	const earlier = new Map(batch);
	for (const row of newRows) {
		const identity = identityOfNew(row);
		batch.set(identity.id, identity);
	}
	return async (ids) => {
		const found = await lookUp(ids);
		const seen = new Set(found.map(({ id }) => id));
		const made = ids.map((id) => earlier.get(id)).filter((row) => row !== undefined);
		const stored = found.map((row) => ({ ...row, inBatch: true }));
		return [...stored, ...made.filter(({ id }) => !seen.has(id))];
	};
}
