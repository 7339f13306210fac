import { UnsupportedError, ValidationError } from '../../errors.ts';
import { uuidv7 } from '../../ids/uuidv7.ts';
import { type Arguments, asObject, textOf } from './arguments.ts';
import { type Model, relationsOf } from './models.ts';
import { rewriteListWrites, rewriteOneWrites } from './nested-writes.ts';
import { liveFilter, type RowWriter } from './row-writer.ts';
import type { ExistingRow, NewRow, Writes } from './seal.ts';

/** Collects what must be encrypted while the data of a write is rewritten in place. */
export class WriteRewriter implements Writes, RowWriter {
	readonly newRows: NewRow[] = [];
	readonly existingRows: ExistingRow[] = [];

	/** Data of a new destination, anywhere in a write. */
	createDestination(model: Model, data: Arguments, parentOrganizationId?: string): NewRow {
		checkColumns(data);
		if (data.deletedAt !== undefined && data.deletedAt !== null) {
			const message = 'is written by a deletion; create the row first';
			throw new ValidationError([{ path: ['deletedAt'], message }]);
		}
		const id = idOfNew(data, 'id');
		const connected = this.#relationsOf(model, data);
		const organizationId = data.organizationId ?? connected ?? parentOrganizationId;
		if (typeof organizationId !== 'string') {
			throw new UnsupportedError(
				'Encrypted settings are bound to their organization, and this write does not contain its id. Name `organizationId`, or connect the organization by its id.',
			);
		}
		const row = { data, id, organizationId };
		this.newRows.push(row);
		return row;
	}

	/** Data of one existing destination, found by a unique filter, or else created by an upsert. */
	updateDestination(model: Model, data: Arguments, where: Arguments, otherwise?: NewRow): void {
		checkColumns(data);
		this.#relationsOf(model, data);
		if (data.settings !== undefined) this.existingRows.push({ data, where, otherwise });
	}

	/** Arguments of an upsert, at the top or nested. */
	upsertDestination(model: Model, args: Arguments, parentOrganizationId?: string): void {
		const where = liveFilter(model, args);
		const create = asObject(args.create);
		const update = asObject(args.update);
		if (create === undefined) return;
		const otherwise = this.createDestination(model, create, parentOrganizationId);
		if (update !== undefined) this.updateDestination(model, update, where, otherwise);
	}

	/** Data of many existing destinations. */
	updateDestinations(data: Arguments): void {
		checkColumns(data);
		if (data.settings === undefined) return;
		throw new UnsupportedError(
			'Encrypted settings are bound to one row, so one update cannot write them to many rows. Update each row by its id.',
		);
	}

	/** Data of an existing row of another model. @param where finds it, unless the relation does. */
	updateOther(model: Model, data: Arguments, where?: Arguments): void {
		// Prisma writes an id before the nested writes, which then belong to the new one.
		const { idField } = model;
		const known = idField !== undefined && data[idField] === undefined;
		this.#relationsOf(model, data, known ? textOf(where?.[idField]) : undefined);
	}

	/**
	 * A new row of another model. Returns its id where destinations refer to it, made here if need be so that they can
	 * be bound to it.
	 */
	createOther(model: Model, data: Arguments): string | undefined {
		const id = model.idField === undefined ? undefined : idOfNew(data, model.idField);
		this.#relationsOf(model, data, id);
		return id;
	}

	/**
	 * Rewrites the nested writes in data.
	 *
	 * @param id that of the row, where destinations refer to it.
	 * @returns the id of a destination's organization, where the write says it.
	 */
	#relationsOf(model: Model, data: Arguments, id?: string): string | undefined {
		let organizationId: string | undefined;
		for (const [name, { model: related, list, byOrganization }] of relationsOf(model)) {
			const nested = asObject(data[name]);
			if (nested === undefined) continue;
			if (list) {
				rewriteListWrites(this, related, nested, byOrganization ? id : undefined);
				continue;
			}
			const named = rewriteOneWrites(this, related, nested);
			if (byOrganization) organizationId = named;
		}
		return organizationId;
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

function idOfNew(data: Arguments, field: string): string {
	// What is not a text is left for Prisma to refuse.
	if (data[field] === undefined) data[field] = uuidv7();
	return String(data[field]);
}
