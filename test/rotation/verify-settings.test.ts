import { sealJson } from '../../src/encryption/envelope.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { Keyring } from '../../src/keys/keyring.ts';
import { deriveTenantKey } from '../../src/keys/tenant-key.ts';
import { verifySettings } from '../../src/rotation/verify-settings.ts';
import { newKey, SealedService } from './sealed-service.ts';

let sealed: SealedService;

beforeAll(async () => {
	sealed = await SealedService.open();
});
afterEach(() => sealed.clear());
afterAll(() => sealed.close());

test('opens live, deleted and replaced settings, and counts them by key', async () => {
	await sealed.fill();
	const { connectionString } = sealed;

	expect(await verifySettings({ connectionString, keys: sealed.ring })).toEqual({
		checked: 4,
		keys: { old: 4 },
		plaintext: 0,
		empty: 0,
		failed: 0,
		failures: [],
		stopped: false,
	});
});

test('asks for the keys that opened what is stored, not for those that would seal it', async () => {
	const { organizationId } = await sealed.fill();
	const ring = new Keyring(sealed.ring);
	const asked = new Set<string>();
	const primaryKeyId = jest.fn(() => ring.primaryKeyId());
	const keys: KeyProvider = {
		cacheSeconds: 0,
		primaryKeyId,
		getKey(keyId, organization) {
			asked.add(`${keyId}/${organization}`);
			return ring.getKey(keyId);
		},
	};
	const { connectionString } = sealed;
	expect(await verifySettings({ connectionString, keys })).toMatchObject({ checked: 4, failed: 0 });
	expect([...asked]).toEqual([`old/${organizationId}`]);
	expect(primaryKeyId).not.toHaveBeenCalled();
});

test('reports each row that fails, by id and code', async () => {
	const { organizationId, live, deleted } = await sealed.fill();
	await sealed.tamper(
		`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"lost"') WHERE id = $1`,
		[live],
	);
	await sealed.tamper(
		`UPDATE destinations SET settings = '{"apiKey": "phc_clear"}', settings_encrypted = false WHERE id = $1`,
		[deleted],
	);
	const { connectionString } = sealed;

	const result = await verifySettings({ connectionString, keys: sealed.ring, batchSize: 1 });

	expect(result).toMatchObject({ checked: 4, keys: { old: 2, lost: 1 }, plaintext: 1, failed: 2 });
	expect(new Set(result.failures)).toEqual(
		new Set([
			{ table: 'destinations', destinationId: live, organizationId, code: 'UNKNOWN_KEY' },
			{ table: 'destinations', destinationId: deleted, organizationId, code: 'DECRYPTION_FAILED' },
		]),
	);
	expect(JSON.stringify(result)).not.toContain('phc_');
	const lenient = { connectionString, keys: sealed.ring, plaintext: 'allow-read' } as const;
	expect(await verifySettings(lenient)).toMatchObject({ plaintext: 1, failed: 1 });
});

test('reports what is sealed properly and is not settings, and goes on', async () => {
	const { organizationId, live, deleted } = await sealed.fill();
	const [, hex = ''] = sealed.old.split(':');
	const key = deriveTenantKey(Buffer.from(hex, 'hex'), 'old', organizationId);
	for (const [destinationId, json] of [
		[live, '["phc_clear"]'],
		[deleted, '{"apiKey":"phc_clear"'],
	] as const) {
		const envelope = sealJson(json, key, { organizationId, destinationId, type: 'posthog' });
		await sealed.tamper('UPDATE destinations SET settings = $1 WHERE id = $2', [
			envelope,
			destinationId,
		]);
	}
	const { connectionString } = sealed;

	const result = await verifySettings({ connectionString, keys: sealed.ring });

	expect(result).toMatchObject({ checked: 4, keys: { old: 4 }, failed: 2 });
	expect(new Set(result.failures)).toEqual(
		new Set(
			[live, deleted].map((destinationId) => ({
				table: 'destinations',
				destinationId,
				organizationId,
				code: 'DECRYPTION_FAILED',
			})),
		),
	);
});

test('counts what names no valid key id under one name, which repeats none of them', async () => {
	const { live, deleted } = await sealed.fill();
	await sealed.dropConstraints();
	for (const [id, kid] of [
		[live, '\u001b[2J'],
		[deleted, newKey()],
	]) {
		await sealed.tamper(
			`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', to_jsonb($1::text)) WHERE id = $2`,
			[kid, id],
		);
	}
	const { connectionString } = sealed;
	expect(await verifySettings({ connectionString, keys: sealed.ring })).toMatchObject({
		keys: { old: 2, '(not a valid key id)': 2 },
		failed: 2,
	});
	await sealed.close();
	sealed = await SealedService.open();
});

test('takes the column default for a row without settings', async () => {
	const organizationId = await sealed.service.createOrganization();
	await sealed.service.admin.query(
		`INSERT INTO destinations (organization_id, type, name) VALUES ($1, 'console', 'raw')`,
		[organizationId],
	);
	const { connectionString } = sealed;
	expect(await verifySettings({ connectionString, keys: sealed.ring })).toMatchObject({
		checked: 1,
		empty: 1,
		failed: 0,
	});
});

test('tells its progress, and stops after the page under way', async () => {
	const { live } = await sealed.fill();
	await sealed.tamper(
		`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"lost"') WHERE id = $1`,
		[live],
	);
	const { connectionString } = sealed;
	const stop = new AbortController();
	const seen: unknown[] = [];
	const options = { connectionString, keys: sealed.ring, batchSize: 1, signal: stop.signal };

	expect(
		await verifySettings({ ...options, onProgress: (progress) => seen.push(progress) }),
	).toMatchObject({ checked: 4, stopped: false });
	expect(seen).toEqual(
		[0, 1, 2, 3, 4].map((done) => ({ done, total: 4, failed: Math.min(done, 1) })),
	);

	expect(
		await verifySettings({ ...options, onProgress: ({ done }) => done === 2 && stop.abort() }),
	).toMatchObject({ checked: 2, stopped: true });
});

test('can be limited to one organization', async () => {
	const { organizationId } = await sealed.fill();
	await sealed.fill();
	const { connectionString } = sealed;
	expect(
		await verifySettings({ connectionString, keys: sealed.ring, organizationId }),
	).toMatchObject({ checked: 4, failed: 0 });
});

test('a provider that is down ends it, instead of failing every row', async () => {
	await sealed.fill();
	const keys = {
		cacheSeconds: 0,
		primaryKeyId: () => 'old',
		getKey: () => Promise.reject(new Error('down')),
	};
	const { connectionString } = sealed;
	await expect(verifySettings({ connectionString, keys })).rejects.toMatchObject({
		code: 'KEY_UNAVAILABLE',
	});
});

test('changes nothing, whatever ring it has', async () => {
	await sealed.fill();
	const before = await sealed.snapshot();
	const { connectionString } = sealed;

	expect(await verifySettings({ connectionString, keys: `x:${newKey()}` })).toMatchObject({
		failed: 4,
	});
	expect(await sealed.snapshot()).toEqual(before);
});
