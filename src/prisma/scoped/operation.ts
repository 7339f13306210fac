import type { Scope } from '../../database/scope.ts';
import type { SeenRows } from '../../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { UnsupportedError, ValidationError } from '../../errors.ts';
import { type Arguments, asObject } from '../extension/arguments.ts';
import { copyArguments, refusalArgument } from '../extension/copy-arguments.ts';
import { isReadOnly, type Model, ownModels, relationOf } from '../extension/models.ts';
import { isRead } from '../extension/operations.ts';
import { runOperation } from '../extension/run-operation.ts';
import { type LookUpClient, lookUpOn } from '../extension/transaction.ts';
import { call, type Methods } from './view.ts';

/** One step of Prisma's fluent API, as in `organization.findUnique(...).destinations(args)`. */
interface FluentStep {
	readonly relation: string;
	readonly args: unknown;
	/** What the relation leads to. */
	readonly model: Model;
}

/** An operation of Prisma on a model, which runs on whatever client it is given: a scope's or a transaction's. */
export class ModelOperation {
	readonly #delegate: PropertyKey;
	readonly #operation: string;
	readonly #args: unknown;
	readonly #steps: readonly FluentStep[];
	/** Of what the operation, with its fluent steps, returns. */
	readonly #model: Model;

	constructor(
		delegate: PropertyKey,
		operation: string,
		args: unknown,
		steps: readonly FluentStep[] = [],
	) {
		this.#delegate = delegate;
		this.#operation = operation;
		this.#args = args;
		this.#steps = steps;
		this.#model = steps.at(-1)?.model ?? modelNamed(delegate);
	}

	/** Whether a replica may answer it. The log and earlier settings are read from the primary. */
	get mayLagBehind(): boolean {
		return isRead(this.#operation) && !isReadOnly(modelNamed(this.#delegate));
	}

	/** The same with another fluent step, where the result has this relation. */
	follow(relation: PropertyKey): ((args?: unknown) => ModelOperation) | undefined {
		if (typeof relation !== 'string') return undefined;
		const related = relationOf(this.#model, relation);
		if (related === undefined) return undefined;
		return (args) =>
			new ModelOperation(this.#delegate, this.#operation, this.#args, [
				...this.#steps,
				{ relation, args, model: related.model },
			]);
	}

	/**
	 * Runs it on a Prisma client without the extension.
	 *
	 * @param seen left out in a transaction, which may be rolled back with what it wrote.
	 */
	async run(
		encryption: SettingsEncryption,
		scope: Scope,
		client: Methods,
		seen?: SeenRows,
	): Promise<unknown> {
		const model = modelNamed(this.#delegate);
		const given = withSteps(this.#args, this.#steps);
		const { operation, args } = withoutBatching(this.#operation, given);
		const on = client as unknown as LookUpClient;
		const result = await runOperation(
			encryption,
			{ model, operation, args, scope, seen },
			async (ids) => lookUpOn(on, ids, {}, scope.organizationId),
			(sent) =>
				// A delegate's methods give Prisma promises.
				call(client[this.#delegate] as Methods, operation, [sent]) as PromiseLike<unknown>,
		);
		return this.#steps.reduce<unknown>(
			(value, { relation }) => asObject(value)?.[relation] ?? null,
			result,
		);
	}
}

function modelNamed(delegate: PropertyKey): Model {
	const model = ownModels.byDelegate.get(delegate);
	if (model === undefined) throw new UnsupportedError(`There is no model ${String(delegate)}.`);
	return model;
}

/**
 * Prisma never gathers `findFirst` with what others ask for in the same tick. It takes any filter, also an
 * empty one, which would find an arbitrary row, so the key must be there.
 */
function withoutBatching(
	operation: string,
	args: Arguments,
): { operation: string; args: Arguments } {
	const unique = operation === 'findUnique' || operation === 'findUniqueOrThrow';
	if (!unique || args[refusalArgument] !== undefined) return { operation, args };
	const first = operation === 'findUnique' ? 'findFirst' : 'findFirstOrThrow';
	const { destinationId_version: pair, ...where } = asObject(args.where) ?? {};
	if (typeof where.id === 'string' || typeof where.id === 'bigint')
		return { operation: first, args };
	const { destinationId, version } = asObject(pair) ?? {};
	if (typeof destinationId === 'string' && typeof version === 'number') {
		// Only a unique filter knows Prisma's name for a key of two columns.
		const both = { ...where, destinationId, version };
		return { operation: first, args: { ...args, where: both } };
	}
	throw new ValidationError([
		{ path: ['where', 'id'], message: `must be a UUID for ${operation}` },
	]);
}

/** The arguments of the operation that reads the relation alone, as Prisma's fluent API makes them. */
function withSteps(args: unknown, [step, ...steps]: readonly FluentStep[]): Arguments {
	const copy = copyArguments(args);
	if (step === undefined) return copy;
	const selected = { ...asObject(copy.select), [step.relation]: withSteps(step.args, steps) };
	return { ...copy, select: selected };
}
