import { ForbiddenError, ValidationError } from '../errors.ts';
import { currentTransaction } from '../extension/transaction.ts';
import { type Errand, runInScope, type Scope } from './scope.ts';
import { type TransactionWork, transactionView } from './transaction-view.ts';
import { call, delegateView, type Method, type Methods, models, rawMethods, view } from './view.ts';

/** A Prisma client, and the scope that it is seen in. */
interface Scoped {
	readonly client: Methods;
	readonly scope: Scope;
}

/** How a promise of a scoped client is run again inside a transaction. */
interface Recipe extends Scoped {
	readonly ranRawSql: boolean;
	readonly run: (transaction: Methods) => unknown;
}

const recipes = new WeakMap<object, Recipe>();

/**
 * A view of a Prisma client in which every statement runs in one scope. It has the methods of
 * `ScopedPrismaClient` and nothing that leads to the client itself.
 *
 * The scope belongs to the view, not to the caller: a promise made here runs in this scope wherever it is
 * awaited. Prisma gathers `findUnique` calls and batch transactions of one tick, of every client that
 * shares its engine, and runs them together, in the context of whichever came first. So neither reaches
 * Prisma from here: `findUnique` goes out as `findFirst`, a batch as an interactive transaction.
 */
export function scopeClient<C extends object>(client: C, scope: Scope): C {
	// A Prisma client is an object of methods, and of such objects.
	const target = client as Methods;
	const scoped = { client: target, scope };
	const delegates = new Map<PropertyKey, Methods>();
	return view<C>((property) => {
		if (models.has(property)) {
			const known = delegates.get(property);
			if (known !== undefined) return known;
			const find = (from: Methods) => from[property] as Methods;
			const delegate = scopeMethods(find(target), scoped, find);
			delegates.set(property, delegate);
			return delegate;
		}
		if (property === '$transaction') return scopeTransaction(scoped);
		if (rawMethods.has(property)) {
			return (...args: unknown[]) =>
				scopePromise(call(target, property, args), {
					...scoped,
					ranRawSql: true,
					run: (transaction) => call(transaction, property, args),
				});
		}
		return undefined;
	});
}

/** @param find the same methods in a transaction. */
function scopeMethods(
	methods: Methods,
	scoped: Scoped,
	find: (transaction: Methods) => Methods,
): Methods {
	return delegateView(methods, (property, method) => {
		if (property === 'withDeleted' || property === 'onlyDeleted') {
			// Both give an object of methods.
			const inTransaction = (transaction: Methods) =>
				call(find(transaction), property, []) as Methods;
			return () => scopeMethods(method() as Methods, scoped, inTransaction);
		}
		return (...args: unknown[]) => {
			const unbatched = withoutBatching(property, args[0]);
			return scopePromise(call(methods, unbatched, args), {
				...scoped,
				ranRawSql: false,
				run: (transaction) => call(find(transaction), unbatched, args),
			});
		};
	});
}

/** Prisma never gathers `findFirst`. */
function withoutBatching(method: PropertyKey, args: unknown): PropertyKey {
	if (method !== 'findUnique' && method !== 'findUniqueOrThrow') return method;
	// `findFirst` takes any filter, also an empty one, which would find an arbitrary row.
	const id = (args as { where?: { id?: unknown } } | undefined)?.where?.id;
	if (typeof id !== 'string') {
		throw new ValidationError([{ path: ['where', 'id'], message: `must be a UUID for ${method}` }]);
	}
	return method === 'findUnique' ? 'findFirst' : 'findFirstOrThrow';
}

/** A Prisma promise, with its fluent methods, that runs in its scope when it is awaited. */
function scopePromise(promise: unknown, recipe: Recipe): object {
	// Prisma's methods give Prisma promises, which have methods.
	const methods = promise as Methods;
	const { scope, ranRawSql } = recipe;
	const scoped = view<object>((property) => {
		if (property === 'then' || property === 'catch' || property === 'finally') {
			return (...handlers: unknown[]) => {
				const settled = settle({ scope, ranRawSql }, () => methods);
				return call(settled as unknown as Methods, property, handlers);
			};
		}
		if (property === 'requestTransaction') return refuseForeignTransaction;
		const member = methods[property];
		if (typeof member !== 'function') {
			return property === Symbol.toStringTag ? member : undefined;
		}
		return (...args: unknown[]) =>
			scopePromise(call(methods, property, args), {
				...recipe,
				run: (transaction) => call(recipe.run(transaction) as Methods, property, args),
			});
	});
	recipes.set(scoped, recipe);
	return scoped;
}

function refuseForeignTransaction(): never {
	throw new ForbiddenError(
		'A promise of a scoped client can only be part of a transaction of the same client and scope.',
	);
}

function scopeTransaction(scoped: Scoped): Method {
	return async (work, options) => {
		if (typeof work === 'function') {
			return runTransaction(scoped, work as TransactionWork, options);
		}
		if (!Array.isArray(work)) {
			throw new ValidationError([
				{ path: [], message: '$transaction takes a function or an array of Prisma promises' },
			]);
		}
		const batch = work.map((promise) => recipeFor(promise, scoped));
		const inOrder = async (transaction: Methods) => {
			const results: unknown[] = [];
			for (const recipe of batch) results.push(await recipe.run(transaction));
			return results;
		};
		return runTransaction(scoped, inOrder, options);
	};
}

function recipeFor(promise: unknown, { client, scope }: Scoped): Recipe {
	const recipe = recipes.get(Object(promise));
	if (
		recipe?.client === client &&
		recipe.scope.role === scope.role &&
		recipe.scope.claims === scope.claims
	) {
		return recipe;
	}
	return refuseForeignTransaction();
}

function runTransaction(
	{ client, scope }: Scoped,
	work: TransactionWork,
	options: unknown,
): Promise<unknown> {
	const errand = { scope, ranRawSql: false };
	return settle(errand, () => {
		const inScope = (transaction: Methods) => work(transactionView(transaction, errand));
		// Prisma's $transaction gives a promise.
		return call(client, '$transaction', [inScope, options]) as Methods;
	});
}

/** Runs a promise of Prisma in a scope. What the caller does with the promise it gives is outside it. */
function settle(errand: Errand, start: () => Methods): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const fail = (error: unknown) => reject(errand.refusal ?? error);
		const run = () => call(start(), 'then', [resolve, fail]);
		// A transaction around the caller is none of this scope's, so no row is looked up in it.
		runInScope(errand, () => currentTransaction.run(undefined, run));
	});
}
