import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ValidationError, type ValidationIssue } from '../errors.ts';
import type { Arguments } from './arguments.ts';
import { copyArguments, refusalArgument } from './copy-arguments.ts';
import { knownModel } from './models.ts';
import { openResult } from './open-result.ts';
import { planOperation } from './operations.ts';
import { type LookUp, seal } from './seal.ts';

/** One operation of Prisma, as it was called. */
export interface Operation {
	readonly model: string;
	readonly operation: string;
	/** Anything: it is copied, because arguments are rewritten in place. */
	readonly args: unknown;
	/** Whether it is a client with extensions that runs it. */
	readonly extended?: boolean;
	/** Whether its result comes with that of a batch, which is committed by then, so that it must not fail. */
	readonly inBatch?: boolean;
}

/** Runs an operation with settings sealed on the way in and opened on the way out, and deleted rows hidden. */
export async function runOperation(
	encryption: SettingsEncryption,
	{ model, operation, args: given, extended = false, inBatch = false }: Operation,
	lookUp: LookUp,
	send: (args: Arguments) => PromiseLike<unknown>,
): Promise<unknown> {
	const args = copyArguments(given);
	const refusal = args[refusalArgument];
	// The package's own argument: nobody else has a use for it.
	if (refusal !== undefined) throw new ValidationError(refusal as ValidationIssue[]);
	const { result: plan, opening = {}, writes } = planOperation(knownModel(model), operation, args);
	if (writes !== undefined) await seal(encryption, args, writes, lookUp);
	const result = await send(args);
	if (plan !== undefined) {
		const { manyRows = false, mustOpen = false } = opening;
		const options = { manyRows, mustOpen: mustOpen && !inBatch, prismaReads: extended };
		await openResult(encryption, plan, result, options);
	}
	return result;
}
