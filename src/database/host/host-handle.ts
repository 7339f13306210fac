/** Sends one statement with its values on the connection of a transaction: a client of pg, or an adapter of a few lines. */
export interface QueryTransactionClient {
	/** Sends a statement as it is, whose values stand in it as `$1` and `$2`, once each and in this order. */
	query(text: string, values: string[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** What the function of `prisma.$transaction(async (tx) => …)` receives, in Prisma 6 and 7. */
export interface PrismaTransactionClient {
	/** Prisma's own: returns rows. */
	$queryRawUnsafe(query: string, ...values: string[]): PromiseLike<unknown>;
	/** Prisma's own: returns how many rows were affected. */
	$executeRawUnsafe(query: string, ...values: string[]): PromiseLike<number>;
}

/** A transaction of the service's own, in which destinations take part. */
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
