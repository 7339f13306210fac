import type { z } from 'zod';
import { type RaisedIssue, ValidationError } from '../errors.ts';
import { type Checked, check, type UnknownField, unknownField } from '../input/issues.ts';
import { plainFields } from '../input/plain-fields.ts';
import type { CreateDestinationInputOf, UpdateDestinationInput } from './destination.ts';
import { kindOfRefusal } from './fields.ts';
import { createFields, fixedFields, updateFields } from './input-schemas.ts';
import {
	type DestinationType,
	destinationTypes,
	isDestinationType,
	localSettingsOf,
	requiredConsentOf,
	type SettingsOf,
	settingsSchemas,
} from './registry.ts';
import { Environment } from './vocabulary.ts';

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
 * copy, and validating it again returns the same.
 *
 * @param type - The destination's type.
 * @param settings - Anything; a request body, say.
 * @param environment - Where it is known: only `development` may have settings that lead to a local network.
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
	environment?: Environment,
): SettingsOf<T> {
	assertKnown(type);
	// The schema of type T returns settings of type T; TypeScript does not follow that through `check`.
	return passed(settingsIssues(type, settings, environment)) as SettingsOf<T>;
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
		? settingsIssues(fields.type, settings, outer.value?.environment ?? Environment.production)
		: { issues: [] };
	const value = { ...passed(outer, inner.issues), settings: passed(inner) };
	if (isDestinationType(fields.type)) value.requiredConsent ??= requiredConsentOf(fields.type);
	// Just checked against the two schemas that the type stands for.
	return value as ValidatedCreate;
}

/**
 * Checks changes to a destination of a type, and reports everything that is wrong at once.
 *
 * @param environment - The one that it is in, where that is known.
 * @throws {ValidationError} See {@link validateSettings}; also for fields that never change.
 */
export function validateUpdate<T extends DestinationType>(
	type: T,
	changes: unknown,
	environment?: Environment,
): ValidatedUpdate<T> {
	assertKnown(type);
	const { settings, ...fields } = fieldsOf(changes);
	const outer = check(updateFields, fields, [], unknownChange);
	if (settings === undefined) {
		// Just checked against the schema that the type stands for; so below.
		return passed(outer) as ValidatedUpdate<T>;
	}
	const inner = settingsIssues(type, settings, outer.value?.environment ?? environment);
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
export function assertKnown(type: unknown): void {
	if (isDestinationType(type)) return;
	const message = `must be one of ${destinationTypes.join(', ')}`;
	const params = { allowed: destinationTypes };
	throw new ValidationError([{ path: ['type'], code: 'not_in_list', message, params }]);
}

// The settings are checked apart from the other fields, but stand beside them in the input.
const unknownInputField: UnknownField = (key, path, allowed) =>
	unknownField(key, path, [...allowed, 'settings']);

const unknownChange: UnknownField = (key, path, allowed) =>
	fixedFields.has(key)
		? { path: [...path, key], code: 'never_changes', message: 'cannot be changed by an update' }
		: unknownInputField(key, path, allowed);

/** Settings as they would be stored, or what is wrong with them. */
export function settingsIssues(
	type: DestinationType,
	settings: unknown,
	environment: Environment | undefined,
): Checked<unknown> {
	const path = ['settings'];
	const plain = plainFields(settings);
	if ('problem' in plain) return { issues: [{ path, message: plain.problem }] };
	const { shape } = settingsSchemas[type];
	const { value, issues } = check(settingsSchemas[type], plain.fields, path);
	if (value === undefined) {
		return { issues: issues.map((issue) => withReason(issue, shape, plain.fields)) };
	}
	const known = Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
	return { value: known, issues: localIssues(type, known, environment) };
}

/** Says more of a text in the wrong format, where the field knows it. */
function withReason(
	issue: RaisedIssue,
	shape: Readonly<Record<string, z.core.$ZodType>>,
	fields: Readonly<Record<string, unknown>>,
): RaisedIssue {
	const name = String(issue.path[1]);
	return issue.code === 'wrong_format'
		? { ...issue, ...kindOfRefusal(shape[name], fields[name]) }
		: issue;
}

/** Whether an environment is known to be one in which no settings may lead to a local network: any but `development`. */
export function refusesLocal(environment: Environment | undefined): boolean {
	return environment !== undefined && environment !== Environment.development;
}

/** What is wrong with settings that lead to a local network. Nothing, where their environment is not known. */
export function localIssues(
	type: DestinationType,
	settings: unknown,
	environment: Environment | undefined,
): RaisedIssue[] {
	if (!refusesLocal(environment)) return [];
	return localSettingsOf(type, settings).map((field) => ({
		path: ['settings', field],
		code: 'development_only',
		message:
			'leads to this machine or its network, which only the environment development may have',
	}));
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

function passed<V>(checked: Checked<V>, more: readonly RaisedIssue[] = []): V | undefined {
	const issues = [...checked.issues, ...more];
	if (issues.length > 0) {
		throw new ValidationError(issues);
	}
	return checked.value;
}
