import { ValidationError } from '../errors.ts';
import { isPlainObject } from '../input/plain-object.ts';

/** The largest settings that are encrypted, in bytes of JSON. Real ones have a few hundred. */
const maxSettingsBytes = 64 * 1024;
const maxDepth = 32;

type Path = readonly (string | number)[];

/**
 * Writes settings as JSON, and refuses whatever JSON would change or Postgres would not take, so that
 * what is read back is what was given. Members that are `undefined` are left out, as JSON does.
 *
 * @throws ValidationError with the place, without the value.
 */
export function settingsToJson(settings: unknown): string {
	const path: Path = ['settings'];
	if (!isPlainObject(settings)) throw refusal(path, 'must be an object');
	const budget = { left: maxSettingsBytes };
	const json = JSON.stringify(copyObject(settings, path, budget, []));
	if (Buffer.byteLength(json) > maxSettingsBytes) throw tooLarge();
	return json;
}

/** The settings in a JSON text; undefined where there are none, such as in a list. */
export function settingsFromJson(json: string): Record<string, unknown> | undefined {
	try {
		const settings: unknown = JSON.parse(json);
		return isPlainObject(settings) ? settings : undefined;
	} catch {
		// The error of JSON.parse quotes the text.
	}
	return undefined;
}

interface Budget {
	left: number;
}

/** A copy is made so that a getter or `toJSON` cannot give another value to JSON than was checked. */
function copyValue(
	value: unknown,
	path: Path,
	budget: Budget,
	parents: readonly object[],
): unknown {
	spend(budget, 1);
	switch (typeof value) {
		case 'string':
			return checkString(value, path, budget);
		case 'number':
			if (!Number.isFinite(value)) throw refusal(path, 'must be a finite number');
			return value;
		case 'boolean':
			return value;
		case 'object':
			if (value === null) return null;
			if (parents.includes(value)) throw refusal(path, 'must not contain itself');
			if (parents.length >= maxDepth) {
				throw refusal(path, `must not be nested more than ${maxDepth} levels deep`);
			}
			if (Array.isArray(value)) {
				// `Array.from` also visits holes, which JSON would turn into null.
				return Array.from(value, (item, index) =>
					copyValue(item, [...path, index], budget, [...parents, value]),
				);
			}
			if (isPlainObject(value)) return copyObject(value, path, budget, parents);
			throw refusal(path, 'must be plain JSON, not an instance of a class');
		default:
			throw refusal(path, `must be plain JSON, not ${typeof value}`);
	}
}

function copyObject(
	object: Record<string, unknown>,
	path: Path,
	budget: Budget,
	parents: readonly object[],
): Record<string, unknown> {
	const copy: Record<string, unknown> = {};
	for (const key of Object.keys(object)) {
		if (key === '__proto__') throw refusal(path, 'must not have a member called __proto__');
		checkString(key, path, budget);
		const value = object[key];
		if (value === undefined) continue;
		copy[key] = copyValue(value, [...path, key], budget, [...parents, object]);
	}
	return copy;
}

function checkString(text: string, path: Path, budget: Budget): string {
	spend(budget, text.length);
	if (text.includes('\u0000')) throw refusal(path, 'must not contain the character U+0000');
	if (!text.isWellFormed()) throw refusal(path, 'must not contain half of a surrogate pair');
	return text;
}

/** Counts while walking, so that a huge value is refused before it is copied. */
function spend(budget: Budget, bytes: number): void {
	budget.left -= bytes;
	if (budget.left < 0) throw tooLarge();
}

function refusal(path: Path, message: string): ValidationError {
	return new ValidationError([{ path, message }]);
}

function tooLarge(): ValidationError {
	return refusal(['settings'], `must not exceed ${maxSettingsBytes} bytes of JSON`);
}
