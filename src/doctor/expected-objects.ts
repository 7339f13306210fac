import { type CatalogObject, type FoundObject, identityOf } from './catalog.ts';
import { citusObjects, type MadeObject, manifest } from './manifest.ts';

/** Tables of the platform, which the migrations make only where they are missing. */
const platformTables = ['public.organizations', 'public.users'];

/** Kinds that are looked at in another way: roles belong to the server, and a comment is only a mark. */
const apart = new Set<CatalogObject['kind']>(['role', 'comment']);

/** Schema `auth` is Supabase's where there is one, and nothing of this package calls it. */
const elsewhere = /^(function |schema )?auth\b|^schema /;

const ownKinds = ({ kind, of }: CatalogObject) => !apart.has(kind) && !elsewhere.test(of);

const made = manifest.objects.filter(ownKinds);

/** The same after prisma/scale/citus.sql. */
const madeWithCitus = [
	...made.filter((object) => {
		const others = [...citusObjects.absent, ...citusObjects.objects.map(identityOf)];
		return !others.includes(identityOf(object));
	}),
	...citusObjects.objects.filter(ownKinds),
];

/** Whether the tables are distributed: prisma/scale/citus.sql made a function that no migration makes. */
function isDistributed(found: readonly CatalogObject[]): boolean {
	return found.some(
		({ kind, of }) => kind === 'function' && of.startsWith('public.destinations_changed_here('),
	);
}

/** Roles that the migrations create where they are missing. */
export const madeRoles = manifest.objects
	.filter(({ kind }) => kind === 'role')
	.map(({ name }) => name);

/** Names of the tables and functions to look at. */
export const lookedAt = [
	...new Set(
		[...made, ...citusObjects.objects]
			.filter(({ kind }) => kind === 'table' || kind === 'function')
			.map(({ of }) => of.replace(/\(.*/, '')),
	),
];

/** The table that an object belongs to, or is; undefined for functions. */
export function tableOf({ kind, of }: CatalogObject): string | undefined {
	if (kind === 'function') return undefined;
	if (kind !== 'grant') return of;
	return /^(?:table|sequence) (.*)$/.exec(of)?.[1];
}

/** Platform tables that somebody else made: only what is granted on them concerns this package. */
export function foreignTables(found: readonly FoundObject[]): string[] {
	const marked = (objects: readonly CatalogObject[], table: string) =>
		objects.find(({ kind, of }) => kind === 'comment' && of === table)?.definition;
	return platformTables.filter(
		(table) =>
			found.some(({ kind, of }) => kind === 'table' && of === table) &&
			marked(found, table) !== marked(manifest.objects, table),
	);
}

/** What there should be, and what there is, of everything that is this package's own. */
export function ownObjects(found: readonly FoundObject[]): {
	readonly expected: MadeObject[];
	readonly found: FoundObject[];
} {
	const foreign = foreignTables(found);
	const own = (object: CatalogObject) => !foreign.includes(tableOf(object) ?? '');
	return {
		expected: (isDistributed(found) ? madeWithCitus : made).filter(own),
		found: found.filter((object) => own(object) && !apart.has(object.kind)),
	};
}
