import {
	type CatalogKind,
	type CatalogObject,
	type FoundObject,
	identityOf,
	sameDefinition,
	switchedTo,
} from './catalog.ts';
import { ownObjects, tableOf } from './expected-objects.ts';
import { type Finding, failure, finding, ok, type Severity } from './finding.ts';
import { compareGrants } from './grants.ts';
import type { MadeObject } from './manifest.ts';
import { ownerOf, repair } from './repair.ts';

/** What an object that no migration made means; of grants see `compareGrants`. */
const ofExtra: Partial<Record<CatalogKind, Severity>> = {
	// Permissive policies add up, so one more opens the table; a restrictive one hides rows.
	policy: 'failure',
	rule: 'failure',
	trigger: 'warning',
	constraint: 'warning',
	function: 'warning',
	column: 'warning',
	index: 'note',
	storage: 'note',
};

/** Compares what there is with what the migrations make. Everybody may read the catalog. */
export function checkSchema(
	catalog: readonly FoundObject[],
	pending: ReadonlySet<string> | undefined,
	logins: readonly string[],
): Finding[] {
	const { expected, found } = ownObjects(catalog);
	const owner = ownerOf(found) ?? 'CURRENT_USER';
	const byIdentity = new Map(found.map((object) => [identityOf(object), object]));
	const known = new Set(expected.map(identityOf));
	const absent = new Set(
		expected
			.filter((object) => isContainer(object) && !byIdentity.has(identityOf(object)))
			.map(({ of }) => of),
	);
	const findings: Finding[] = [];
	const fine = new Map<CatalogKind, number>();
	for (const object of expected) {
		// The part of migrations reports what is pending, that of the table what is missing with it.
		if (pending?.has(object.migration) || (!isContainer(object) && isWithin(object, absent)))
			continue;
		const is = byIdentity.get(identityOf(object));
		const wrong =
			object.kind === 'grant'
				? compareGrants(object, is, logins)
				: compare(object, is, owner, expected).map((wrong) => doubted(wrong, object, pending));
		if (wrong.length === 0) fine.set(object.kind, (fine.get(object.kind) ?? 0) + 1);
		findings.push(...wrong);
	}
	for (const object of found) {
		if (object.kind === 'function' && !hasPath(object)) findings.push(pathless(object));
		if (known.has(identityOf(object))) continue;
		// Of a function that should not be there, its own line is enough.
		const ofFunction = object.of.startsWith('function ') && !known.has(object.of);
		if (object.kind === 'grant' && ofFunction) continue;
		if (object.kind === 'grant') findings.push(...compareGrants(undefined, object, logins));
		else findings.push(...extra(object, owner));
	}
	return [...fineFindings(fine), ...findings, ...foreignOwners(found, expected, owner)];
}

/**
 * The one path that a function may have: a name is looked up in PostgreSQL's own schema first. With an empty one, types and
 * tables would be looked up in the caller's temporary schema first.
 */
const path = "SET search_path TO 'pg_catalog', 'pg_temp'";

/** What precedes a function's body, line by line. */
function headOf({ definition }: CatalogObject): string[] {
	const lines = definition.split('\n');
	return lines.slice(
		0,
		lines.findIndex((line) => line.startsWith('AS ')),
	);
}

function hasPath(object: CatalogObject): boolean {
	return headOf(object).some((line) => line.trim() === path);
}

/** The rule of the path is one of its own, so that a manifest with the same mistake hides nothing. */
function withPath<Found extends CatalogObject>(object: Found): Found {
	if (object.kind !== 'function') return object;
	const head = headOf(object);
	const rest = object.definition.split('\n').slice(head.length);
	const others = head.filter((line) => !line.trim().startsWith('SET search_path '));
	return { ...object, definition: [...others, ...rest].join('\n') };
}

function pathless({ of }: FoundObject): Finding {
	return failure(
		`function ${of} looks names up where its caller says, in the schema pg_temp of the session or by its path`,
		{
			fix: 'What a tenant leaves there runs as whoever runs the function, the owner of the tables included:',
			sql: `ALTER FUNCTION ${of} SET search_path = pg_catalog, pg_temp;`,
		},
	);
}

function fineFindings(fine: ReadonlyMap<CatalogKind, number>): Finding[] {
	const parts = [...fine].map(([kind, count]) => `${count} ${pluralOf(kind)}`);
	return parts.length === 0 ? [] : [ok(`As the migrations make them: ${parts.join(', ')}`)];
}

function pluralOf(kind: CatalogKind): string {
	const plurals: Partial<Record<CatalogKind, string>> = {
		grant: 'grants of roles',
		index: 'indexes',
		policy: 'policies',
		'row level security': 'times row level security',
		storage: 'storage options',
		table: 'tables and sequences',
	};
	return plurals[kind] ?? `${kind}s`;
}

function isContainer({ kind }: CatalogObject): boolean {
	return kind === 'table' || kind === 'function';
}

function isWithin(object: CatalogObject, absent: ReadonlySet<string>): boolean {
	return absent.has(tableOf(object) ?? '') || absent.has(object.of.replace(/^function /, ''));
}

function compare(
	object: MadeObject,
	is: FoundObject | undefined,
	owner: string,
	expected: readonly CatalogObject[],
): Finding[] {
	if (is !== undefined && sameDefinition(withPath(is), withPath(object))) return [];
	const severity = object.kind === 'storage' ? 'note' : 'failure';
	const difference = is === undefined ? 'is missing' : differenceOf(withPath(object), withPath(is));
	const message = `${nameOf(object)} ${difference}`;
	if (object.kind === 'table') {
		return [
			failure(message, {
				fix: `Restore it from a backup: it was made by ${object.migration}, which does not run twice.`,
			}),
		];
	}
	const grants = is === undefined && object.kind === 'function' ? grantsOf(object, expected) : [];
	const sql = [repair(object, is, owner), ...grants].join('\n');
	return [finding(severity, message, { fix: `Make it again, as ${object.migration} did:`, sql })];
}

/** Where nobody knows which migrations ran, the next one may bring what is missing, and fail if it is there. */
function doubted(wrong: Finding, { migration }: MadeObject, pending: unknown): Finding {
	if (pending !== undefined) return wrong;
	return {
		...wrong,
		fix: `If ${migration} has not run, that is all (npx prisma migrate status shows it). If it has: ${wrong.fix}`,
	};
}

/** A new function is everybody's. */
function grantsOf({ of }: CatalogObject, expected: readonly CatalogObject[]): string[] {
	const given = expected.filter((other) => other.kind === 'grant' && other.of === `function ${of}`);
	return [
		`REVOKE ALL ON FUNCTION ${of} FROM PUBLIC;`,
		...given.map(({ definition, name }) => `GRANT ${definition} ON FUNCTION ${of} TO ${name};`),
	];
}

function nameOf({ kind, of, name }: CatalogObject): string {
	return name === '' ? `${kind} ${of}` : `${kind} ${name} of ${of}`;
}

const shownLength = 160;

function differenceOf(expected: CatalogObject, is: CatalogObject): string {
	if (is.kind === 'index' && is.definition === `${expected.definition} INVALID`) {
		return 'is invalid: building it was interrupted, so it costs every write and serves no query';
	}
	const state = switchedTo(expected, is);
	if (state !== undefined) return `is ${state.toLowerCase()}`;
	const lines = is.definition.split('\n');
	const wanted = expected.definition.split('\n');
	const at = lines.findIndex((line, index) => line !== wanted[index]);
	const line = (at === -1 ? 'it ends sooner' : lines[at]?.trim()) ?? '';
	const shown = line.length > shownLength ? `${line.slice(0, shownLength)}…` : line;
	return `is not what it was: ${is.kind === 'function' ? `from line ${at + 1} on it has ` : ''}${shown}`;
}

function extra(object: FoundObject, owner: string): Finding[] {
	const severity = ofExtra[object.kind] ?? 'warning';
	const sql = repair(undefined, object, owner);
	const invalid = object.kind === 'index' && object.definition.endsWith(' INVALID');
	if (invalid) {
		return [
			finding('warning', `${nameOf(object)} is invalid, and no migration made it`, {
				fix: 'It costs every write and serves no query:',
				sql,
			}),
		];
	}
	const message = `${nameOf(object)} was made by no migration: ${object.definition.split('\n', 1)[0]}`;
	if (object.kind === 'column') {
		return [
			finding(severity, message, {
				fix: 'Keep what is your own in a table of your own: a later migration may take the name.',
			}),
		];
	}
	if (severity === 'note') return [finding(severity, message, {})];
	return [finding(severity, message, { fix: 'Unless it is meant to be there:', sql })];
}

/** Functions that write the log do so as their owner, who must be the tables'. */
function foreignOwners(
	found: readonly FoundObject[],
	expected: readonly CatalogObject[],
	owner: string,
): Finding[] {
	const made = new Set(expected.map(identityOf));
	return found
		.filter(({ kind }) => kind === 'table' || kind === 'function')
		.filter((object) => made.has(identityOf(object)) && object.owner !== owner)
		.map((object) => {
			const sort = object.definition === 'SEQUENCE' ? 'sequence' : object.kind;
			return failure(
				`${sort} ${object.of} belongs to ${object.owner}, and public.destinations to ${owner}`,
				{
					fix: 'What the triggers write, they write as one owner:',
					sql: `ALTER ${sort.toUpperCase()} ${object.of} OWNER TO ${owner};`,
				},
			);
		});
}
