import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyProvider } from '../../src/index.ts';
import { SettingsEncryption, UnknownKeyError } from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { pass } from '../support/encryption.ts';
import { type Service, startService } from '../support/service.ts';

const key = randomBytes(32);

/** A key service that a test can slow down, break, repair, and make forget. */
class KeyService implements KeyProvider {
	cacheSeconds = 0;
	timeoutSeconds = 0.2;
	keys = new Map<string, Uint8Array>([['k1', key]]);
	primary = 'k1';
	behave: () => Promise<void> = async () => {};
	calls: string[] = [];

	async primaryKeyId(organizationId: string): Promise<string> {
		this.calls.push(`primary ${organizationId}`);
		await this.behave();
		return this.primary;
	}

	async getKey(keyId: string, organizationId: string): Promise<Uint8Array> {
		this.calls.push(`${keyId} ${organizationId}`);
		await this.behave();
		const key = this.keys.get(keyId);
		if (key === undefined) throw new UnknownKeyError(`no ${keyId}`);
		return key;
	}
}

const secret = 'kms-token-7c1f';

const troubles: [string, string, (keys: KeyService) => void][] = [
	['fails', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => Promise.reject(new Error(secret)))],
	['does not answer', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => new Promise(() => {}))],
	['is slow', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => delay(400))],
	[
		'throws at once',
		'KEY_UNAVAILABLE',
		(keys) =>
			(keys.behave = () => {
				throw new TypeError(secret);
			}),
	],
	['forgot the key', 'UNKNOWN_KEY', (keys) => keys.keys.clear()],
];

describe('a key provider in trouble', () => {
	let keys: KeyService;
	let service: Service;
	let organizationId: string;
	let id: string;

	beforeAll(async () => {
		keys = new KeyService();
		service = await startService({ keys });
		organizationId = await service.createOrganization();
		const { destinations } = service.db.forOrganization(organizationId);
		({ id } = await destinations.create(posthog(organizationId)));
	});
	afterAll(() => service.stop());
	afterEach(() => {
		keys.behave = async () => {};
		keys.keys.set('k1', key);
	});

	async function everything(): Promise<unknown[]> {
		const { rows } = await service.admin.query(
			'SELECT to_jsonb(d) AS row FROM destinations AS d UNION ALL SELECT to_jsonb(l) FROM destination_audit_log AS l ORDER BY row',
		);
		return rows;
	}

	test.each(troubles)('that %s: reads and writes fail with %s', async (_, code, trouble) => {
		const { destinations, prisma, transaction } = service.db.forOrganization(organizationId);
		const before = await everything();
		trouble(keys);
		const attempts = [
			() => destinations.findById(id),
			() => prisma.destination.findFirst(),
			() => destinations.create({ ...posthog(organizationId), environment: 'staging' }),
			() => destinations.update(id, { name: 'x', settings: { apiKey: posthogKey } }),
			() =>
				transaction(async (tx) => {
					await tx.prisma.destination.updateMany({ data: { enabled: false } });
					await tx.destinations.patchSettings(id, { apiKey: posthogKey });
				}),
		];
		for (const attempt of attempts) {
			const error = await attempt().then(
				() => undefined,
				(refusal: Error) => refusal,
			);
			expect(error).toMatchObject({ code });
			expect(JSON.stringify([error, error?.message, error?.cause, error?.stack])).not.toContain(
				secret,
			);
		}
		expect(await everything()).toEqual(before);
	});

	test.each(troubles)('that %s, and comes back: the next read works', async (_, __, trouble) => {
		const { destinations } = service.db.forOrganization(organizationId);
		trouble(keys);
		await expect(destinations.findById(id)).rejects.toThrow();
		keys.behave = async () => {};
		keys.keys.set('k1', key);

		expect((await destinations.findById(id))?.settings).toMatchObject({ apiKey: posthogKey });
		await destinations.update(id, { settings: { apiKey: posthogKey } });
	});
});

describe('the cache', () => {
	afterEach(() => jest.restoreAllMocks());

	const context = (organizationId: string, destinationId = 'd') => ({
		organizationId,
		destinationId,
		type: 'posthog',
	});

	test('asks once for a key, however many reads wait for it', async () => {
		const keys = new KeyService();
		keys.behave = () => delay(20);
		const encryption = new SettingsEncryption(keys);
		const envelopes = await Promise.all(
			Array.from({ length: 50 }, (_, row) =>
				encryption.encrypt({ row }, context(`o${row % 2}`, `d${row}`)),
			),
		);
		expect([...keys.calls].sort()).toEqual(['k1 o0', 'k1 o1', 'primary o0', 'primary o1']);
		keys.calls = [];
		await Promise.all(
			envelopes.map((envelope, row) =>
				encryption.decrypt(envelope, context(`o${row % 2}`, `d${row}`)),
			),
		);
		expect(keys.calls).toEqual(['k1 o0', 'k1 o1']);
	});

	test('asks nothing while it is warm, and again when cacheSeconds are over', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption(keys);
		const envelope = await encryption.encrypt({}, context('o'));
		keys.calls = [];
		await encryption.decrypt(envelope, context('o'));
		await encryption.encrypt({}, context('o'));
		expect(keys.calls).toEqual([]);
		pass(60);
		await encryption.decrypt(envelope, context('o'));
		await encryption.encrypt({}, context('o'));
		expect(keys.calls).toEqual(['k1 o', 'primary o']);
	});

	test('counts the lifetime of a key from when it was asked for', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption(keys);
		const envelope = await encryption.encrypt({}, context('o'));
		pass(60);
		// The answer is on its way for a minute.
		keys.behave = async () => pass(60);
		await encryption.decrypt(envelope, context('o'));
		keys.keys.clear();
		keys.behave = async () => {};
		await expect(encryption.decrypt(envelope, context('o'))).rejects.toMatchObject({
			code: 'UNKNOWN_KEY',
		});
	});

	test('asks for the primary key anew when the one it remembers is gone', async () => {
		const keys = new KeyService();
		keys.cacheSeconds = 60;
		const encryption = new SettingsEncryption({
			cacheSeconds: 60,
			primaryKeyId: (organizationId) => keys.primaryKeyId(organizationId),
			// Keys are refused by name, before any cache of this test's.
			getKey: (keyId, organizationId) => keys.getKey(keyId, organizationId),
		});
		keys.primary = 'k2';
		await expect(encryption.encrypt({}, context('o'))).rejects.toMatchObject({
			code: 'UNKNOWN_KEY',
		});
		keys.primary = 'k1';
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k1');
	});

	test('a primary key that is at hand may change at every write', async () => {
		let primary = 'k1';
		const encryption = new SettingsEncryption({
			cacheSeconds: Number.POSITIVE_INFINITY,
			primaryKeyId: () => primary,
			getKey: () => key,
		});
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k1');
		primary = 'k2';
		expect((await encryption.encrypt({}, context('o'))).kid).toBe('k2');
	});

	test.each([0, -1, Number.NaN, '3'])('refuses timeoutSeconds: %p', (timeoutSeconds) => {
		const keys = Object.assign(new KeyService(), { timeoutSeconds });
		expect(() => new SettingsEncryption(keys)).toThrow(/timeoutSeconds/);
	});
});
