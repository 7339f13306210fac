import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import type { Arguments } from './arguments.ts';
import { knownModel } from './models.ts';
import { openResult } from './open-result.ts';
import { planOperation } from './operations.ts';
import { type LookUp, seal } from './seal.ts';

/** One operation of Prisma, as it was called. */
export interface Operation {
	readonly model: string;
	readonly operation: string;
	/** Rewritten in place. */
	readonly args: Arguments;
}

/** Runs an operation with settings sealed on the way in and opened on the way out, and deleted rows hidden. */
export async function runOperation(
	encryption: SettingsEncryption,
	{ model, operation, args }: Operation,
	lookUp: LookUp,
	send: (args: Arguments) => PromiseLike<unknown>,
): Promise<unknown> {
	const {
		result: plan,
		manyRows = false,
		writes,
	} = planOperation(knownModel(model), operation, args);
	if (writes !== undefined) await seal(encryption, args, writes, lookUp);
	const result = await send(args);
	if (plan !== undefined) await openResult(encryption, plan, result, manyRows);
	return result;
}
