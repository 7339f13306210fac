import { UnsupportedError } from '../../errors.ts';
import { canonicalId } from '../../ids/canonical-id.ts';
import { type Arguments, asObject, objectsIn, textOf } from './arguments.ts';
import type { ModelName } from './models.ts';
import { softDeleteNested } from './soft-deletes.ts';
import { restrictTo, rewriteWhere } from './where.ts';

/** Takes the data of each row that a write reaches, and rewrites it in place. */
export interface RowWriter {
	createDestination(data: Arguments, organizationId: string | undefined): unknown;
	updateDestination(data: Arguments, where: Arguments): void;
	updateDestinations(data: Arguments): void;
	upsertDestination(args: Arguments, organizationId: string | undefined): void;
	/** Returns the id of the new row. */
	createOther(model: ModelName, data: Arguments): string;
	updateOther(model: ModelName, data: Arguments): void;
}

type ListWrite = (rows: RowWriter, value: unknown, organizationId: string | undefined) => void;

/** The nested writes of destinations, below an organization or a user. What is not listed is refused. */
const listWrites: Readonly<Record<string, ListWrite>> = {
	create(rows, value, organizationId) {
		for (const data of objectsIn(value)) rows.createDestination(data, organizationId);
	},
	createMany(rows, value, organizationId) {
		for (const data of objectsIn(asObject(value)?.data)) {
			rows.createDestination(data, organizationId);
		}
	},
	connectOrCreate(rows, value, organizationId) {
		for (const args of objectsIn(value)) {
			liveFilter(args);
			const create = asObject(args.create);
			if (create !== undefined) rows.createDestination(create, organizationId);
		}
	},
	connect: seeLive,
	disconnect: seeLive,
	update(rows, value) {
		for (const args of objectsIn(value)) {
			const where = liveFilter(args);
			const data = asObject(args.data);
			if (data !== undefined) rows.updateDestination(data, where);
		}
	},
	upsert(rows, value, organizationId) {
		for (const args of objectsIn(value)) rows.upsertDestination(args, organizationId);
	},
	updateMany(rows, value) {
		for (const args of objectsIn(value)) {
			liveFilter(args);
			const data = asObject(args.data);
			if (data !== undefined) rows.updateDestinations(data);
		}
	},
	// `softDeleteNested` rewrites them, after the updates of the caller.
	delete() {},
	deleteMany() {},
};

/** Returns the id of the row that the relation has then, where the write says it. */
type OneWrite = (rows: RowWriter, model: ModelName, args: Arguments) => string | undefined;

/** The nested writes of a destination's organization or user. What is not listed is refused. */
const oneWrites: Readonly<Record<string, OneWrite>> = {
	connect(_, model, args) {
		rewriteWhere(model, args);
		return textOf(args.id);
	},
	create: (rows, model, args) => rows.createOther(model, args),
	connectOrCreate(rows, model, args) {
		rewriteWhere(model, args.where);
		const wanted = textOf(asObject(args.where)?.id);
		const create = asObject(args.create);
		if (create === undefined) return wanted;
		create.id ??= wanted;
		// Under two ids nobody knows before the write which of them it will be.
		const created = rows.createOther(model, create);
		return wanted !== undefined && canonicalId(created) === canonicalId(wanted)
			? wanted
			: undefined;
	},
	disconnect: seeFilter,
	delete: seeFilter,
	update(rows, model, args) {
		// Either the data itself, or a filter and the data.
		rewriteWhere(model, args.where);
		const data = 'data' in args ? asObject(args.data) : args;
		if (data !== undefined) rows.updateOther(model, data);
		return undefined;
	},
	upsert(rows, model, args) {
		rewriteWhere(model, args.where);
		const create = asObject(args.create);
		const update = asObject(args.update);
		if (create !== undefined) rows.createOther(model, create);
		if (update !== undefined) rows.updateOther(model, update);
		return undefined;
	},
};

/** Every nested write that is known, by whether the relation is a list. A test holds them to what becomes of a row that does not open. */
export const nestedWriteNames = {
	list: Object.keys(listWrites),
	one: Object.keys(oneWrites),
} as const;

/** Rewrites the nested writes of a list of destinations. @param organizationId the organization that new ones belong to. */
export function rewriteListWrites(
	rows: RowWriter,
	nested: Arguments,
	organizationId: string | undefined,
): void {
	for (const [name, value] of Object.entries(nested)) {
		if (value !== undefined) knownWrite(listWrites, name)(rows, value, organizationId);
	}
	softDeleteNested(nested);
}

/** Rewrites the nested writes of a relation to one row; returns its id, where the write says it. */
export function rewriteOneWrites(
	rows: RowWriter,
	model: ModelName,
	nested: Arguments,
): string | undefined {
	let id: string | undefined;
	for (const [name, value] of Object.entries(nested)) {
		const args = asObject(value);
		if (args !== undefined) id = knownWrite(oneWrites, name)(rows, model, args);
	}
	return id;
}

/** Rewrites the filter of a write, and makes it see live destinations only. Prisma refuses a write without one. */
export function liveFilter(args: Arguments): Arguments {
	rewriteWhere('Destination', args.where);
	const where = asObject(args.where);
	return where === undefined ? {} : restrictTo('live', where);
}

function seeLive(_: RowWriter, value: unknown): void {
	for (const where of objectsIn(value)) {
		rewriteWhere('Destination', where);
		restrictTo('live', where);
	}
}

function seeFilter(_: RowWriter, model: ModelName, args: Arguments): undefined {
	rewriteWhere(model, args);
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
