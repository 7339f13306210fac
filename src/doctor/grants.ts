import type { CatalogObject } from './catalog.ts';
import { type Finding, failure, finding } from './finding.ts';

/** Roles that everybody who connects may be. */
const reachable = ['authenticated', 'service_role', 'destinations_loader', 'anon', 'PUBLIC'];

/**
 * What a role may do with an object, against what it should. More than intended is a failure where
 * somebody who connects has it, and needs a second look where another role does.
 */
export function compareGrants(
	expected: CatalogObject | undefined,
	found: CatalogObject | undefined,
	logins: readonly string[],
): Finding[] {
	const { of, name } = expected ?? found ?? { of: '', name: '' };
	const wanted = privilegesIn(expected?.definition ?? '');
	const given = privilegesIn(found?.definition ?? '');
	const missing = asList(without(wanted, given));
	const more = asList(without(given, wanted));
	const findings: Finding[] = [];
	if (more !== '') {
		const dangerous = reachable.includes(name) || logins.includes(name);
		findings.push(
			finding(dangerous ? 'failure' : 'warning', `${name} may ${more} on ${of}`, {
				fix: dangerous ? 'Nothing of this package needs it:' : 'Unless it is meant to:',
				sql: `REVOKE ${more} ON ${of} FROM ${name};${again(given, wanted, of, name)}`,
			}),
		);
	}
	const passedOn = asList(
		[...privilegesIn(found?.definition ?? '', true)].filter((p) => wanted.has(p)),
	);
	if (passedOn !== '') {
		findings.push(
			failure(`${name} may pass on ${passedOn} on ${of}`, {
				fix: 'Nothing of this package needs it; whoever got it from there loses it:',
				sql: `REVOKE GRANT OPTION FOR ${passedOn} ON ${of} FROM ${name} CASCADE;`,
			}),
		);
	}
	if (missing !== '') {
		findings.push(
			failure(`${name} may not ${missing} on ${of}`, {
				fix: 'Give it back:',
				sql: `GRANT ${missing} ON ${of} TO ${name};`,
			}),
		);
	}
	return findings;
}

/** Revoking a privilege on a table takes it from the columns, too. */
function again(given: Set<string>, wanted: Set<string>, of: string, name: string): string {
	const revoked = without(given, wanted).filter((privilege) => !privilege.includes('('));
	const lost = [...wanted].filter(
		(privilege) => given.has(privilege) && revoked.includes(bare(privilege)),
	);
	const columns = lost.filter((privilege) => privilege.includes('('));
	return columns.length === 0 ? '' : `\nGRANT ${asList(columns)} ON ${of} TO ${name};`;
}

/** The privilege without its column. */
function bare(privilege: string): string {
	return privilege.replace(/ \(.*\)$/, '');
}

/**
 * Privileges of one role on one object, each by itself: `SELECT`, or for a column `UPDATE (name)`.
 *
 * @param passedOn only those that the role may give to others.
 */
function privilegesIn(definition: string, passedOn = false): Set<string> {
	const privileges = new Set<string>();
	for (const [, privilege, grantable, columns] of definition.matchAll(
		/([A-Z]+)( WITH GRANT OPTION)?(?: \(([^)]*)\))?/g,
	)) {
		if (passedOn && grantable === undefined) continue;
		if (columns === undefined) privileges.add(`${privilege}`);
		else for (const column of columns.split(', ')) privileges.add(`${privilege} (${column})`);
	}
	return privileges;
}

/** Those of the first that the second has not. */
function without(privileges: Set<string>, others: Set<string>): string[] {
	return [...privileges].filter((privilege) => !others.has(privilege));
}

/** Puts privileges back together as GRANT and REVOKE take them: `SELECT, UPDATE (a, b)`. */
function asList(privileges: readonly string[]): string {
	const columns = new Map<string, string[]>();
	for (const text of privileges) {
		const [, column] = /\((.*)\)$/.exec(text) ?? [];
		const named = columns.get(bare(text)) ?? [];
		columns.set(bare(text), column === undefined ? named : [...named, column]);
	}
	return [...columns]
		.map(([privilege, names]) =>
			names.length === 0 ? privilege : `${privilege} (${names.join(', ')})`,
		)
		.join(', ');
}
