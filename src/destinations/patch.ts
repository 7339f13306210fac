import { type RaisedIssue, ValidationError } from '../errors.ts';
import { plainFields } from '../input/plain-fields.ts';
import type { Destination } from './destination.ts';
import { blankAsNone } from './fields.ts';
import { isMasked, mask } from './mask.ts';
import {
	type DestinationType,
	type SettingsOf,
	settingsSchemas,
	visibilityOf,
} from './registry.ts';
import { settingsIssues } from './validate.ts';

/** What a patch is laid on. */
type Stored = Pick<Destination, 'type' | 'settings' | 'environment'>;

/**
 * Stored settings with a patch on them. A member of null or empty text takes the setting away.
 *
 * Only what the patch changes is validated: members that an older, looser rule let in stay as they are, so that a
 * destination that has them can still be switched off.
 *
 * @param patch from {@link patchMembers}.
 * @throws ValidationError for what the patch itself makes wrong.
 */
export function patchedSettings(
	{ type, settings, environment }: Stored,
	patch: Readonly<Record<string, unknown>>,
	{ keepMasked }: { readonly keepMasked: boolean },
): SettingsOf<DestinationType> {
	const members = keepMasked ? withoutMasks(type, patch, settings) : patch;
	const merged: Record<string, unknown> = { ...settings };
	for (const [name, value] of Object.entries(members)) {
		if (blankAsNone(value) === undefined) delete merged[name];
		else merged[name] = value;
	}
	const { value, issues } = settingsIssues(type, merged, environment);
	if (issues.length === 0) return value as SettingsOf<DestinationType>; // just checked against its schema
	const own = [
		...unknownMembers(type, members),
		...caused(issues, settingsIssues(type, settings, environment).issues, members),
	];
	if (own.length > 0) throw new ValidationError(own);
	return { ...merged, ...normalized(type, members) } as SettingsOf<DestinationType>; // as far as its time allowed
}

/**
 * The members of a patch, copied.
 *
 * @throws ValidationError if it is not a plain object.
 */
export function patchMembers(patch: unknown): Record<string, unknown> {
	const plain = plainFields(patch);
	if ('fields' in plain) return plain.fields;
	throw new ValidationError([{ path: ['settings'], message: plain.problem }]);
}

/** Fields that there are no longer may stay or go, but not come. */
function unknownMembers(
	type: DestinationType,
	members: Readonly<Record<string, unknown>>,
): RaisedIssue[] {
	const { shape } = settingsSchemas[type];
	const given = Object.entries(members).filter(
		([name, value]) => !Object.hasOwn(shape, name) && blankAsNone(value) !== undefined,
	);
	const { issues } = settingsIssues(type, Object.fromEntries(given), undefined);
	return issues.filter(({ code }) => code === 'unknown_field');
}

/** The issues that were not there before, or that are of the patch's own members. */
function caused(
	issues: readonly RaisedIssue[],
	before: readonly RaisedIssue[],
	members: Readonly<Record<string, unknown>>,
): RaisedIssue[] {
	const key = ({ path, message }: RaisedIssue) => JSON.stringify([path, message]);
	const known = new Set(before.map(key));
	return issues.filter(
		(issue) =>
			issue.code !== 'unknown_field' &&
			(!known.has(key(issue)) || Object.hasOwn(members, String(issue.path[1]))),
	);
}

/** The members of a patch as they are stored, where each alone is right. */
function normalized(
	type: DestinationType,
	members: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
	const { shape } = settingsSchemas[type];
	const fields = Object.entries(shape).flatMap(([name, field]) => {
		const given = Object.hasOwn(members, name) ? blankAsNone(members[name]) : undefined;
		return given === undefined ? [] : [[name, field.parse(given)] as const];
	});
	return Object.fromEntries(fields);
}

/** Settings of a form in which each mask of a stored secret stands for the secret. Other masks stay, to be refused. */
export function withoutMasks(
	type: DestinationType,
	given: Readonly<Record<string, unknown>>,
	stored: object,
): Record<string, unknown> {
	const visibility = visibilityOf(type);
	const secrets = new Map<string, unknown>(Object.entries(stored));
	const entries = Object.entries(given).map(([name, value]) => {
		const secret = secrets.get(name);
		const isUnchanged =
			visibility[name] === 'secret' &&
			typeof value === 'string' &&
			isMasked(value.trim()) &&
			secret !== undefined &&
			value.trim() === mask(secret);
		return [name, isUnchanged ? secret : value] as const;
	});
	return Object.fromEntries(entries);
}
