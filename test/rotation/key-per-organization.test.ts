import { rotateKeys, verifySettings } from '../../src/index.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { Keyring } from '../../src/keys/keyring.ts';
import { newKey, SealedService } from './sealed-service.ts';

// Rotation with a provider that has a primary key for each organization, as those of a KMS have.

let sealed: SealedService;

beforeAll(async () => {
	sealed = await SealedService.open();
});
afterEach(() => sealed.clear());
afterAll(() => sealed.close());

/** Seals each organization's settings with a key that has its id. */
function keyPerOrganization(): KeyProvider {
	const bytes = new Map<string, Buffer>();
	const old = new Keyring(sealed.old);
	return {
		cacheSeconds: 60,
		primaryKeyId: async (organizationId) => organizationId,
		async getKey(keyId, organizationId) {
			if (keyId === 'old') return old.getKey(keyId);
			const key = bytes.get(organizationId) ?? Buffer.from(newKey(), 'hex');
			bytes.set(organizationId, key);
			return key;
		},
	};
}

test('each organization has its settings sealed with its own, and nothing is done twice', async () => {
	const one = await sealed.fill();
	const other = await sealed.fill();
	const options = { connectionString: sealed.connectionString, keys: keyPerOrganization() };

	expect(await rotateKeys(options)).toMatchObject({ rotated: 8, failed: 0 });
	expect(await verifySettings(options)).toMatchObject({
		keys: { [one.organizationId]: 4, [other.organizationId]: 4 },
		failed: 0,
	});
	const before = await sealed.snapshot();
	expect(await rotateKeys(options)).toMatchObject({ rotated: 0, failed: 0 });
	expect(await sealed.snapshot()).toEqual(before);
});

test('a run with nothing to change, or that is to change nothing, waits for no lock', async () => {
	await sealed.fill();
	const { connectionString } = sealed;
	const options = {
		connectionString,
		connection: { lock_timeout: 100 },
		keys: keyPerOrganization(),
	};
	const { admin } = sealed.service;
	const locked = async (run: () => Promise<unknown>) => {
		await admin.query('BEGIN; LOCK destinations, destination_settings_history IN SHARE MODE');
		try {
			return await run();
		} finally {
			await admin.query('ROLLBACK');
		}
	};
	await expect(locked(() => rotateKeys(options))).rejects.toMatchObject({
		code: 'RETRY',
		cause: { code: '55P03' },
	});
	expect(await locked(() => rotateKeys({ ...options, dryRun: true }))).toMatchObject({
		rotated: 4,
	});
	expect(await rotateKeys(options)).toMatchObject({ rotated: 4 });
	expect(await locked(() => rotateKeys(options))).toMatchObject({ rotated: 0, failed: 0 });
});

test('a row without settings has nothing to seal', async () => {
	const organizationId = await sealed.service.createOrganization();
	await sealed.service.admin.query(
		`INSERT INTO destinations (organization_id, type, name) VALUES ($1, 'console', 'raw')`,
		[organizationId],
	);
	const { connectionString } = sealed;
	for (const keys of [keyPerOrganization(), sealed.ring]) {
		for (const fromPlaintext of [false, true]) {
			const seen: unknown[] = [];
			const onProgress = (progress: unknown) => seen.push(progress);
			expect(await rotateKeys({ connectionString, keys, fromPlaintext, onProgress })).toMatchObject(
				{ rotated: 0, failed: 0 },
			);
			expect(seen).toEqual([{ done: 0, total: 0, failed: 0 }]);
		}
	}
});
