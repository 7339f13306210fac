/** Anything with methods: a Prisma client, a delegate such as `prisma.destination`, a Prisma promise. */
export type Methods = Record<PropertyKey, unknown>;

export type Method = (...args: unknown[]) => unknown;

export const rawMethods: ReadonlySet<PropertyKey> = new Set([
	'$queryRaw',
	'$queryRawUnsafe',
	'$queryRawTyped',
	'$executeRaw',
	'$executeRawUnsafe',
]);

/**
 * An object whose members are computed, but for those that are put on it, as spies of tests are. It has nothing behind it, so that printing it does not print the
 * Prisma client, with its connection string. What every object inherits is not there either: `valueOf`
 * would give the object that the view is of.
 */
export function view<T extends object>(member: (property: PropertyKey) => unknown): T {
	const get = (own: object, property: PropertyKey): unknown => {
		if (Object.hasOwn(own, property)) return Reflect.get(own, property);
		return property in Object.prototype ? undefined : member(property);
	};
	// What is there can be asked for, which Vitest does before it spies.
	const has = (own: object, property: PropertyKey) => get(own, property) !== undefined;
	return new Proxy(Object.create(null), { get, has }) as T; // The caller says what the members make up.
}

export function call(methods: Methods, name: PropertyKey, args: readonly unknown[]): unknown {
	return (methods[name] as Method).apply(methods, [...args]);
}
