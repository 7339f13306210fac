import type { Operations } from './operations.ts';

type Method = (...args: unknown[]) => unknown;

/** How the operations of a class are called, and where they run. */
export interface ObservedClass<C> {
	/** Stands before the name of the method. */
	readonly family: string;
	/** The table that they are about. */
	readonly table: string;
	readonly operationsOf: (object: C) => Operations;
}

/**
 * Has every public method of a class run as an operation, by its own name, so that a method that is added is one as
 * well. Each is async, or an async generator.
 */
export function observeMethods<C extends object>(
	prototype: C,
	{ family, table, operationsOf }: ObservedClass<C>,
): void {
	for (const name of Object.getOwnPropertyNames(prototype)) {
		const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
		if (name === 'constructor' || typeof descriptor?.value !== 'function') continue;
		const kind = { name: `${family}.${name}`, operation: name, table };
		const value = observed(kind, descriptor.value, operationsOf);
		Object.defineProperty(prototype, name, { ...descriptor, value });
	}
}

function observed<C>(
	kind: Parameters<Operations['run']>[0],
	method: Method,
	operationsOf: (object: C) => Operations,
): Method {
	if (Object.prototype.toString.call(method) === '[object AsyncGeneratorFunction]') {
		return async function* (this: C, ...args: unknown[]) {
			// By what the method is.
			const parts = () => method.apply(this, args) as AsyncGenerator<unknown, void, undefined>;
			yield* operationsOf(this).iterate(kind, parts);
		};
	}
	return async function (this: C, ...args: unknown[]) {
		return operationsOf(this).run(kind, async () => method.apply(this, args));
	};
}
