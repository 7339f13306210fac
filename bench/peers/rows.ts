import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { validateSettings } from '../../src/destinations/validate.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { sixDestinations } from './six-destinations.ts';

export interface Row {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
	/** In clear, with every default filled in. */
	readonly settings: object;
}

/** Six destinations of each organization. */
export function makeRows(organizations: number): Row[] {
	return Array.from({ length: organizations }, () => randomUUID()).flatMap((organizationId) =>
		sixDestinations.map(({ type, settings }) => ({
			id: randomUUID(),
			organizationId,
			type,
			settings: validateSettings(type, settings),
		})),
	);
}

/** The rows as this package stores them. */
export async function insertSealed(
	connectionString: string,
	rows: readonly Row[],
	keys: string,
): Promise<void> {
	const encryption = new SettingsEncryption(keys);
	const sealed = rows.map(async ({ id, organizationId, type, settings }) =>
		encryption.encrypt(settings, { organizationId, destinationId: id, type }),
	);
	await insert(connectionString, rows, await Promise.all(sealed));
}

/**
 * The same table as others would have it: the same columns, indexes and row level security, settings stored in
 * clear or as the peer stores them, and neither a log nor a history.
 */
export async function insertPlain(
	connectionString: string,
	rows: readonly Row[],
	store: (settings: object) => unknown = (settings) => settings,
): Promise<void> {
	await run(connectionString, (admin) =>
		admin.query(`
			ALTER TABLE destinations DROP CONSTRAINT destinations_valid_settings;
			ALTER TABLE destinations DISABLE TRIGGER USER;
			ALTER TABLE destinations ENABLE TRIGGER trigger_insert_destinations_created_at;
			ALTER TABLE destinations ENABLE TRIGGER trigger_update_destinations_updated_at`),
	);
	await insert(
		connectionString,
		rows,
		rows.map(({ settings }) => store(settings)),
	);
}

/** Returns organizations without destinations. */
export async function createPlaces(connectionString: string, count: number): Promise<string[]> {
	const ids = Array.from({ length: count }, () => randomUUID());
	await run(connectionString, (admin) =>
		admin.query('INSERT INTO organizations SELECT unnest($1::uuid[])', [ids]),
	);
	return ids;
}

async function insert(
	connectionString: string,
	rows: readonly Row[],
	stored: readonly unknown[],
): Promise<void> {
	const column = (name: 'id' | 'organizationId' | 'type') => rows.map((row) => row[name]);
	await run(connectionString, async (admin) => {
		await admin.query('INSERT INTO organizations SELECT DISTINCT unnest($1::uuid[])', [
			column('organizationId'),
		]);
		await admin.query(
			`INSERT INTO destinations (id, organization_id, type, name, settings)
			 SELECT id, organization, type, 'bench', settings
			   FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[])
				 AS row (id, organization, type, settings)`,
			[
				column('id'),
				column('organizationId'),
				column('type'),
				stored.map((value) => JSON.stringify(value)),
			],
		);
		await admin.query('VACUUM ANALYZE');
	});
}

async function run(connectionString: string, work: (admin: Client) => Promise<unknown>) {
	const admin = new Client({ connectionString });
	await admin.connect();
	try {
		await work(admin);
	} finally {
		await admin.end();
	}
}
