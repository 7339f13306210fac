import { isPlainObject } from '../../input/plain-object.ts';
import { isValue, maxDepth, maxTextLength, objectNames, reservedNames } from './copy-arguments.ts';
import type { FieldNames, Model } from './models.ts';

/**
 * Whether an operation may reach guarded rows. Whatever leads to them, in a selection, a filter, an order or a
 * nested write, names a relation to them, or counts all relations. An operation that does not is the service's
 * own, and is left as it is. What cannot be read through counts as one that does: it is refused then, or copied.
 */
export function reachesGuarded(model: Model, args: unknown, names: FieldNames): boolean {
	if (model.table !== undefined) return true;
	return model.reaches && leadToGuarded(args, names);
}

/** Whether arguments of an operation on whichever model lead to guarded rows. */
export function leadToGuarded(args: unknown, names: FieldNames): boolean {
	if (args === undefined) return false;
	// Prisma walks a text letter by letter, and a sparse list place by place.
	if (typeof args !== 'object' || args === null || Array.isArray(args)) return true;
	try {
		// Of a date, Prisma would read no member, and find whatever there is.
		if (!isPlainObject(args)) return true;
		return new Walk(names).leads(args, 0);
	} catch {
		// A proxy may throw whatever it is asked.
		return true;
	}
}

class Walk {
	readonly #names: FieldNames;
	readonly #objects = new WeakSet<object>();

	constructor(names: FieldNames) {
		this.#names = names;
	}

	leads(value: unknown, depth: number): boolean {
		if (typeof value === 'function' || depth > maxDepth) return true;
		if (typeof value !== 'object' || value === null) return false;
		// A few objects that share each other may be as many as no time is enough for.
		if (this.#objects.has(value)) return true;
		this.#objects.add(value);
		if (Array.isArray(value)) return this.#anyOf(value, depth + 1);
		if (!isPlainObject(value)) return !isValue(value);
		return Object.entries(Object.getOwnPropertyDescriptors(value)).some(
			// A getter is read once, when it is copied.
			([name, { get, value: member }]) =>
				get !== undefined || this.#member(name, member, depth + 1),
		);
	}

	#anyOf(list: readonly unknown[], depth: number): boolean {
		for (let index = 0; index < list.length; index += 1) {
			// A sparse list may be longer than any time is enough for.
			if (!(index in list) || this.leads(list[index], depth)) return true;
		}
		return false;
	}

	#isOthers(name: string): boolean {
		return this.#names.columns.has(name) || this.#names.relations.has(name);
	}

	#member(name: string, member: unknown, depth: number): boolean {
		if (this.#names.guarded.has(name) || reservedNames.has(name) || name.startsWith('$'))
			return true;
		if (name === '_count' && member === true) return true;
		// Where no other row has such a member, Prisma would quote it.
		if (name === 'settings' && !this.#isOthers(name)) return true;
		const holdsObject = objectNames.has(name) && !this.#names.columns.has(name);
		if (holdsObject && isInstance(member)) return true;
		if (typeof member === 'string') return objectNames.has(name) && member.length > maxTextLength;
		return this.leads(member, depth);
	}
}

function isInstance(value: unknown): boolean {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
	return !isPlainObject(value);
}
