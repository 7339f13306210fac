/** Arguments of a Prisma operation: a copy, which is rewritten in place. The caller's object is never touched. */
export type Arguments = Record<string, unknown>;

/** Sends an operation with arguments that were rewritten. */
export type Send = (args: Arguments) => PromiseLike<unknown>;

/** The value as an object to look into; nothing for everything else, which is left for Prisma to refuse. */
export function asObject(value: unknown): Arguments | undefined {
	return typeof value === 'object' && value !== null && !Array.isArray(value)
		? // An object that is no array can be read by any key.
			(value as Arguments)
		: undefined;
}

/** The objects in "one or many" arguments, of which Prisma has many. */
export function objectsIn(value: unknown): Arguments[] {
	const values: unknown[] = Array.isArray(value) ? value : [value];
	return values.map(asObject).filter((object) => object !== undefined);
}

/** The value where it is a text. */
export function textOf(value: unknown): string | undefined {
	return typeof value === 'string' ? value : undefined;
}
