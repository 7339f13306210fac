import type { DestinationType } from '../destinations/registry.ts';
import { validateSettings } from '../destinations/validate.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { UnsupportedError } from '../errors.ts';
import { type Arguments, objectsIn } from './arguments.ts';
import { nothing } from './where.ts';

/** What never changes of a row, and what its settings are bound to. */
export interface Identity {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
}

/** Finds the rows with these ids, in the transaction of the operation. */
export type LookUp = (ids: readonly string[]) => Promise<readonly Identity[]>;

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

/** Validates and seals settings in the data of a write, in place, before anything is sent. */
export async function seal(
	encryption: SettingsEncryption,
	newRows: readonly NewRow[],
	existingRows: readonly ExistingRow[],
	lookUp: LookUp,
): Promise<void> {
	for (const { data, id, organizationId } of newRows) {
		await sealOne(encryption, data, { id, organizationId, type: String(data.type) });
	}
	if (existingRows.length === 0) return;
	const unknown = existingRows.filter(({ where }) => toldBy(where) === undefined);
	const found = unknown.length === 0 ? [] : await lookUp(unknown.map(({ where }) => idOf(where)));
	const identities = new Map(found.map((identity) => [identity.id, identity]));
	for (const row of existingRows) {
		const identity = toldBy(row.where) ?? identities.get(idOf(row.where));
		await sealExisting(encryption, row, identity);
	}
}

async function sealExisting(
	encryption: SettingsEncryption,
	{ data, where, otherwise }: ExistingRow,
	identity: Identity | undefined,
): Promise<void> {
	if (identity !== undefined) return sealOne(encryption, data, identity);
	if (otherwise === undefined) {
		// The write would fail with P2025. A row of this id that appears meanwhile must not take settings
		// that are not sealed to it.
		delete data.settings;
		where.AND = [...objectsIn(where.AND), nothing];
		return;
	}
	const { organizationId } = otherwise;
	const type = String(otherwise.data.type);
	where.AND = [...objectsIn(where.AND), { organizationId, type }];
	await sealOne(encryption, data, { id: idOf(where), organizationId, type });
}

async function sealOne(
	encryption: SettingsEncryption,
	data: Arguments,
	{ id, organizationId, type }: Identity,
): Promise<void> {
	// `validateSettings` refuses a text that names no type.
	const settings = validateSettings(type as DestinationType, data.settings ?? {});
	data.settings = await encryption.encrypt(settings, { organizationId, destinationId: id, type });
	data.settingsEncrypted = true;
}

/** The identity of the row, where the filter names all of it: then it can only find that row. */
function toldBy(where: Arguments): Identity | undefined {
	const { organizationId, type } = where;
	if (typeof organizationId !== 'string' || typeof type !== 'string') return undefined;
	return { id: idOf(where), organizationId, type };
}

function idOf(where: Arguments): string {
	if (typeof where.id === 'string') return where.id.toLowerCase();
	throw new UnsupportedError(
		'Settings are sealed to one row, so a write of settings must find it by `where: { id }`.',
	);
}
