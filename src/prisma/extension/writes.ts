import { UnsupportedError, ValidationError } from '../../errors.ts';
import { canonicalId } from '../../ids/canonical-id.ts';
import { uuidv7 } from '../../ids/uuidv7.ts';
import { type Arguments, asObject, objectsIn } from './arguments.ts';
import { type ModelName, type Relation, relationsOf } from './models.ts';
import type { ExistingRow, NewRow, Writes } from './seal.ts';
import { softDeleteNested } from './soft-deletes.ts';
import { restrictTo, rewriteWhere } from './where.ts';

/** Collects what must be sealed while the data of a write is rewritten in place. */
export class WriteRewriter implements Writes {
	readonly newRows: NewRow[] = [];
	readonly existingRows: ExistingRow[] = [];

	/** Data of a new destination, anywhere in a write. */
	createDestination(data: Arguments, parentOrganizationId?: string): NewRow {
		checkColumns(data);
		if (data.deletedAt !== undefined && data.deletedAt !== null) {
			const message = 'is written by a deletion; create the row first';
			throw new ValidationError([{ path: ['deletedAt'], message }]);
		}
		const id = idOfNew(data);
		const connected = this.#relationsOf('Destination', data, id).get('organization');
		const organizationId = data.organizationId ?? connected ?? parentOrganizationId;
		if (typeof organizationId !== 'string') {
			throw new UnsupportedError(
				'Settings are sealed to their organization, and this write does not tell its id. Name `organizationId`, or connect the organization by its id.',
			);
		}
		const row = { data, id, organizationId };
		this.newRows.push(row);
		return row;
	}

	/** Data of one existing destination, found by a unique filter, or else created by an upsert. */
	updateDestination(data: Arguments, where: Arguments, otherwise?: NewRow): void {
		checkColumns(data);
		this.#relationsOf('Destination', data, undefined);
		if (data.settings !== undefined) this.existingRows.push({ data, where, otherwise });
	}

	/** Arguments of an upsert, at the top or nested. */
	upsertDestination(args: Arguments, parentOrganizationId?: string): void {
		const where = liveFilter(args);
		const create = asObject(args.create);
		const update = asObject(args.update);
		if (create === undefined) return;
		const otherwise = this.createDestination(create, parentOrganizationId);
		if (update !== undefined) this.updateDestination(update, where, otherwise);
	}

	/** Data of many existing destinations. */
	updateDestinations(data: Arguments): void {
		checkColumns(data);
		if (data.settings === undefined) return;
		throw new UnsupportedError(
			'Settings are sealed to one row each, so one update cannot give them to many. Update each row by its id.',
		);
	}

	/** Data of an existing organization or user. @param where finds it, unless the relation does. */
	updateOther(model: ModelName, data: Arguments, where?: Arguments): void {
		// Prisma writes an id before the nested writes, which then belong to the new one.
		this.#relationsOf(model, data, data.id === undefined ? textOf(where?.id) : undefined);
	}

	/** A new organization or user; returns its id, made here if need be so that destinations can be sealed to it. */
	createOther(model: ModelName, data: Arguments): string {
		const id = idOfNew(data);
		this.#relationsOf(model, data, id);
		return id;
	}

	/** Rewrites the nested writes in data; returns the id behind each to-one relation, where the write tells it. */
	#relationsOf(
		model: ModelName,
		data: Arguments,
		id: string | undefined,
	): Map<string, string | undefined> {
		const ids = new Map<string, string | undefined>();
		for (const [name, relation] of Object.entries(relationsOf(model))) {
			const nested = asObject(data[name]);
			if (nested === undefined) continue;
			if (relation.list) this.#nestedList(nested, model === 'Organization' ? id : undefined);
			else ids.set(name, this.#nestedOne(relation, nested));
		}
		return ids;
	}

	#nestedOne(relation: Relation, nested: Arguments): string | undefined {
		let id: string | undefined;
		for (const [operation, value] of Object.entries(nested)) {
			const args = asObject(value);
			if (args === undefined) continue;
			switch (operation) {
				case 'connect':
					rewriteWhere(relation.model, args);
					id = textOf(args.id);
					break;
				case 'create':
					id = this.createOther(relation.model, args);
					break;
				case 'connectOrCreate':
					id = this.#connectOrCreateOne(relation, args);
					break;
				case 'disconnect':
				case 'delete':
					rewriteWhere(relation.model, args);
					break;
				case 'update': {
					// Either the data itself, or a filter and the data.
					rewriteWhere(relation.model, args.where);
					const data = 'data' in args ? asObject(args.data) : args;
					if (data !== undefined) this.updateOther(relation.model, data);
					break;
				}
				case 'upsert': {
					rewriteWhere(relation.model, args.where);
					const create = asObject(args.create);
					const update = asObject(args.update);
					if (create !== undefined) this.createOther(relation.model, create);
					if (update !== undefined) this.updateOther(relation.model, update);
					break;
				}
				default:
					throw unknownNestedWrite(operation);
			}
		}
		return id;
	}

	#connectOrCreateOne(relation: Relation, args: Arguments): string | undefined {
		rewriteWhere(relation.model, args.where);
		const wanted = textOf(asObject(args.where)?.id);
		const create = asObject(args.create);
		if (create === undefined) return wanted;
		create.id ??= wanted;
		// Under two ids nobody knows before the write which of them it will be.
		const created = this.createOther(relation.model, create);
		return wanted !== undefined && canonicalId(created) === canonicalId(wanted)
			? wanted
			: undefined;
	}

	#nestedList(nested: Arguments, organizationId: string | undefined): void {
		for (const [operation, value] of Object.entries(nested)) {
			if (value === undefined) continue;
			switch (operation) {
				case 'create':
					for (const data of objectsIn(value)) this.createDestination(data, organizationId);
					break;
				case 'createMany':
					for (const data of objectsIn(asObject(value)?.data)) {
						this.createDestination(data, organizationId);
					}
					break;
				case 'connectOrCreate':
					for (const args of objectsIn(value)) {
						liveFilter(args);
						const create = asObject(args.create);
						if (create !== undefined) this.createDestination(create, organizationId);
					}
					break;
				case 'connect':
				case 'disconnect':
					for (const where of objectsIn(value)) {
						rewriteWhere('Destination', where);
						restrictTo('live', where);
					}
					break;
				case 'update':
					for (const args of objectsIn(value)) {
						const where = liveFilter(args);
						const data = asObject(args.data);
						if (data !== undefined) this.updateDestination(data, where);
					}
					break;
				case 'upsert':
					for (const args of objectsIn(value)) {
						this.upsertDestination(args, organizationId);
					}
					break;
				case 'updateMany':
					for (const args of objectsIn(value)) {
						liveFilter(args);
						const data = asObject(args.data);
						if (data !== undefined) this.updateDestinations(data);
					}
					break;
				case 'delete':
				case 'deleteMany':
					break; // Below, when the updates of the caller have been rewritten.
				default:
					throw unknownNestedWrite(operation);
			}
		}
		softDeleteNested(nested);
	}
}

/** Refuses what the database would drop in silence, and settings that are marked as not encrypted. */
function checkColumns(data: Arguments): void {
	const issues = [...writtenByDatabase]
		.filter(([name]) => data[name] !== undefined && data[name] !== null)
		.map(([name, message]) => ({ path: [name], message }));
	if (issues.length > 0) throw new ValidationError(issues);
	if (data.settingsEncrypted === undefined || data.settingsEncrypted === true) return;
	throw new UnsupportedError(
		'Settings are always encrypted. Leave `settingsEncrypted` out and give settings in clear.',
	);
}

const writtenByDatabase: ReadonlyMap<string, string> = new Map([
	['version', 'is written by the database alone'],
	['createdAt', 'is written by the database alone'],
	['updatedAt', 'is written by the database alone'],
]);

/** Rewrites the filter of a write, and makes it see live destinations only. Prisma refuses a write without one. */
function liveFilter(args: Arguments): Arguments {
	rewriteWhere('Destination', args.where);
	const where = asObject(args.where);
	return where === undefined ? {} : restrictTo('live', where);
}

function idOfNew(data: Arguments): string {
	// What is no text is left for Prisma to refuse.
	if (data.id === undefined) data.id = uuidv7();
	return String(data.id);
}

function textOf(value: unknown): string | undefined {
	return typeof value === 'string' ? value : undefined;
}

function unknownNestedWrite(operation: string): UnsupportedError {
	return new UnsupportedError(
		operation === 'set'
			? 'A nested `set` of destinations would also change soft-deleted ones. Use `connect` and `disconnect`.'
			: `The nested write "${operation}" is not supported.`,
	);
}
