import { parse as parseArray } from 'postgres-array';
import type { TextRow } from '../database/scoped-sql.ts';
import {
	type ColumnKind,
	columnKinds,
	columnName,
	type Field,
	fields,
} from '../destinations/columns.ts';
import type { DestinationOrder } from '../destinations/list-query.ts';
import type { DestinationType } from '../destinations/registry.ts';
import { orderOf } from './list-order.ts';

/** Conditions on live destinations. */
export interface DestinationFilter {
	readonly id?: string;
	readonly organizationId?: string | undefined;
	readonly type?: DestinationType | undefined;
	readonly environment?: string | undefined;
	readonly version?: number | undefined;
	readonly enabled?: boolean | undefined;
	readonly connectionStatus?: string | undefined;
	/** A part of the name, in either case. */
	readonly name?: string | undefined;
}

/** As {@link toRow} reads them. */
export const selected = fields.map(columnName).join(', ');

/** Whole rows that meet {@link conditions}. */
export function select(where: string): string {
	return `SELECT ${selected} FROM public.destinations ${where}`;
}

/**
 * Rows in order. An organization has few live ones and maybe thousands deleted, which the index by age
 * holds as well; without knowing them, Postgres would walk it to save the sort of a few rows. So these are found
 * first and sorted afterwards. Across organizations that index is what makes a page.
 */
export function inOrder(
	where: string,
	{ organizationId }: DestinationFilter,
	wanted: DestinationOrder,
): string {
	const found = select(where);
	const { by, direction } = orderOf(wanted);
	const order = `ORDER BY ${by} ${direction}, id ${direction}`;
	return organizationId === undefined
		? `${found} ${order}`
		: `WITH found AS MATERIALIZED (${found}) SELECT * FROM found ${order}`;
}

/** The filter as SQL. Its values are added to those that are there. */
export function conditions(filter: DestinationFilter, values: unknown[]): string {
	const given = definedIn(filter).map(([field, value]) => {
		const parameter = `$${values.push(value)}`;
		if (field === 'name') {
			// Not LIKE, to which some characters mean others.
			return `pg_catalog.strpos(pg_catalog.lower(name), pg_catalog.lower(${parameter}::text)) > 0`;
		}
		return `${columnName(field)} = ${parameter}`;
	});
	return `WHERE ${[...given, 'deleted_at IS NULL'].join(' AND ')}`;
}

export function definedIn(row: { readonly [field in Field]?: unknown }): [Field, unknown][] {
	// Callers give objects with these names alone.
	const entries = Object.entries(row) as [Field, unknown][];
	return entries.filter(([, value]) => value !== undefined);
}

const readers: Readonly<Record<ColumnKind, (text: string) => unknown>> = {
	text: (text) => text,
	boolean: (text) => text === 't',
	integer: Number,
	time: (text) => new Date(text),
	json: (text) => JSON.parse(text),
	list: (text) => parseArray(text),
};
const selectedFields = fields.map((field) => [field, readers[columnKinds[field]]] as const);

/** By the order of {@link selected}. */
export function toRow(texts: TextRow): Record<string, unknown> {
	const row: Record<string, unknown> = {};
	let index = 0;
	for (const [field, read] of selectedFields) {
		const text = texts[index++] ?? null;
		row[field] = text === null ? null : read(text);
	}
	return row;
}
