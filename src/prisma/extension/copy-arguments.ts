import { types } from 'node:util';
import type { RaisedIssue } from '../../errors.ts';
import { isPlainObject } from '../../input/plain-object.ts';
import type { Arguments } from './arguments.ts';
import { type FieldNames, ownModels } from './models.ts';

/** The argument by which a refusal reaches the operation; Prisma never sees it. */
export const refusalArgument = '$refusal';

/** Far more than arguments ever have, far less than the stack. */
export const maxDepth = 200;

/**
 * Of objects that stand in more than one place. Each place gets a copy of its own, because each is rewritten
 * by itself, and a few objects that share each other would be as many as no memory holds.
 */
const maxRepeatedMembers = 100_000;

/**
 * Instead of an object, Prisma walks a text letter by letter. Short ones, such as the `desc` of an order,
 * are left for it to take or refuse.
 */
export const maxTextLength = 100;

/**
 * Names by which a plain object becomes one of Prisma's own values: their content is sent unseen by the
 * extension. No field has such a name. `__proto__` would set the copy's prototype.
 */
export const reservedNames: ReadonlySet<string> = new Set([
	'__proto__',
	'__prismaRawParameters__',
	'$type',
	'prisma__type',
]);

/** Arguments that are objects, or lists of them, wherever they stand. */
export const objectNames: ReadonlySet<string> = new Set([
	...['select', 'include', 'omit', 'where', 'cursor', 'having', 'orderBy', 'data'],
	...['AND', 'OR', 'NOT', 'some', 'every', 'none', 'is', 'isNot'],
	...['create', 'update', 'upsert', 'createMany', 'updateMany', 'deleteMany', 'delete'],
	...['connect', 'connectOrCreate', 'disconnect'],
	...['_count', '_sum', '_avg', '_min', '_max', 'destinationId_version'],
]);

/** Where a value stands. */
interface Place {
	/** Inside of settings: they are JSON, and anything may be a name. */
	readonly inSettings: boolean;
	/** Whether instances of classes are copied or left to Prisma. They are not in what is encrypted. */
	readonly instances: boolean;
	/** Whether an object belongs here. */
	readonly holdsObject: boolean;
}

/**
 * A copy of arguments that holds nothing but plain objects, lists, and values that are never rewritten: the
 * caller's own objects stay as they are, each getter is read once, and what was looked at is what is sent.
 * Instances of classes are copied by their members, as Prisma reads them.
 *
 * What cannot be copied comes back as an argument by which the operation fails, so that the refusal comes
 * by the promise of the operation.
 */
export function copyArguments(args: unknown, names: FieldNames = ownModels.names): Arguments {
	const copier = new Copier(names);
	try {
		// An object becomes an object.
		return args === undefined ? {} : (copier.copy(args) as Arguments);
	} catch {
		// What a getter throws may hold anything.
		return { [refusalArgument]: copier.issues() };
	}
}

class Copier {
	readonly #names: FieldNames;
	readonly #parents: object[] = [];
	readonly #path: string[] = [];
	readonly #copied = new WeakSet<object>();
	#repeatedMembers = 0;
	#problem = 'could not be read; give plain values';
	#refusal: unknown;

	constructor(names: FieldNames) {
		this.#names = names;
	}

	copy(args: unknown): unknown {
		if (typeof args !== 'object' || args === null || Array.isArray(args)) {
			this.#refuse('must be an object');
		}
		return this.#value(args, { inSettings: false, instances: true, holdsObject: true });
	}

	issues(): readonly RaisedIssue[] {
		// Only this function made it.
		if (Array.isArray(this.#refusal)) return this.#refusal as RaisedIssue[];
		return [{ path: shortened(this.#path), message: this.#problem }];
	}

	#value(value: unknown, place: Place): unknown {
		// Prisma would send what `toJSON` returns instead of what the extension has looked at.
		if (typeof value === 'function') this.#refuse('must be a plain value, not a function');
		if (place.holdsObject && typeof value === 'string' && value.length > maxTextLength) {
			this.#refuse('must be an object, not a long text');
		}
		if (typeof value !== 'object' || value === null) return value;
		if (this.#parents.includes(value)) this.#refuse('must not contain itself');
		if (this.#parents.length === maxDepth) {
			this.#refuse(`must not be nested more than ${maxDepth} levels deep`);
		}
		this.#parents.push(value);
		const copy = this.#object(value, place);
		this.#parents.pop();
		return copy;
	}

	#object(value: object, place: Place): unknown {
		if (Array.isArray(value)) return this.#list(value, place);
		if (isPlainObject(value)) return this.#members(value, namesOf(value), place);
		if (!place.instances) this.#refuse('must be plain JSON, not an instance of a class');
		if (isValue(value)) {
			if (place.holdsObject) this.#refuse('must be an object with members');
			return types.isDate(value) ? new Date(value.getTime()) : value;
		}
		// Of a `Map`, a promise or an error, Prisma would read no member.
		const names = isInstance(value) ? namesOf(value) : [];
		if (names.length === 0) this.#refuse('must be a plain object');
		// It has members, which can be read by any name.
		return this.#members(value as Arguments, names, place);
	}

	#list(list: readonly unknown[], place: Place): unknown[] {
		const copy: unknown[] = [];
		this.#countRepeated(list, list.length);
		for (let index = 0; index < list.length; index += 1) {
			this.#path.push(String(index));
			// A sparse list may be longer than any memory.
			if (!(index in list)) this.#refuse('must not be left out of a list');
			copy.push(this.#value(list[index], place));
			this.#path.pop();
		}
		return copy;
	}

	#members(object: Arguments, names: readonly string[], place: Place): Arguments {
		const copy: Arguments = {};
		this.#countRepeated(object, names.length);
		for (const name of names) {
			this.#path.push(name);
			if (reservedNames.has(name)) this.#refuse('is a name that arguments cannot have');
			const member = object[name];
			if (name === refusalArgument) this.#refuseAs(member);
			// To leave a member out is all that it says.
			if (!isSkip(member)) copy[name] = this.#member(member, name, place);
			this.#path.pop();
		}
		return copy;
	}

	#member(member: unknown, name: string, place: Place): unknown {
		if (place.inSettings) return this.#value(member, { ...place, holdsObject: false });
		const { relations, columns, json } = this.#names;
		if (name === 'settings' && !relations.has(name)) {
			const instances = columns.has(name);
			return this.#value(member, { inSettings: true, instances, holdsObject: false });
		}
		// The service's own JSON leads nowhere.
		if (json.has(name) && (!objectNames.has(name) || this.#isAmongFields())) return member;
		const holdsObject = relations.has(name) || (objectNames.has(name) && !columns.has(name));
		return this.#value(member, { inSettings: false, instances: true, holdsObject });
	}

	/** Whether the member that is copied is one of a row, and not of an operation, whatever its name. */
	#isAmongFields(): boolean {
		const names = this.#path.slice(0, -1).filter((name) => !/^\d+$/.test(name));
		return names.at(-1) === 'data' || names.at(-1) === 'create';
	}

	#countRepeated(object: object, members: number): void {
		if (this.#copied.has(object)) this.#repeatedMembers += members + 1;
		this.#copied.add(object);
		if (this.#repeatedMembers > maxRepeatedMembers) {
			this.#refuse(
				`must not repeat the same objects with more than ${maxRepeatedMembers} members in all`,
			);
		}
	}

	/** Arguments that were refused already, of a fluent call for one. */
	#refuseAs(refusal: unknown): never {
		this.#refusal = refusal;
		return this.#refuse('is a name that arguments cannot have');
	}

	#refuse(problem: string): never {
		this.#problem = problem;
		throw new Error(problem);
	}
}

/** Whether it is of a class that is neither JavaScript's own nor asks to be sent as something else. */
function isInstance(value: object): boolean {
	return Object.prototype.toString.call(value) === '[object Object]' && !('toJSON' in value);
}

/** Inherited members too, because Prisma reads them. */
function namesOf(value: object): string[] {
	const names: string[] = [];
	for (const name in value) names.push(name);
	return names;
}

/** Dates, bytes, decimals, `Prisma.DbNull` and its like, and references to fields: Prisma sends each as one value. */
export function isValue(value: object): boolean {
	if (types.isDate(value) || ArrayBuffer.isView(value)) return true;
	const { toFixed, s, e, d, _toGraphQLInputType: reference } = value as Arguments;
	return (
		(value as Record<symbol, unknown>)[Symbol.for('prisma.objectEnumValue')] === true ||
		(typeof toFixed === 'function' &&
			typeof s === 'number' &&
			typeof e === 'number' &&
			Array.isArray(d)) ||
		(typeof reference === 'function' && Object.keys(value).join() === fieldReference)
	);
}

/** The members of what `prisma.destination.fields` holds. */
const fieldReference = 'modelName,name,typeName,isList,isEnum';

/** `Prisma.skip`, of whichever copy of Prisma. */
function isSkip(value: unknown): boolean {
	return (
		typeof value === 'object' &&
		value !== null &&
		!isPlainObject(value) &&
		Object.keys(value).length === 0 &&
		'ifUndefined' in value
	);
}

/** Settings as every other refusal names them, and nothing inside: a secret may stand where a name is expected. */
function shortened(path: readonly string[]): string[] {
	const settings = path.indexOf('settings');
	return settings === -1 ? path.slice(0, 5) : ['settings'];
}
