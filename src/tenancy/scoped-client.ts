import { ForbiddenError, UnsupportedError, ValidationError } from '../errors.ts';
import { type Errand, runInScope, type Scope } from './scope.ts';

/** Anything with methods: a Prisma client, a delegate such as `prisma.destination`, a Prisma promise. */
type Methods = Record<PropertyKey, unknown>;

type Method = (...args: unknown[]) => unknown;

/** How a promise of a scoped client is run again inside a transaction. */
interface Recipe {
	readonly scope: Scope;
	readonly ranRawSql: boolean;
	readonly run: (transaction: Methods) => unknown;
}

const rawMethods = new Set<PropertyKey>([
	'$queryRaw',
	'$queryRawUnsafe',
	'$queryRawTyped',
	'$executeRaw',
	'$executeRawUnsafe',
]);

const models = new Set<PropertyKey>(['destination', 'organization', 'user']);

const recipes = new WeakMap<object, Recipe>();

/**
 * A view of a Prisma client in which every statement runs in one scope.
 *
 * The scope belongs to the view, not to the caller: a promise made here runs in this scope wherever it is
 * awaited. Prisma gathers `findUnique` calls and batch transactions of one tick, of every client that
 * shares its engine, and runs them together, in the context of whichever came first. So neither reaches
 * Prisma from here: `findUnique` goes out as `findFirst`, a batch as an interactive transaction.
 */
export function scopeClient<C extends object>(client: C, scope: Scope): C {
	const target = client as Methods;
	const delegates = new Map<PropertyKey, Methods>();
	return view<C>((property) => {
		if (models.has(property)) {
			const known = delegates.get(property);
			if (known !== undefined) return known;
			const delegate = scopeDelegate(target, property, scope);
			delegates.set(property, delegate);
			return delegate;
		}
		if (property === '$transaction') return scopeTransaction(target, scope);
		if (rawMethods.has(property)) {
			return (...args: unknown[]) =>
				scopePromise(call(target, property, args), {
					scope,
					ranRawSql: true,
					run: (transaction) => call(transaction, property, args),
				});
		}
		return undefined;
	});
}

/**
 * An object whose members are computed. It has nothing behind it, so that printing it does not print the
 * Prisma client, with its connection string.
 */
function view<T extends object>(member: (property: PropertyKey) => unknown): T {
	// The caller says what the members make up.
	return new Proxy(Object.create(null), { get: (_, property) => member(property) }) as T;
}

function call(methods: Methods, name: PropertyKey, args: readonly unknown[]): unknown {
	return (methods[name] as Method).apply(methods, [...args]);
}

function scopeDelegate(client: Methods, model: PropertyKey, scope: Scope): Methods {
	// A Prisma client has an object of methods for each of its models.
	return scopeMethods(
		client[model] as Methods,
		scope,
		(transaction) => transaction[model] as Methods,
	);
}

/** @param find the same methods in a transaction. */
function scopeMethods(
	methods: Methods,
	scope: Scope,
	find: (transaction: Methods) => Methods,
): Methods {
	return view((property) => {
		const method = methods[property];
		if (typeof method !== 'function') return method;
		if (property === 'withDeleted' || property === 'onlyDeleted') {
			// Both give an object of methods.
			const reads = (of: Methods) => call(of, property, []) as Methods;
			return () => scopeMethods(reads(methods), scope, (transaction) => reads(find(transaction)));
		}
		return (...args: unknown[]) => {
			const unbatched = withoutBatching(property, args[0]);
			return scopePromise(call(methods, unbatched, args), {
				scope,
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
	const start = () => settle({ scope, ranRawSql }, () => methods);
	const scoped = view<object>((property) => {
		if (property === 'then' || property === 'catch' || property === 'finally') {
			return (...handlers: unknown[]) => call(start() as unknown as Methods, property, handlers);
		}
		if (property === 'requestTransaction') return refuseForeignTransaction;
		const method = methods[property];
		if (typeof method !== 'function') return method;
		return (...args: unknown[]) =>
			scopePromise(call(methods, property, args), {
				scope,
				ranRawSql,
				run: (transaction) => call(recipe.run(transaction) as Methods, property, args),
			});
	});
	recipes.set(scoped, recipe);
	return scoped;
}

function refuseForeignTransaction(): never {
	throw new ForbiddenError(
		'A promise of a scoped client can only be part of a transaction of the same scope.',
	);
}

function scopeTransaction(client: Methods, scope: Scope): Method {
	return (work, options) => {
		if (typeof work === 'function') {
			return runTransaction(client, scope, work as TransactionWork, options);
		}
		const batch = Array.isArray(work)
			? work.map((promise) => recipeFor(promise, scope))
			: undefined;
		if (batch === undefined) {
			throw new ValidationError([
				{ path: [], message: '$transaction takes a function or an array of Prisma promises' },
			]);
		}
		return runTransaction(
			client,
			scope,
			async (transaction) => {
				const results: unknown[] = [];
				for (const recipe of batch) results.push(await recipe.run(transaction));
				return results;
			},
			options,
		);
	};
}

function recipeFor(promise: unknown, scope: Scope): Recipe {
	const recipe = recipes.get(Object(promise));
	if (recipe?.scope.role === scope.role && recipe.scope.claims === scope.claims) return recipe;
	return refuseForeignTransaction();
}

type TransactionWork = (transaction: Methods) => unknown;

function runTransaction(
	client: Methods,
	scope: Scope,
	work: TransactionWork,
	options: unknown,
): Promise<unknown> {
	const errand = { scope, ranRawSql: false };
	return settle(errand, () => {
		const scoped = (inner: Methods) => work(noteRawSql(inner, errand));
		// Prisma's $transaction gives a promise.
		return call(client, '$transaction', [scoped, options]) as Methods;
	});
}

/** Runs a promise of Prisma in a scope. What the caller does with the promise it gives is outside it. */
function settle(errand: Errand, start: () => Methods): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const fail = (error: unknown) => reject(errand.refusal ?? error);
		runInScope(errand, () => call(start(), 'then', [resolve, fail]));
	});
}

/**
 * A transaction has a connection of its own, which is in the scope already. Only raw SQL is noted, because
 * the connection must be cleaned after it.
 */
function noteRawSql(transaction: Methods, errand: Errand): Methods {
	return view((property) => {
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
				const nested = (inner: Methods) => (work as TransactionWork)(noteRawSql(inner, errand));
				return call(transaction, property, [nested, options]);
			};
		}
		return transaction[property];
	});
}
