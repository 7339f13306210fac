import type { Identity } from '../../destinations/destination.ts';
import { withoutPresets } from '../../destinations/presets.ts';
import { type DestinationType, requiredConsentOf } from '../../destinations/registry.ts';
import { isSameSettings } from '../../destinations/same-settings.ts';
import { validateSettings } from '../../destinations/validate.ts';
import { Environment } from '../../destinations/vocabulary.ts';
import type { SettingsContext } from '../../encryption/envelope.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { openStored } from '../../encryption/stored-settings.ts';
import { DestinationsError, UnsupportedError } from '../../errors.ts';
import { canonicalId } from '../../ids/canonical-id.ts';
import { type Arguments, asObject } from './arguments.ts';
import { isDestination, isField, type Model, relationOf } from './models.ts';
import { addCondition, nothing, restrictBy } from './where.ts';

/** A row that is there, with its settings as they are stored; without them, one that the batch creates. */
export interface FoundRow extends Identity<string> {
	readonly settings?: unknown;
	readonly settingsEncrypted?: boolean;
	readonly environment?: string;
	/** Whether earlier operations of a batch may change it before this one does. */
	readonly inBatch?: boolean;
}

/** Finds the rows with these ids, in the transaction of the operation. */
export type LookUp = (ids: readonly string[]) => PromiseLike<readonly FoundRow[]>;

/** Settings of a row that the write creates. */
export interface NewRow {
	readonly data: Arguments;
	readonly id: string;
	readonly organizationId: string;
}

/** Settings of a row that is there, or that an upsert creates if it is not. */
export interface ExistingRow {
	readonly data: Arguments;
	/** The unique filter by which the write finds the row. */
	readonly where: Arguments;
	/** The row that the upsert creates. */
	readonly otherwise: NewRow | undefined;
}

/** The rows of a write. */
export interface Writes {
	readonly newRows: readonly NewRow[];
	readonly existingRows: readonly ExistingRow[];
}

/** Validated settings, and the row that they are bound to. */
export interface Sealing {
	readonly data: Arguments;
	readonly identity: Identity<string>;
	readonly settings: object;
	/** The row as it is stored, if it is there. */
	readonly stored?: FoundRow | undefined;
}

/**
 * Validates and encrypts settings in the arguments of a write, in place, before anything is sent.
 *
 * @returns the ids of the rows that were looked up and are there.
 */
export async function seal(
	encryption: SettingsEncryption,
	model: Model,
	args: Arguments,
	{ newRows, existingRows }: Writes,
	lookUp: LookUp,
): Promise<ReadonlySet<string>> {
	let rows: ReadonlyMap<string, FoundRow> = new Map();
	const sealings = newRows.map((row) => validateNew(row.data, identityOfNew(row)));
	if (existingRows.length > 0) {
		const found = await lookUp(existingRows.map(({ where }) => idOf(where)));
		rows = new Map(found.map((row) => [row.id, row]));
		for (const row of existingRows) {
			const stored = rows.get(idOf(row.where));
			const identity = toldBy(row.where) ?? stored ?? expectedOf(row);
			if (identity === undefined) continue;
			const sealing = validate(row.data, identity, stored?.environment ?? undefined);
			sealings.push({ ...sealing, stored });
		}
	}
	await sealAll(encryption, model, args, sealings);
	return new Set(rows.keys());
}

/** Encrypts all settings in the arguments of a write, in place. */
export async function sealAll(
	encryption: SettingsEncryption,
	model: Model,
	{ data, create, update }: Arguments,
	sealings: readonly Sealing[],
): Promise<void> {
	const known = new Set<unknown>(sealings.map((sealing) => sealing.data));
	for (const part of [data, create, update]) refuseOthers(model, part, known);
	// All at once, so that a key provider is asked once however many rows there are.
	await Promise.all(sealings.map((sealing) => sealOne(encryption, sealing)));
}

/**
 * Refuses settings that stand where no row is known, such as in a list instead of one row: Prisma
 * would quote them in its error.
 */
function refuseOthers(model: Model, value: unknown, known: ReadonlySet<unknown>): void {
	if (typeof value !== 'object' || value === null) return;
	for (const [name, member] of Object.entries(value)) {
		const relation = relationOf(model, name);
		if (relation === undefined && !isDestination(model) && isField(model, name)) {
			continue; // the service's own, which may hold anything
		}
		if (relation !== undefined || name !== 'settings') {
			refuseOthers(relation?.model ?? model, member, known);
		} else if (member !== undefined && !known.has(value)) {
			throw new UnsupportedError(
				'The write has settings where no destination can have them, so they cannot be encrypted.',
			);
		}
	}
}

/** What a row must be that is not there yet, in order to take the update; nothing if it cannot. */
function expectedOf({ data, where, otherwise }: ExistingRow): Identity<string> | undefined {
	if (otherwise === undefined) {
		// The write would fail with P2025. A row of this id that appears meanwhile must not take settings
		// that are not bound to it.
		delete data.settings;
		// Prisma does not look for the row of a nested update that changes nothing.
		data.settingsEncrypted = true;
		addCondition(where, nothing);
		return undefined;
	}
	const { organizationId, type } = identityOfNew(otherwise);
	restrictBy(where, { organizationId, type });
	return { id: idOf(where), organizationId, type };
}

export function identityOfNew({ data, id, organizationId }: NewRow): Identity<string> {
	return { id: canonicalId(id), organizationId, type: String(data.type) };
}

function validateNew(data: Arguments, identity: Identity<string>): Sealing {
	const sealing = validate(data, identity, Environment.production);
	// `validate` refuses a text that names no type.
	// Null is not a list, which Prisma says.
	if (data.requiredConsent === undefined) {
		data.requiredConsent = requiredConsentOf(identity.type as DestinationType);
	}
	return sealing;
}

/** @param environment the one that the row has where the data names none. */
export function validate(
	data: Arguments,
	identity: Identity<string>,
	environment: unknown,
): Sealing {
	const given = data.settings === undefined ? {} : data.settings;
	const named = asObject(data.environment)?.set ?? data.environment ?? environment;
	// `validateSettings` refuses a text that names no type; Prisma or the database refuse another environment.
	const settings = validateSettings(
		identity.type as DestinationType,
		given,
		named as Environment | undefined,
	);
	return { data, identity, settings };
}

async function sealOne(encryption: SettingsEncryption, sealing: Sealing): Promise<void> {
	const { data, settings, identity, stored } = sealing;
	const { id, organizationId, type } = identity;
	const context = { organizationId, destinationId: id, type };
	const sealed = await encryption.encrypt(withoutPresets(type, settings), context);
	data.settings = sealed;
	data.settingsEncrypted = true;
	if (stored === undefined || !(await isStored(encryption, sealing, stored, context))) return;
	// The same settings, so the same ciphertext: the database sees no change. One of a key that is being
	// retired is left out instead, or it would come back after a rotation.
	if (asObject(stored.settings)?.kid === sealed.kid) data.settings = stored.settings;
	else if (stored.inBatch !== true) delete data.settings;
}

/** Whether the row has these settings. Where they do not decrypt, nobody knows, so that it is a change. */
async function isStored(
	encryption: SettingsEncryption,
	{ settings, identity: { type } }: Sealing,
	stored: FoundRow,
	context: SettingsContext,
): Promise<boolean> {
	if (stored.settingsEncrypted !== true || stored.type !== type) return false;
	try {
		const opened = await openStored(encryption, stored.settings, true, context);
		return isSameSettings(type as DestinationType, opened, settings);
	} catch (error) {
		if (error instanceof DestinationsError) return false;
		throw error;
	}
}

/** The identity of the row, where the filter names all of it: then it can only find that row. */
function toldBy(where: Arguments): Identity<string> | undefined {
	const { organizationId, type } = where;
	if (typeof organizationId !== 'string' || typeof type !== 'string') return undefined;
	return { id: idOf(where), organizationId, type };
}

function idOf(where: Arguments): string {
	if (typeof where.id === 'string') return canonicalId(where.id);
	throw new UnsupportedError(
		'Encrypted settings are bound to one row, so a write of settings must find it by `where: { id }`.',
	);
}
