import { isDeepStrictEqual } from 'node:util';
import { checkUuid } from '../database/scope.ts';
import type { Destination } from '../destinations/destination.ts';
import { changeableFields } from '../destinations/input-schemas.ts';
import { redactSettings } from '../destinations/redact.ts';
import { uuid } from '../input/checks.ts';
import { checkOptions, optionsOf } from '../input/options.ts';
import { changesBackTo } from './audit/revert.ts';
import { findExisting } from './existing.ts';
import { type OrganizationOptions, organizationOptions, toolsFor } from './organization.ts';
import type { RepositoryTools } from './tools.ts';
import { versionNumber } from './version-number.ts';

/** A destination as it was at a version. Its id alone, or no `version`, means: as it is now. */
export type DestinationAt =
	| string
	| {
			/** UUID. */
			readonly id: string;
			/** @defaultValue the present one */
			readonly version?: number | undefined;
	  };

/** A field or a setting in which two destinations differ. */
export interface DestinationDifference {
	/** Where the difference is: `['name']`, or `['settings', 'host']`. */
	readonly path: readonly string[];
	/** Whether it is a secret. Then `a` and `b` are left out. */
	readonly secret: boolean;
	/** The value of the first. Left out for a secret, and if the first has no value. */
	readonly a?: unknown;
	/** The value of the second. Left out for a secret, and if the second has no value. */
	readonly b?: unknown;
}

/** The fields that are compared, besides settings. */
const compared = ['type', ...changeableFields];

const place = optionsOf({ id: uuid, version: versionNumber.optional() });

/** What of two destinations, or versions of one, is compared. */
type State = Pick<Destination, 'type'> & { readonly settings: object };

/** Finds destinations as they are, or were, and compares them. */
export async function differences(
	tools: RepositoryTools,
	[a, b]: readonly [DestinationAt, DestinationAt],
	options: OrganizationOptions,
): Promise<DestinationDifference[]> {
	const ofOne = toolsFor(tools, checkOptions(organizationOptions, options));
	placeOf('b', b);
	return differencesBetween(await stateAt(ofOne, 'a', a), await stateAt(ofOne, 'b', b));
}

/** A destination as it is, or was. */
export async function stateAt(
	{ table, statements, encryption }: Pick<RepositoryTools, 'table' | 'statements' | 'encryption'>,
	name: 'a' | 'b',
	at: DestinationAt,
): Promise<State> {
	const { id, version } = placeOf(name, at);
	const current = await findExisting(table, id);
	if (version === undefined) return current;
	return { ...current, ...(await changesBackTo(statements, encryption, current, version)) };
}

export function differencesBetween(first: State, second: State): DestinationDifference[] {
	return [...differentFields(first, second), ...differentSettings(first, second)];
}

function placeOf(name: 'a' | 'b', given: DestinationAt): { id: string; version?: number } {
	if (typeof given === 'string') return { id: checkUuid(name, given) };
	const { id, version } = checkOptions(place, given, [name]);
	return { id, ...(version !== undefined && { version }) };
}

function differentFields(first: State, second: State): DestinationDifference[] {
	const [before, after] = [membersOf(first), membersOf(second)];
	return compared.flatMap((name) => {
		const [a, b] = [before.get(name), after.get(name)];
		return isDeepStrictEqual(a, b) ? [] : [{ path: [name], secret: false, a, b }];
	});
}

function differentSettings(first: State, second: State): DestinationDifference[] {
	const [before, after] = [membersOf(first.settings), membersOf(second.settings)];
	const names = new Set([...before.keys(), ...after.keys()]);
	const [a, b] = [shownOf(first), shownOf(second)];
	return [...names].flatMap((name) => {
		if (isDeepStrictEqual(before.get(name), after.get(name))) return [];
		const secret = isHidden(before, a, name) || isHidden(after, b, name);
		const values = secret ? {} : { ...shownValue('a', a, name), ...shownValue('b', b, name) };
		return [{ path: ['settings', name], secret, ...values }];
	});
}

function membersOf(object: object): Map<string, unknown> {
	return new Map(Object.entries(object));
}

/** What lists show of settings. */
function shownOf({ type, settings }: State): Map<string, unknown> {
	return membersOf(redactSettings(type, settings));
}

/** Whether lists do not show a setting as it is. */
function isHidden(settings: Map<string, unknown>, shown: Map<string, unknown>, name: string) {
	return settings.has(name) && shown.get(name) !== settings.get(name);
}

function shownValue(as: 'a' | 'b', shown: Map<string, unknown>, name: string): object {
	return shown.has(name) ? { [as]: shown.get(name) } : {};
}
