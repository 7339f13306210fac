import { UnsupportedError } from '../../errors.ts';
import { canonicalId } from '../../ids/canonical-id.ts';
import { type Arguments, asObject, objectsIn, textOf } from './arguments.ts';
import { isDestination, isReadOnly, type Model } from './models.ts';
import { oneDestinationWrites } from './one-destination.ts';
import { dataOfUpdate, liveFilter, type RowWriter, seeLive } from './row-writer.ts';
import { softDeleteNested } from './soft-deletes.ts';
import { rewriteWhere } from './where.ts';

/** A nested write of a relation to a list. @param organizationId the organization that new destinations belong to. */
type ListWrite = (
	rows: RowWriter,
	model: Model,
	value: unknown,
	organizationId: string | undefined,
) => void;

/** The nested writes of lists of destinations. What is not listed is refused. */
const listWrites: Readonly<Record<string, ListWrite>> = {
	create(rows, model, value, organizationId) {
		for (const data of objectsIn(value)) rows.createDestination(model, data, organizationId);
	},
	createMany(rows, model, value, organizationId) {
		for (const data of objectsIn(asObject(value)?.data)) {
			rows.createDestination(model, data, organizationId);
		}
	},
	connectOrCreate(rows, model, value, organizationId) {
		for (const args of objectsIn(value)) {
			liveFilter(model, args);
			const create = asObject(args.create);
			if (create !== undefined) rows.createDestination(model, create, organizationId);
		}
	},
	connect: (_, model, value) => seeLive(model, value),
	disconnect: (_, model, value) => seeLive(model, value),
	update(rows, model, value) {
		for (const args of objectsIn(value)) {
			const where = liveFilter(model, args);
			const data = asObject(args.data);
			if (data !== undefined) rows.updateDestination(model, data, where);
		}
	},
	upsert(rows, model, value, organizationId) {
		for (const args of objectsIn(value)) rows.upsertDestination(model, args, organizationId);
	},
	updateMany(rows, model, value) {
		for (const args of objectsIn(value)) {
			liveFilter(model, args);
			const data = asObject(args.data);
			if (data !== undefined) rows.updateDestinations(data);
		}
	},
	// `softDeleteNested` rewrites them, after the updates of the caller.
	delete() {},
	deleteMany() {},
};

/** The nested writes of lists of other rows, which may have destinations in turn. */
const otherListWrites: Readonly<Record<string, ListWrite>> = {
	create(rows, model, value) {
		for (const data of objectsIn(value)) rows.createOther(model, data);
	},
	// Its rows have columns alone.
	createMany() {},
	connectOrCreate(rows, model, value) {
		for (const args of objectsIn(value)) {
			rewriteWhere(model, args.where);
			const create = asObject(args.create);
			if (create !== undefined) rows.createOther(model, create);
		}
	},
	connect: seeFilters,
	disconnect: seeFilters,
	set: seeFilters,
	update(rows, model, value) {
		for (const args of objectsIn(value)) {
			rewriteWhere(model, args.where);
			const data = asObject(args.data);
			if (data !== undefined) rows.updateOther(model, data);
		}
	},
	upsert(rows, model, value) {
		for (const args of objectsIn(value)) upsertOther(rows, model, args);
	},
	updateMany(_, model, value) {
		for (const args of objectsIn(value)) rewriteWhere(model, args.where);
	},
	delete: seeFilters,
	deleteMany: seeFilters,
};

/** Returns the id of the row that the relation has then, where the write says it. */
type OneWrite = (rows: RowWriter, model: Model, args: Arguments) => string | undefined;

/** The nested writes of a relation to one row that is no destination. What is not listed is refused. */
const oneWrites: Readonly<Record<string, OneWrite>> = {
	connect(_, model, args) {
		rewriteWhere(model, args);
		return idIn(model, args);
	},
	create: (rows, model, args) => rows.createOther(model, args),
	connectOrCreate(rows, model, args) {
		rewriteWhere(model, args.where);
		const wanted = idIn(model, asObject(args.where));
		const create = asObject(args.create);
		if (create === undefined) return wanted;
		if (model.idField !== undefined) create[model.idField] ??= wanted;
		// Under two ids nobody knows before the write which of them it will be.
		const created = rows.createOther(model, create);
		return wanted !== undefined &&
			created !== undefined &&
			canonicalId(created) === canonicalId(wanted)
			? wanted
			: undefined;
	},
	disconnect: seeFilter,
	delete: seeFilter,
	update(rows, model, args) {
		// Either the data itself, or a filter and the data.
		rewriteWhere(model, args.where);
		const data = dataOfUpdate(model, args);
		if (data !== undefined) rows.updateOther(model, data);
		return undefined;
	},
	upsert(rows, model, args) {
		upsertOther(rows, model, args);
		return undefined;
	},
};

/** Every nested write that is known, by whether the relation is a list. A test holds them to what becomes of a row that does not decrypt. */
export const nestedWriteNames = {
	list: Object.keys(listWrites),
	one: Object.keys(oneWrites),
} as const;

/** Rewrites the nested writes of a list. @param organizationId the organization that new destinations belong to. */
export function rewriteListWrites(
	rows: RowWriter,
	model: Model,
	nested: Arguments,
	organizationId: string | undefined,
): void {
	refuseReadOnly(model);
	const known = isDestination(model) ? listWrites : otherListWrites;
	for (const [name, value] of Object.entries(nested)) {
		if (value !== undefined) knownWrite(known, name)(rows, model, value, organizationId);
	}
	if (isDestination(model)) softDeleteNested(model, nested);
}

/** Rewrites the nested writes of a relation to one row; returns its id, where the write says it. */
export function rewriteOneWrites(
	rows: RowWriter,
	model: Model,
	nested: Arguments,
): string | undefined {
	refuseReadOnly(model);
	let id: string | undefined;
	for (const [name, value] of Object.entries(nested)) {
		if (isDestination(model)) {
			if (value !== undefined) knownWrite(oneDestinationWrites, name)(rows, model, nested, value);
			continue;
		}
		const args = asObject(value);
		if (args !== undefined) id = knownWrite(oneWrites, name)(rows, model, args);
	}
	return id;
}

function upsertOther(rows: RowWriter, model: Model, args: Arguments): void {
	rewriteWhere(model, args.where);
	const create = asObject(args.create);
	const update = asObject(args.update);
	if (create !== undefined) rows.createOther(model, create);
	if (update !== undefined) rows.updateOther(model, update);
}

function idIn({ idField }: Model, where: Arguments | undefined): string | undefined {
	return idField === undefined ? undefined : textOf(where?.[idField]);
}

function seeFilters(_: RowWriter, model: Model, value: unknown): void {
	for (const where of objectsIn(value)) rewriteWhere(model, where);
}

function seeFilter(_: RowWriter, model: Model, args: Arguments): undefined {
	rewriteWhere(model, args);
}

function refuseReadOnly(model: Model): void {
	if (isReadOnly(model)) throw new UnsupportedError(`Only the database writes ${model.name}.`);
}

function knownWrite<Write>(writes: Readonly<Record<string, Write>>, name: string): Write {
	const write = Object.hasOwn(writes, name) ? writes[name] : undefined;
	if (write !== undefined) return write;
	throw new UnsupportedError(
		name === 'set'
			? 'A nested `set` of destinations would also change soft-deleted ones. Use `connect` and `disconnect`.'
			: `The nested write "${name}" is not supported.`,
	);
}
