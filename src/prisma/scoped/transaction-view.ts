import type { ExecutionContext } from '../../database/execution-context.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { UnsupportedError } from '../../errors.ts';
import type { OperationKind } from '../../telemetry/operation.ts';
import type { Operations } from '../../telemetry/operations.ts';
import { ownModels } from '../extension/models.ts';
import { type RawSql, scopeDelegate } from './delegate.ts';
import { lazyPromise } from './lazy-promise.ts';
import type { ModelOperation } from './operation.ts';
import { rawKind, transactionKind } from './operation-kinds.ts';
import { call, type Methods, rawMethods, view } from './view.ts';

export type TransactionWork = (transaction: Methods) => unknown;

/** What the operations of a transaction need. */
interface Surroundings {
	readonly encryption: SettingsEncryption;
	readonly context: ExecutionContext;
	readonly operations: Operations;
}

/**
 * A view of the client of an interactive transaction. The transaction has a connection of its own, which
 * is in the scope already. Raw SQL is noted, because the connection must be cleaned after it.
 */
export function transactionView(transaction: Methods, surroundings: Surroundings): Methods {
	const { context, operations } = surroundings;
	const raw: RawSql = (method, args, kind = rawKind(method)) => {
		context.ranRawSql = true;
		const sent = call(transaction, method, args);
		return lazyPromise(
			() => operations.run(kind, async () => sent),
			() => undefined,
		);
	};
	const delegates = new Map<PropertyKey, Methods>();
	const start = (operation: ModelOperation, kind: OperationKind): object =>
		lazy(operation, kind, surroundings, transaction);
	return view((property) => {
		if (ownModels.byDelegate.has(property)) {
			const delegate = delegates.get(property) ?? scopeDelegate(transaction, property, start, raw);
			delegates.set(property, delegate);
			return delegate;
		}
		if (rawMethods.has(property)) return (...args: unknown[]) => raw(property, args);
		if (property === '$transaction') {
			return async (work: unknown, options: unknown) => {
				if (typeof work !== 'function') {
					throw new UnsupportedError('A nested $transaction takes a function.');
				}
				const nested = (inner: Methods) => {
					const inside = transactionView(inner, surroundings);
					return operations.callerCode(() => (work as TransactionWork)(inside));
				};
				return operations.run(transactionKind, async () =>
					call(transaction, property, [nested, options]),
				);
			};
		}
		return undefined;
	});
}

function lazy(
	operation: ModelOperation,
	kind: OperationKind,
	surroundings: Surroundings,
	transaction: Methods,
): object {
	const { encryption, context, operations } = surroundings;
	return lazyPromise(
		() => operations.run(kind, () => operation.run(encryption, context.scope, transaction)),
		(relation) => {
			const follow = operation.follow(relation);
			return follow && ((args: unknown) => lazy(follow(args), kind, surroundings, transaction));
		},
	);
}
