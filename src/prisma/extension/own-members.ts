/**
 * A proxy whose members are computed, and that has members which are put on it as they are, as spies of tests
 * are: they replace what is computed until they are taken away again.
 */
export function withOwnMembers<T extends object>(
	target: T,
	compute: (property: PropertyKey, receiver: unknown) => unknown,
): T {
	const own: Record<PropertyKey, unknown> = Object.create(null);
	return new Proxy(target, {
		get: (_, property, receiver) =>
			Object.hasOwn(own, property) ? own[property] : compute(property, receiver),
		set: (_, property, value) => Reflect.set(own, property, value),
		has: (_, property) => Object.hasOwn(own, property) || Reflect.has(target, property),
		defineProperty: (_, property, descriptor) =>
			Reflect.defineProperty(own, property, { ...descriptor, configurable: true }),
		deleteProperty: (_, property) => Reflect.deleteProperty(own, property),
		getOwnPropertyDescriptor(_, property) {
			const descriptor = Reflect.getOwnPropertyDescriptor(own, property);
			if (descriptor !== undefined) return descriptor;
			const computed = Reflect.getOwnPropertyDescriptor(target, property);
			return computed === undefined || computed.configurable !== true
				? computed
				: { ...computed, value: compute(property, target) };
		},
	});
}
