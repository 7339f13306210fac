/** Anything with methods: a Prisma client, a delegate such as `prisma.destination`, a Prisma promise. */
export type Methods = Record<PropertyKey, unknown>;

export type Method = (...args: unknown[]) => unknown;

export const models: ReadonlySet<PropertyKey> = new Set([
	'destination',
	'organization',
	'user',
	'destinationAuditEntry',
	'destinationSettingsVersion',
]);

export const rawMethods: ReadonlySet<PropertyKey> = new Set([
	'$queryRaw',
	'$queryRawUnsafe',
	'$queryRawTyped',
	'$executeRaw',
	'$executeRawUnsafe',
]);

/** What a delegate has besides methods. `$parent`, the client without a scope, is not among them. */
const delegateData: ReadonlySet<PropertyKey> = new Set(['fields', 'name', '$name']);

/**
 * An object whose members are computed. It has nothing behind it, so that printing it does not print the
 * Prisma client, with its connection string. What every object inherits is not there either: `valueOf`
 * would give the object that the view is of.
 */
export function view<T extends object>(member: (property: PropertyKey) => unknown): T {
	return new Proxy(Object.create(null), {
		get: (_, property) => (property in Object.prototype ? undefined : member(property)),
	}) as T; // The caller says what the members make up.
}

/** A view of a delegate, with `wrap` around each of its methods. */
export function delegateView(
	delegate: Methods,
	wrap: (name: PropertyKey, method: Method) => Method,
): Methods {
	return view((property) => {
		const member = delegate[property];
		if (typeof member === 'function') return wrap(property, member.bind(delegate) as Method);
		return delegateData.has(property) ? member : undefined;
	});
}

export function call(methods: Methods, name: PropertyKey, args: readonly unknown[]): unknown {
	return (methods[name] as Method).apply(methods, [...args]);
}
