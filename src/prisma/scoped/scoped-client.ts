import {
	type ExecutionContext,
	type Reading,
	runInScope,
} from '../../database/execution-context.ts';
import type { Replicas } from '../../database/replicas.ts';
import type { Scope } from '../../database/scope.ts';
import type { SeenRows } from '../../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { ForbiddenError, ValidationError } from '../../errors.ts';
import type { OperationKind } from '../../telemetry/operation.ts';
import type { Operations } from '../../telemetry/operations.ts';
import { ownModels } from '../extension/models.ts';
import { type RawSql, scopeDelegate } from './delegate.ts';
import { lazyPromise } from './lazy-promise.ts';
import type { ModelOperation } from './operation.ts';
import { rawKind, transactionKind } from './operation-kinds.ts';
import { type TransactionWork, transactionView } from './transaction-view.ts';
import { call, type Method, type Methods, rawMethods, view } from './view.ts';

/** A Prisma client without any extension, and the scope that it is seen in. */
interface Scoped {
	readonly client: Methods;
	readonly encryption: SettingsEncryption;
	readonly seen: SeenRows;
	readonly scope: Scope;
	/** Where what is done runs as operations. */
	readonly operations: Operations;
	/** Where reads are sent that are in no transaction; the primary, where there are none. */
	readonly replicas?: Replicas | undefined;
}

/** How a promise of a scoped client is run, by itself or inside a transaction. */
interface DeferredOperation extends Scoped {
	readonly kind: OperationKind;
	readonly ranRawSql: boolean;
	readonly mayLagBehind: boolean;
	/** @param seen left out in a transaction. */
	readonly run: (client: Methods, seen?: SeenRows) => PromiseLike<unknown>;
}

const deferredOperations = new WeakMap<object, DeferredOperation>();

/**
 * A view of a Prisma client in which every statement runs in one scope, settings are encrypted and opened,
 * and deleted rows are hidden. It has the methods of `ScopedPrismaClient` and nothing that leads to the
 * client itself.
 *
 * The scope belongs to the view, not to the caller: a promise made here runs in this scope wherever it is
 * awaited. Prisma gathers `findUnique` calls and batch transactions of one tick, of every client that
 * shares its engine, and runs them together, in the context of whichever came first. So neither reaches
 * Prisma from here: `findUnique` goes out as `findFirst`, a batch as an interactive transaction.
 */
export function scopeClient(
	client: object,
	{ encryption, seen, replicas }: Pick<Scoped, 'encryption' | 'seen' | 'replicas'>,
	scope: Scope,
	operations: Operations,
): Methods {
	// A Prisma client is an object of methods, and of such objects.
	const scoped = { client: client as Methods, encryption, seen, scope, operations, replicas };
	const delegates = new Map<PropertyKey, Methods>();
	const raw: RawSql = (method, args, kind = rawKind(method)) =>
		scopePromise({
			...scoped,
			kind,
			ranRawSql: true,
			mayLagBehind: false,
			// Prisma's raw methods give Prisma promises.
			run: (on) => call(on, method, args) as PromiseLike<unknown>,
		});
	return view((property) => {
		if (ownModels.byDelegate.has(property)) {
			const delegate =
				delegates.get(property) ??
				scopeDelegate(
					scoped.client,
					property,
					(operation, kind) => scopeOperation(scoped, operation, kind),
					raw,
				);
			delegates.set(property, delegate);
			return delegate;
		}
		if (property === '$transaction') return scopeTransaction(scoped);
		if (rawMethods.has(property)) return (...args: unknown[]) => raw(property, args);
		return undefined;
	});
}

function scopeOperation(scoped: Scoped, operation: ModelOperation, kind: OperationKind): object {
	return scopePromise(
		{
			...scoped,
			kind,
			ranRawSql: false,
			mayLagBehind: operation.mayLagBehind,
			run: (on, seen) => operation.run(scoped.encryption, scoped.scope, on, seen),
		},
		(relation) => {
			const follow = operation.follow(relation);
			return follow && ((args: unknown) => scopeOperation(scoped, follow(args), kind));
		},
	);
}

/**
 * A promise that runs in its scope, alone or in a transaction of that scope.
 *
 * @param follow returns the fluent method of a name, where there is one.
 */
function scopePromise(
	operation: DeferredOperation,
	follow: (name: PropertyKey) => unknown = () => undefined,
): object {
	const promise = lazyPromise(
		() => start(operation),
		(property) => (property === 'requestTransaction' ? refuseForeignTransaction : follow(property)),
	);
	deferredOperations.set(promise, operation);
	return promise;
}

function start(operation: DeferredOperation): Promise<unknown> {
	const { client, seen, scope, operations, replicas, kind, ranRawSql, mayLagBehind, run } =
		operation;
	const attempt = (reading?: Reading) =>
		runToEnd({ scope, reading, ranRawSql }, () => run(client, seen));
	return operations.run(kind, () =>
		mayLagBehind && replicas !== undefined ? replicas.read(scope, attempt) : attempt(),
	);
}

function refuseForeignTransaction(): never {
	throw new ForbiddenError(
		'A promise of a scoped client can only be part of a transaction of the same client and scope.',
	);
}

function scopeTransaction(scoped: Scoped): Method {
	return async (work, options) => {
		if (typeof work === 'function') {
			const inView = work as TransactionWork;
			return runTransaction(
				scoped,
				(transaction, context) => {
					const inside = transactionView(transaction, { ...scoped, context });
					return scoped.operations.callerCode(() => inView(inside));
				},
				options,
			);
		}
		if (!Array.isArray(work)) {
			throw new ValidationError([
				{ path: [], message: '$transaction takes a function or an array of Prisma promises' },
			]);
		}
		const batch = work.map((promise) => deferredOperationOf(promise, scoped));
		const inOrder = async (transaction: Methods, context: ExecutionContext) => {
			const results: unknown[] = [];
			for (const { kind, ranRawSql, run } of batch) {
				if (ranRawSql) context.ranRawSql = true;
				// Part of the transaction's operation, which learns from it whether its text may hold values.
				results.push(await scoped.operations.run(kind, async () => run(transaction)));
			}
			return results;
		};
		return runTransaction(scoped, inOrder, options);
	};
}

function deferredOperationOf(promise: unknown, { client, scope }: Scoped): DeferredOperation {
	const operation = deferredOperations.get(Object(promise));
	// The claims name the role as well.
	if (operation?.client === client && operation.scope.claims === scope.claims) return operation;
	return refuseForeignTransaction();
}

function runTransaction(
	{ client, scope, operations }: Scoped,
	work: (transaction: Methods, context: ExecutionContext) => unknown,
	options: unknown,
): Promise<unknown> {
	const { timeout } = (options ?? {}) as { timeout?: number }; // Prisma refuses others
	const context: ExecutionContext = { scope, ranRawSql: false, timeout };
	const run = () => {
		const inScope = (transaction: Methods) => work(transaction, context);
		// Prisma's $transaction returns a promise.
		return call(client, '$transaction', [inScope, options]) as PromiseLike<unknown>;
	};
	return operations.run(transactionKind, () => runToEnd(context, run));
}

/** Runs something in a scope. What the caller does with the promise that it returns is outside it. */
function runToEnd(context: ExecutionContext, run: () => PromiseLike<unknown>): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const fail = (error: unknown) => reject(context.refusal ?? error);
		runInScope(context, () => run().then(resolve, fail));
	});
}
