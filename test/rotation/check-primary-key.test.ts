import { randomBytes } from 'node:crypto';
import { insertSealedRows } from '../../bench/sealed-rows.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { TenantKeys } from '../../src/keys/tenant-keys.ts';
import { checkPrimaryKey } from '../../src/rotation/check-primary-key.ts';
import { MaintenanceConnection } from '../../src/rotation/maintenance-connection.ts';
import { countingProvider } from '../support/encryption.ts';
import { type Service, startService } from '../support/service.ts';
import { encryptedTable } from './rows.ts';

const bytes = randomBytes(32);
let service: Service;

beforeAll(async () => {
	service = await startService();
	// Of each organization one row in each environment.
	await insertSealedRows(service.admin, {
		count: 90,
		key: bytes,
		keyId: 'one',
		types: ['posthog'],
	});
});
afterAll(() => service.stop());

/** Looks whether a provider has the key that destinations are sealed with. */
async function check(provider: KeyProvider, keyId: string): Promise<void> {
	await using connection = await MaintenanceConnection.open(service);
	await checkPrimaryKey(
		connection,
		new TenantKeys(provider),
		encryptedTable('destinations'),
		keyId,
	);
}

function providerOf(key: Uint8Array) {
	const { provider, chosen } = countingProvider();
	const asked: string[] = [];
	return {
		chosen,
		asked,
		provider: {
			...provider,
			getKey: (keyId: string) => {
				asked.push(keyId);
				return Uint8Array.from(key);
			},
		},
	};
}

it('looks at twenty rows at most, and at their keys alone', async () => {
	const { provider, asked, chosen } = providerOf(bytes);
	await check(provider, 'one');
	// An organization has three rows.
	expect(asked.length).toBeGreaterThanOrEqual(Math.floor(20 / 3));
	expect(asked.length).toBeLessThanOrEqual(20);
	expect(chosen).toEqual([]);
});

it('takes a key under whose id nothing is sealed', async () => {
	const { provider, asked } = providerOf(randomBytes(32));
	await check(provider, 'two');
	expect(asked).toEqual([]);
});

it('refuses a key that opens none of them', async () => {
	await expect(check(providerOf(randomBytes(32)).provider, 'one')).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message:
			'The primary key "one" decrypts nothing that was encrypted under its id. Use the bytes that the services have, or, if it is a new key, another id. Nothing was changed.',
	});
});

it('takes a key that opens one of them, however many are damaged', async () => {
	const { admin } = service;
	const changed = `jsonb_set(settings, '{kc}', to_jsonb(repeat('A', 43)))`;
	await admin.query('SET session_replication_role = replica');
	const one = await admin.query('SELECT id FROM destinations LIMIT 1');
	await admin.query(
		'DELETE FROM destinations WHERE id NOT IN (SELECT id FROM destinations LIMIT 5)',
	);
	await admin.query(`UPDATE destinations SET settings = ${changed} WHERE id <> $1`, [
		one.rows[0].id,
	]);
	await check(providerOf(bytes).provider, 'one');
	await admin.query(`UPDATE destinations SET settings = ${changed}`);
	await expect(check(providerOf(bytes).provider, 'one')).rejects.toMatchObject({
		code: 'CONFIGURATION',
	});
});
