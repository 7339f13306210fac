import { isPlainObject } from './plain-object.ts';

/** The most own keys that are looked at. No input of this package has half as many. */
const MAX_FIELDS = 50;

/** The own fields of a plain object, or why the value has none to read. */
export type PlainFields =
	| { readonly fields: Record<string, unknown> }
	| { readonly problem: string };

/**
 * Copies the own fields of a plain object, one level deep, without running any code of the object's. What is
 * validated afterwards is the copy, so a getter or a Proxy cannot show one value to the validation and another
 * to the encryption. Fields that are `undefined` count as left out, as in JSON.
 *
 * Never throws, whatever it is given.
 */
export function plainFields(input: unknown): PlainFields {
	if (input === undefined) {
		return { problem: 'is required' };
	}
	try {
		return isPlainObject(input) ? copyFields(input) : { problem: 'must be a plain object' };
	} catch {
		// A Proxy's trap threw. Its error is not passed on, because anything may be written in it.
		return { problem: 'must be a plain object' };
	}
}

function copyFields(input: object): PlainFields {
	const keys = Reflect.ownKeys(input);
	if (keys.length > MAX_FIELDS) {
		return { problem: `must not have more than ${MAX_FIELDS} fields` };
	}
	const fields: Record<string, unknown> = {};
	for (const key of keys) {
		const property = Object.getOwnPropertyDescriptor(input, key);
		if (typeof key === 'symbol' || property === undefined || !('value' in property)) {
			return { problem: 'must have plain values only, without getters and symbols' };
		}
		// Assigning it would change the copy's prototype, and zod passes over it.
		if (key === '__proto__') {
			return { problem: 'must not have a field named __proto__' };
		}
		if (property.enumerable && property.value !== undefined) {
			fields[key] = property.value;
		}
	}
	return { fields };
}
