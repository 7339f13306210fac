import { UnsupportedError } from '../errors.ts';
import type { Errand } from './scope.ts';
import { call, delegateView, type Methods, models, rawMethods, view } from './view.ts';

export type TransactionWork = (transaction: Methods) => unknown;

/**
 * A view of the client of an interactive transaction. The transaction has a connection of its own, which
 * is in the scope already, so its methods are Prisma's own. Only raw SQL is noted, because the connection
 * must be cleaned after it.
 */
export function transactionView(transaction: Methods, errand: Errand): Methods {
	return view((property) => {
		if (models.has(property)) {
			// A Prisma client has an object of methods for each of its models.
			return delegateView(transaction[property] as Methods, (_, method) => method);
		}
		if (rawMethods.has(property)) {
			return (...args: unknown[]) => {
				errand.ranRawSql = true;
				return call(transaction, property, args);
			};
		}
		if (property === '$transaction') {
			return (work: unknown, options: unknown) => {
				if (typeof work !== 'function') {
					throw new UnsupportedError('A nested $transaction takes a function.');
				}
				const nested = (inner: Methods) =>
					(work as TransactionWork)(transactionView(inner, errand));
				return call(transaction, property, [nested, options]);
			};
		}
		return undefined;
	});
}
