import { isDeepStrictEqual } from 'node:util';
import type { Scope } from '../../database/scope.ts';

/** Which settings an update changes, for the log: it sees ciphertext, and cannot know. */
export interface SettingsChange {
	readonly id: string;
	/** The version that is changed. At any other the database takes no notice of this. */
	readonly version: number;
	readonly fields: readonly string[];
}

/** The names of the settings that differ. */
export function changedFields(before: object, after: object): string[] {
	const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
	const names = new Set([...old.keys(), ...now.keys()]);
	return [...names].filter((name) => !isDeepStrictEqual(old.get(name), now.get(name))).sort();
}

/** What a copy is of, for the log. */
export interface Copy {
	/** Of the copy. */
	readonly id: string;
	/** Of the original. */
	readonly from: string;
}

/** The scope, with the change in its claims: they are sent along anyway, so it costs no round trip. */
export function withSettingsChange(scope: Scope, change: SettingsChange): Scope {
	return withClaim(scope, { settings_change: change });
}

/** The scope, with what is copied in its claims. */
export function withCopy(scope: Scope, copy: Copy): Scope {
	return withClaim(scope, { copied_from: copy });
}

/** Behind those that are there, whose order the policies go by. */
function withClaim(scope: Scope, claim: object): Scope {
	// Claims are an object that has a role.
	return { ...scope, claims: `${scope.claims.slice(0, -1)},${JSON.stringify(claim).slice(1)}` };
}
