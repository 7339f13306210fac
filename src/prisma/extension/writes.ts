import { UnsupportedError, ValidationError } from '../../errors.ts';
import { uuidv7 } from '../../ids/uuidv7.ts';
import { type Arguments, asObject, textOf } from './arguments.ts';
import { type ModelName, relationsOf } from './models.ts';
import {
	liveFilter,
	type RowWriter,
	rewriteListWrites,
	rewriteOneWrites,
} from './nested-writes.ts';
import type { ExistingRow, NewRow, Writes } from './seal.ts';

/** Collects what must be sealed while the data of a write is rewritten in place. */
export class WriteRewriter implements Writes, RowWriter {
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
			if (relation.list) rewriteListWrites(this, nested, model === 'Organization' ? id : undefined);
			else ids.set(name, rewriteOneWrites(this, relation.model, nested));
		}
		return ids;
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

function idOfNew(data: Arguments): string {
	// What is no text is left for Prisma to refuse.
	if (data.id === undefined) data.id = uuidv7();
	return String(data.id);
}
