import type { Client } from 'pg';
import { sealJson } from '../src/encryption/envelope.ts';
import { deriveTenantKey } from '../src/keys/tenant-key.ts';
import { fillWithoutIndexes } from './without-indexes.ts';

/** 150 bytes of JSON, whose envelope has some 270 bytes of ciphertext and members. */
export const settingsJson = JSON.stringify({
	apiKey: `phc_${'a'.repeat(43)}`,
	host: 'https://eu.i.posthog.com',
	enableServerSide: true,
	enableClientSide: true,
});

const pageSize = 5000;
const everyType = ['posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude'];
const everyEnvironment = ['development', 'staging', 'production'];

export interface SealedRows {
	readonly count: number;
	readonly key: Uint8Array;
	readonly keyId: string;
	/** An organization has a live destination of each of these in each environment. @defaultValue all six */
	readonly types?: readonly string[];
	/** @defaultValue all three */
	readonly environments?: readonly string[];
	/** The number that the first row has; ids follow from it. @defaultValue 0 */
	readonly firstRow?: number;
	/** JSON of a type's settings. @defaultValue the same for all */
	readonly settingsOf?: (type: string) => string;
}

/**
 * Inserts destinations that are sealed with a key, as they would be after years of ordinary use: ids rise
 * with time, every organization has some. Past the triggers, because they would take most of the time.
 */
export async function insertSealedRows(
	admin: Client,
	{
		count,
		key,
		keyId,
		types = everyType,
		environments = everyEnvironment,
		firstRow = 0,
		settingsOf = () => settingsJson,
	}: SealedRows,
): Promise<void> {
	await admin.query('SET session_replication_role = replica');
	await fillWithoutIndexes(admin, ['destinations'], () =>
		insertPages(admin, { count, key, keyId, types, environments, firstRow, settingsOf }),
	);
	await admin.query('SET session_replication_role = DEFAULT');
	await admin.query('VACUUM ANALYZE destinations');
}

async function insertPages(
	admin: Client,
	{ count, key, keyId, types, environments, firstRow, settingsOf }: Required<SealedRows>,
): Promise<void> {
	const perOrganization = types.length * environments.length;
	let tenantKey = deriveTenantKey(key, keyId, '');
	let organizationId = '';
	/** The page before, which Postgres takes while the next one is sealed. */
	let inserting: Promise<unknown> = Promise.resolve();
	const end = firstRow + count;
	for (let from = firstRow; from < end; from += pageSize) {
		const columns: string[][] = [[], [], [], [], []];
		const newOrganizations: string[] = [];
		for (let row = from; row < Math.min(end, from + pageSize); row += 1) {
			const place = row % perOrganization;
			if (place === 0) {
				organizationId = risingId(row, '0');
				tenantKey = deriveTenantKey(key, keyId, organizationId);
				newOrganizations.push(organizationId);
			}
			const destinationId = risingId(row, '1');
			const type = types[place % types.length] ?? '';
			const environment = environments[Math.floor(place / types.length)] ?? '';
			const envelope = sealJson(settingsOf(type), tenantKey, {
				organizationId,
				destinationId,
				type,
			});
			const values = [destinationId, organizationId, type, environment, JSON.stringify(envelope)];
			for (const [index, value] of values.entries()) columns[index]?.push(value);
		}
		await inserting;
		await admin.query('INSERT INTO organizations SELECT unnest($1::uuid[])', [newOrganizations]);
		inserting = admin.query(
			`INSERT INTO destinations (id, organization_id, type, name, environment, settings)
			 SELECT id, organization, type, 'bench', environment, settings
			 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[])
				AS row (id, organization, type, environment, settings)`,
			columns,
		);
		// Whoever awaits it hears of it.
		inserting.catch(() => {});
	}
	await inserting;
}

/** A UUIDv7 in form, whose time is the number. */
function risingId(number: number, mark: '0' | '1'): string {
	const time = number.toString(16).padStart(8, '0');
	return `0193${time.slice(0, 4)}-${time.slice(4)}-7000-8000-00000000000${mark}`;
}
