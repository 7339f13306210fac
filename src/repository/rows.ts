import type { TextRow } from '../database/scoped-sql.ts';
import type { DestinationType } from '../destinations/registry.ts';

/** Conditions on live destinations. */
export interface DestinationFilter {
	readonly id?: string;
	readonly organizationId?: string | undefined;
	readonly type?: DestinationType | undefined;
	readonly environment?: string | undefined;
	readonly version?: number | undefined;
}

/** By the names of what is written and filtered by. */
export const columns = {
	id: 'id',
	organizationId: 'organization_id',
	type: 'type',
	name: 'name',
	description: 'description',
	environment: 'environment',
	settings: 'settings',
	settingsEncrypted: 'settings_encrypted',
	requiredConsent: 'required_consent',
	enabled: 'enabled',
	testMode: 'test_mode',
	createdBy: 'created_by',
	version: 'version',
} as const;
export type Column = keyof typeof columns;

/** As {@link toRow} reads them. */
export const selected = `id, organization_id, type, name, description, environment, settings, settings_encrypted,
	pg_catalog.to_json(required_consent), enabled, test_mode, last_tested_at, connection_status, last_error,
	deleted_at, version, created_at, updated_at, created_by, updated_by`;

/** Whole rows that meet {@link conditions}. */
export function select(where: string): string {
	return `SELECT ${selected} FROM public.destinations ${where}`;
}

/**
 * Rows in order. An organization has few live ones and maybe thousands deleted, which the index in this order
 * holds as well; without knowing them, Postgres would walk it to save the sort of a few rows. So these are found
 * first and sorted afterwards. Across organizations that index is what makes a page.
 */
export function newestFirst(where: string, { organizationId }: DestinationFilter): string {
	const found = select(where);
	const order = 'ORDER BY created_at DESC, id DESC';
	return organizationId === undefined
		? `${found} ${order}`
		: `WITH found AS MATERIALIZED (${found}) SELECT * FROM found ${order}`;
}

/** The filter as SQL. Its values are added to those that are there. */
export function conditions(filter: DestinationFilter, values: unknown[]): string {
	const given = definedIn(filter).map(([name, value]) => {
		const parameter = `$${values.push(value)}`;
		// Planned for any organization: of one with thousands of deleted rows Postgres expects thousands of live ones,
		// and would rather read those of everybody. None has more than one for each type and environment.
		const whose = name === 'organizationId' ? `(SELECT ${parameter}::uuid)` : parameter;
		return `${columns[name]} = ${whose}`;
	});
	return `WHERE ${[...given, 'deleted_at IS NULL'].join(' AND ')}`;
}

export function definedIn(fields: { readonly [name in Column]?: unknown }): [Column, unknown][] {
	// Callers give objects with these names alone.
	const entries = Object.entries(fields) as [Column, unknown][];
	return entries.filter(([, value]) => value !== undefined);
}

export function toRow(texts: TextRow) {
	// By the order of `selected`; what may be null is told by the schema.
	const [id, organizationId, type, name, description, environment, settings, encrypted] =
		texts as string[];
	return {
		id,
		organizationId,
		type,
		name,
		description,
		environment,
		settings: JSON.parse(settings ?? '{}') as unknown,
		settingsEncrypted: encrypted === 't',
		requiredConsent: JSON.parse(texts[8] ?? '[]') as unknown,
		enabled: texts[9] === 't',
		testMode: texts[10] === 't',
		lastTestedAt: toDate(texts[11]),
		connectionStatus: texts[12],
		lastError: texts[13],
		deletedAt: toDate(texts[14]),
		version: Number(texts[15]),
		createdAt: toDate(texts[16]),
		updatedAt: toDate(texts[17]),
		createdBy: texts[18],
		updatedBy: texts[19],
	};
}

function toDate(text: string | null | undefined): Date | null {
	return text == null ? null : new Date(text);
}
