import type { ClientBase } from 'pg';
import { catalogQuery } from './catalog-query.ts';

export type CatalogKind =
	| 'role'
	| 'table'
	| 'storage'
	| 'comment'
	| 'row level security'
	| 'column'
	| 'constraint'
	| 'index'
	| 'trigger'
	| 'rule'
	| 'policy'
	| 'function'
	| 'grant';

/** One thing that a database holds. */
export interface CatalogObject {
	readonly kind: CatalogKind;
	/** The table or function that it belongs to, or is; of a grant with its sort, as in `table public.x`. */
	readonly of: string;
	/** Its own name, of a grant the role's; empty for what has none. */
	readonly name: string;
	/** What it is, as near to SQL as Postgres prints it, and the same on every version and for every owner. */
	readonly definition: string;
}

/** What decides about an object, beside its definition. */
export interface FoundObject extends CatalogObject {
	/** Who owns it, or the table that it belongs to, as SQL writes the name; null for roles. */
	readonly owner: string | null;
}

/**
 * Reads everything about these tables and functions, by name with their schema; without names everything
 * that no Postgres has by itself, but for Prisma's own table. Everybody may read all of it. It must run
 * with an empty `search_path`, which makes Postgres write every name with its schema.
 */
export async function readCatalog(
	client: Pick<ClientBase, 'query'>,
	names?: readonly string[],
): Promise<FoundObject[]> {
	const { rows } = await client.query<FoundObject>(catalogQuery, [names ?? null]);
	return rows;
}

/** What distinguishes an object from the others. */
export function identityOf({ kind, of, name }: CatalogObject): string {
	if (kind === 'grant') return `grant on ${of} to ${name}`;
	return [kind, of, name].filter((part) => part !== '').join(' ');
}

/**
 * Whether two definitions are the same. The condition of a trigger loses the parentheses between equal
 * operators when a dump is restored: `(a OR b) OR c` comes back as `a OR b OR c`.
 */
export function sameDefinition(one: CatalogObject, other: CatalogObject): boolean {
	return plain(one) === plain(other);
}

/** How a trigger is switched where it is the expected one but for that. */
export function switchedTo(expected: CatalogObject, found: CatalogObject): string | undefined {
	const [, definition, state] = /^(.*\)) ((?:DIS|EN)ABLED.*)$/.exec(found.definition) ?? [];
	if (expected.kind !== 'trigger' || definition === undefined) return undefined;
	return sameDefinition(expected, { ...found, definition }) ? state : undefined;
}

function plain({ kind, definition }: CatalogObject): string {
	return kind === 'trigger' ? definition.replace(/[()]/g, '') : definition;
}
