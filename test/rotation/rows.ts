import type { SettingsContext } from '../../src/encryption/envelope.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { type EncryptedTable, encryptedTables } from '../../src/rotation/encrypted-tables.ts';
import type { SealedRow } from '../../src/rotation/statements.ts';

/** The tables with sealed settings, by name. */
export function encryptedTable(name: EncryptedTable['name']): EncryptedTable {
	const table = encryptedTables.find((listed) => listed.name === name);
	if (table === undefined) throw new Error(`${name} is not listed`);
	return table;
}

/** A row of `destinations` as a page has it. */
export function rowOf(
	{ organizationId, destinationId, type }: SettingsContext,
	settings: unknown,
): SealedRow {
	return {
		row_id: destinationId,
		destination_id: destinationId,
		organization_id: organizationId,
		type,
		settings,
		plaintext: null,
	};
}

/** A row that was sealed with the provider's primary key. */
export async function sealedRow(
	provider: KeyProvider,
	context: SettingsContext,
	settings: object,
): Promise<SealedRow> {
	return rowOf(context, await new SettingsEncryption(provider).encrypt(settings, context));
}

/** A row whose settings are not encrypted. */
export function plaintextRow(context: SettingsContext, plaintext: string): SealedRow {
	return { ...rowOf(context, null), plaintext };
}
