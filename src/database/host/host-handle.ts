/** Sends one statement with its values on the connection of a transaction: a client of pg, or a small adapter. */
export interface QueryTransactionClient {
	/** Sends a statement unchanged. Its parameters, if it has any, are `$1` and `$2`, each used once and in this order. */
	query(text: string, values: string[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** What the function of `prisma.$transaction(async (tx) => …)` receives, in Prisma 6 and 7. */
export interface PrismaTransactionClient {
	/** Prisma's own method. Resolves to the rows. */
	$queryRawUnsafe(query: string, ...values: string[]): PromiseLike<unknown>;
	/** Prisma's own method. Resolves to the number of affected rows. */
	$executeRawUnsafe(query: string, ...values: string[]): PromiseLike<number>;
}

/** The client of a transaction of your own, which a scope can join. */
export type HostTransaction = QueryTransactionClient | PrismaTransactionClient;

export function isHostTransaction(value: unknown): value is HostTransaction {
	if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
	return isPrisma(value) || hasMethod(value, 'query');
}

export function isPrisma(handle: object): handle is PrismaTransactionClient {
	return hasMethod(handle, '$queryRawUnsafe') && hasMethod(handle, '$executeRawUnsafe');
}

function hasMethod(handle: object, name: string): boolean {
	return typeof Reflect.get(handle, name) === 'function';
}
