import type { ExecutionContext } from '../../database/execution-context.ts';
import type { Scope } from '../../database/scope.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { UnsupportedError } from '../../errors.ts';
import { modelsByDelegate } from '../extension/models.ts';
import { scopeDelegate } from './delegate.ts';
import { lazyPromise } from './lazy-promise.ts';
import type { ModelOperation } from './operation.ts';
import { call, type Methods, rawMethods, view } from './view.ts';

export type TransactionWork = (transaction: Methods) => unknown;

/**
 * A view of the client of an interactive transaction. The transaction has a connection of its own, which
 * is in the scope already. Raw SQL is noted, because the connection must be cleaned after it.
 */
export function transactionView(
	transaction: Methods,
	encryption: SettingsEncryption,
	context: ExecutionContext,
): Methods {
	const raw = (method: PropertyKey, args: readonly unknown[]) => {
		context.ranRawSql = true;
		return call(transaction, method, args);
	};
	const start = (operation: ModelOperation): object =>
		lazy(operation, encryption, context.scope, transaction);
	return view((property) => {
		if (modelsByDelegate.has(property)) return scopeDelegate(transaction, property, start, raw);
		if (rawMethods.has(property)) return (...args: unknown[]) => raw(property, args);
		if (property === '$transaction') {
			return async (work: unknown, options: unknown) => {
				if (typeof work !== 'function') {
					throw new UnsupportedError('A nested $transaction takes a function.');
				}
				const nested = (inner: Methods) =>
					(work as TransactionWork)(transactionView(inner, encryption, context));
				return call(transaction, property, [nested, options]);
			};
		}
		return undefined;
	});
}

function lazy(
	operation: ModelOperation,
	encryption: SettingsEncryption,
	scope: Scope,
	transaction: Methods,
): object {
	return lazyPromise(
		() => operation.run(encryption, scope, transaction),
		(relation) => {
			const follow = operation.follow(relation);
			return follow && ((args: unknown) => lazy(follow(args), encryption, scope, transaction));
		},
	);
}
