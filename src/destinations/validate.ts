import { ValidationError, type ValidationIssue } from '../errors.ts';
import { type Checked, check, type UnknownField, unknownField } from '../input/issues.ts';
import { plainFields } from '../input/plain-fields.ts';
import type { CreateDestinationInputOf, UpdateDestinationInput } from './destination.ts';
import { createFields, fixedFields, updateFields } from './input-schemas.ts';
import {
	type DestinationType,
	destinationTypes,
	isDestinationType,
	type SettingsOf,
	settingsSchemas,
} from './registry.ts';

/** An input with checked settings: trimmed, defaults filled in, nothing `undefined`. */
export type ValidatedCreate = {
	[T in DestinationType]: Omit<CreateDestinationInputOf<T>, 'settings'> & {
		settings: SettingsOf<T>;
	};
}[DestinationType];

/** Changes with checked settings: trimmed, defaults filled in, nothing `undefined`. */
export type ValidatedUpdate<T extends DestinationType = DestinationType> = Omit<
	UpdateDestinationInput<T>,
	'settings'
> & { settings?: SettingsOf<T> };

/**
 * Checks settings before they are written: trims, fills in defaults, and refuses what the type does not know.
 *
 * Total: whatever comes in, either complete settings come out or a ValidationError is thrown. The result is a
 * copy, and validating it again gives the same.
 *
 * @param type - The destination's type.
 * @param settings - Anything; a request body, say.
 * @throws {ValidationError} With one issue for each thing that is wrong, each path starting with `settings`
 * (with `type`, if that is unknown). No message repeats a value.
 * @example
 * ```ts
 * import { validateSettings } from './validate.ts';
 *
 * validateSettings('posthog', { apiKey: ' phc_example ' });
 * // { apiKey: 'phc_example', host: 'https://eu.i.posthog.com', enableServerSide: true, enableClientSide: true }
 * ```
 */
export function validateSettings<T extends DestinationType>(
	type: T,
	settings: unknown,
): SettingsOf<T> {
	assertKnown(type);
	// The schema of type T gives settings of type T; TypeScript does not follow that through `check`.
	return passed(checkSettings(type, settings)) as SettingsOf<T>;
}

/**
 * Checks all of what a destination is created from, and reports everything that is wrong at once.
 *
 * @throws {ValidationError} See {@link validateSettings}.
 */
export function validateCreate(input: unknown): ValidatedCreate {
	const { settings, ...fields } = fieldsOf(input);
	const outer = check(createFields, fields, [], unknownInputField);
	// For an unknown type `outer` says so already.
	const inner = isDestinationType(fields.type)
		? checkSettings(fields.type, settings)
		: { issues: [] };
	const value = { ...passed(outer, inner.issues), settings: passed(inner) };
	// Just checked against the two schemas that the type stands for.
	return value as ValidatedCreate;
}

/**
 * Checks changes to a destination of a type, and reports everything that is wrong at once.
 *
 * @throws {ValidationError} See {@link validateSettings}; also for fields that never change.
 */
export function validateUpdate<T extends DestinationType>(
	type: T,
	changes: unknown,
): ValidatedUpdate<T> {
	assertKnown(type);
	const { settings, ...fields } = fieldsOf(changes);
	const outer = check(updateFields, fields, [], unknownChange);
	if (settings === undefined) {
		// Just checked against the schema that the type stands for; so below.
		return passed(outer) as ValidatedUpdate<T>;
	}
	const inner = checkSettings(type, settings);
	const value = { ...passed(outer, inner.issues), settings: passed(inner) };
	return value as ValidatedUpdate<T>;
}

/**
 * Checks changes without settings, which are all that depends on the type.
 *
 * @throws {ValidationError} See {@link validateUpdate}.
 */
export function validateFields(changes: unknown): Omit<ValidatedUpdate, 'settings'> {
	// Just checked against the schema that the type stands for.
	return passed(check(updateFields, fieldsOf(changes), [], unknownChange)) as ValidatedUpdate;
}

/** Callers without types may pass anything. */
function assertKnown(type: unknown): void {
	if (!isDestinationType(type)) {
		const message = `must be one of ${destinationTypes.join(', ')}`;
		throw new ValidationError([{ path: ['type'], message }]);
	}
}

// The settings are checked apart from the other fields, but stand beside them in the input.
const unknownInputField: UnknownField = (key, path, allowed) =>
	unknownField(key, path, [...allowed, 'settings']);

const unknownChange: UnknownField = (key, path, allowed) =>
	fixedFields.has(key)
		? { path: [...path, key], message: 'cannot be changed by an update' }
		: unknownInputField(key, path, allowed);

function checkSettings(type: DestinationType, settings: unknown): Checked<unknown> {
	const path = ['settings'];
	const plain = plainFields(settings);
	return 'problem' in plain
		? { issues: [{ path, message: plain.problem }] }
		: check(settingsSchemas[type], plain.fields, path);
}

/**
 * A copy of the fields of an input, which nothing of the caller's can change any more.
 *
 * @throws {ValidationError} If it is not a plain object.
 */
export function fieldsOf(input: unknown): Record<string, unknown> {
	const plain = plainFields(input);
	if ('problem' in plain) {
		throw new ValidationError([{ path: [], message: `the input ${plain.problem}` }]);
	}
	return plain.fields;
}

function passed<V>(checked: Checked<V>, more: readonly ValidationIssue[] = []): V | undefined {
	const issues = [...checked.issues, ...more];
	if (issues.length > 0) {
		throw new ValidationError(issues);
	}
	return checked.value;
}
