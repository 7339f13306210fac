import { canonicalId } from '../../ids/canonical-id.ts';
import { type Arguments, asObject } from './arguments.ts';
import { isDestination, type Model } from './models.ts';
import type { LookUp } from './seal.ts';

/** The id by which an operation upserts a destination, if it does. */
export function idOfUpsert(
	{ model, operation }: { readonly model: Model; readonly operation: string },
	args: Arguments,
): string | undefined {
	if (!isDestination(model) || operation !== 'upsert') return undefined;
	const id = asObject(args.where)?.id;
	return typeof id === 'string' ? canonicalId(id) : undefined;
}

/**
 * Whether an upsert failed because it found no row, and another call has created it since. A deleted row of
 * the id, a row of another organization, and one of the same organization, type and environment are not seen.
 */
export async function isTaken(
	error: unknown,
	ids: readonly string[],
	lookUp: LookUp,
): Promise<boolean> {
	if (ids.length === 0 || !(error instanceof Error)) return false;
	if (!('code' in error) || error.code !== 'P2002') return false;
	try {
		return (await lookUp(ids)).length > 0;
	} catch {
		return false;
	}
}

/** What no stored row has: the database counts from 1, whatever is inserted. */
const noVersion = 0;

/**
 * Rewrites an upsert so that it writes no settings to a row that appears after the look-up: they are compared
 * with those that the row has, for which it must be looked up. Such a row makes the upsert fail, or find
 * nothing, instead.
 *
 * @param existing ids of rows that were looked up and are there.
 */
export function onlyKnownRow(args: Arguments, existing: ReadonlySet<string>): void {
	const { where, create, update } = partsOf(args);
	if (update.settings === undefined || existing.has(canonicalId(String(where.id)))) return;
	// One with an id of its own would be created beside it.
	if (create.id !== where.id || where.version !== undefined) return;
	where.version = noVersion;
	create.version = noVersion;
}

/**
 * Rewrites an upsert so that Prisma sends it as `INSERT … ON CONFLICT ("id") DO UPDATE … WHERE`, where it can.
 * Prisma does so where nothing but one table is written and read, and the new row has each value of the filter:
 * https://www.prisma.io/docs/orm/reference/prisma-client-reference#database-upserts
 *
 * A row of this id that the filter does not find stays as it is, the result is null, and the transaction
 * goes on.
 */
export function asOneStatement(model: Model, args: Arguments): void {
	const { where, create, update } = partsOf(args);
	if (isEmpty(update) || reachesRelations(model, args)) return;
	// Row level security refuses a conflict with another organization's row by an error, unless the filter
	// has left it out.
	const added = { deletedAt: null, organizationId: create.organizationId };
	if (!agrees({ ...added, ...where }, { ...create, ...added })) return;
	Object.assign(where, added);
	Object.assign(create, added);
}

/** What is not an object is left for Prisma to refuse. */
function partsOf(args: Arguments): Record<'where' | 'create' | 'update', Arguments> {
	const { where, create, update } = args;
	return {
		where: asObject(where) ?? {},
		create: asObject(create) ?? {},
		update: asObject(update) ?? {},
	};
}

/** Whether the values have each value of the filter. Prisma leaves out what is undefined. */
function agrees(filter: Arguments, values: Arguments): boolean {
	return Object.entries(filter).every(
		([name, value]) => value === undefined || values[name] === value,
	);
}

function isEmpty(data: Arguments): boolean {
	return Object.values(data).every((value) => value === undefined);
}

/** Whether an operation reads or writes more than one table, which takes several statements. */
export function reachesRelations(
	model: Model,
	{ include, select, data, create, update }: Arguments,
): boolean {
	const names = [...Object.keys(model.relations), '_count'];
	return (
		include !== undefined ||
		[select, data, create, update].some((part) =>
			names.some((name) => asObject(part)?.[name] !== undefined),
		)
	);
}
