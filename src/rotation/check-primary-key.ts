import { ConfigurationError } from '../errors.ts';
import { shownKeyId } from '../keys/key-provider.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import type { EncryptedTable } from './encrypted-tables.ts';
import type { MaintenanceConnection } from './maintenance-connection.ts';
import { PageKeys } from './page-keys.ts';
import { type SealedRow, selectSamples } from './statements.ts';

const samples = 20;

/**
 * Refuses to rotate to a key that has the id of the services' primary key but other bytes: they could open
 * nothing any more. It shows where services have encrypted with theirs already. One row that decrypts is enough,
 * because a single one may be damaged.
 *
 * @throws ConfigurationError
 */
export async function checkPrimaryKey(
	connection: MaintenanceConnection,
	keys: TenantKeys,
	table: EncryptedTable,
	keyId: string,
): Promise<void> {
	const rows = await connection.run<SealedRow>(selectSamples(table, keyId, samples));
	if (rows.length === 0) return;
	const pageKeys = await PageKeys.load(keys, rows, false);
	for (const row of rows) {
		try {
			pageKeys.open(row);
			return;
		} catch {
			// It may be the damaged one: the next row shows it.
		}
	}
	throw new ConfigurationError(
		`The primary key "${shownKeyId(keyId)}" decrypts nothing that was encrypted under its id. Use the bytes that the services have, or, if it is a new key, another id. Nothing was changed.`,
	);
}
