import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
	createDestinationsClient,
	EnvelopeKeyProvider,
	type EnvelopeKeyProviderOptions,
	Keyring,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { newKeys } from '../support/extended-client.ts';
import { type Service, startService } from '../support/service.ts';

/** A key management service in memory, that counts what it is asked. */
class Kms {
	readonly #key = randomBytes(32);
	wrapped = 0;
	unwrapped = 0;
	available = true;

	wrap = async (plaintext: Uint8Array): Promise<Uint8Array> => {
		await this.#answer();
		this.wrapped += 1;
		const nonce = randomBytes(12);
		const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
		return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
	};

	unwrap = async (wrapped: Uint8Array): Promise<Uint8Array> => {
		await this.#answer();
		this.unwrapped += 1;
		const decipher = createDecipheriv('aes-256-gcm', this.#key, wrapped.subarray(0, 12));
		decipher.setAuthTag(wrapped.subarray(-16));
		return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
	};

	async #answer(): Promise<void> {
		await delay(5);
		if (!this.available) throw new Error('connect ECONNREFUSED kms');
	}
}

let kms: Kms;
let service: Service;
const open: AsyncDisposable[] = [];

beforeEach(async () => {
	kms = new Kms();
	service = await startService();
});
afterEach(async () => {
	for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
	await service.stop();
});

function provider(options: Partial<EnvelopeKeyProviderOptions> = {}): EnvelopeKeyProvider {
	const { connectionString } = service;
	const { wrap, unwrap } = kms;
	const made = new EnvelopeKeyProvider({
		wrap,
		unwrap,
		connectionString,
		cacheSeconds: 60,
		...options,
	});
	open.push(made);
	return made;
}

/** A process of the service: a client with a provider and a cache of its own. */
function connect(keys = provider()) {
	const db = createDestinationsClient({ connectionString: service.connectionString, keys });
	open.push(db);
	return db;
}

async function storedKeys(organizationId: string): Promise<{ id: string; generation: number }[]> {
	const { rows } = await service.admin.query(
		'SELECT id, generation FROM destination_data_keys WHERE organization_id = $1 ORDER BY generation',
		[organizationId],
	);
	return rows;
}

test('makes a key for each organization, and keeps it wrapped', async () => {
	const organizations = [await service.createOrganization(), await service.createOrganization()];
	const db = connect();
	for (const organizationId of organizations) {
		const { destinations } = db.forOrganization(organizationId);
		const { id } = await destinations.create(posthog(organizationId));
		expect((await destinations.findById(id))?.settings).toMatchObject({ apiKey: posthogKey });
	}
	const { rows } = await service.admin.query(
		`SELECT count(DISTINCT settings ->> 'kid')::integer AS ids, count(DISTINCT k.wrapped_key)::integer AS keys
		 FROM destinations AS d JOIN destination_data_keys AS k ON k.id::text = d.settings ->> 'kid'`,
	);
	expect(rows).toEqual([{ ids: 2, keys: 2 }]);
	expect(kms.wrapped).toBe(2);
});

test('one key comes of many processes that make the first at once', async () => {
	const organizationId = await service.createOrganization();
	const processes = Array.from({ length: 6 }, () => connect().forOrganization(organizationId));
	const types = ['development', 'staging', 'production'] as const;
	await Promise.all(
		processes
			.slice(0, 3)
			.map(({ destinations }, index) =>
				destinations.create({ ...posthog(organizationId), environment: types[index] ?? 'staging' }),
			),
	);
	expect(await storedKeys(organizationId)).toHaveLength(1);
	for (const { destinations } of processes) {
		const { items } = await destinations
			.findByOrganization(organizationId)
			.then((found) => ({ items: found }));
		expect(items).toHaveLength(3);
	}
});

test('unwraps once for a result, and not at all while the cache is warm', async () => {
	const organizationId = await service.createOrganization();
	const writer = connect().forOrganization(organizationId);
	for (const environment of ['development', 'staging', 'production'] as const) {
		await writer.destinations.create({ ...posthog(organizationId), environment });
	}
	const reader = connect().forOrganization(organizationId);
	kms.unwrapped = 0;
	await reader.prisma.destination.findMany();
	expect(kms.unwrapped).toBe(1);
	await reader.prisma.destination.findMany();
	expect(kms.unwrapped).toBe(1);
});

test('works for the service, and for logins that may only become a tenant', async () => {
	const organizationId = await service.createOrganization();
	const { id } = await connect()
		.forOrganization(organizationId)
		.destinations.create(posthog(organizationId));
	expect(await connect().asService().destinations.findById(id)).toMatchObject({
		settings: { apiKey: posthogKey },
	});
});

test('shredding makes the settings of one organization unreadable, and of no other', async () => {
	const [gone, other] = [await service.createOrganization(), await service.createOrganization()];
	const keys = provider();
	const db = connect(keys);
	const { id } = await db.forOrganization(gone).destinations.create(posthog(gone));
	const { id: kept } = await db.forOrganization(other).destinations.create(posthog(other));

	expect(await keys.shred(gone)).toBe(1);

	const later = connect();
	await expect(later.forOrganization(gone).destinations.findById(id)).rejects.toMatchObject({
		code: 'UNKNOWN_KEY',
	});
	expect(await later.forOrganization(other).destinations.findById(kept)).not.toBeNull();
	// The organization can begin again, with another key.
	const again = await later
		.forOrganization(gone)
		.destinations.create({ ...posthog(gone), environment: 'staging' });
	expect(await later.forOrganization(gone).destinations.findById(again.id)).not.toBeNull();
	const report = await verifySettings({
		connectionString: service.connectionString,
		keys: provider(),
	});
	expect(report).toMatchObject({
		failed: 1,
		failures: [{ destinationId: id, code: 'UNKNOWN_KEY' }],
	});
});

test('a KMS that is down gives KEY_UNAVAILABLE, writes nothing, and is missed no longer than that', async () => {
	const organizationId = await service.createOrganization();
	const { destinations } = connect().forOrganization(organizationId);
	kms.available = false;
	await expect(destinations.create(posthog(organizationId))).rejects.toMatchObject({
		code: 'KEY_UNAVAILABLE',
	});
	expect(await storedKeys(organizationId)).toEqual([]);
	kms.available = true;
	await destinations.create(posthog(organizationId));
});

test('renew and rotate move an organization to a new key', async () => {
	const organizationId = await service.createOrganization();
	const { id } = await connect()
		.forOrganization(organizationId)
		.destinations.create(posthog(organizationId));
	const keys = provider();
	const next = await keys.renew(organizationId);
	expect((await storedKeys(organizationId)).map(({ generation }) => generation)).toEqual([1, 2]);

	const options = { connectionString: service.connectionString, keys, organizationId };
	expect(await rotateKeys(options)).toMatchObject({ rotated: 1, failed: 0 });
	expect(await rotateKeys(options)).toMatchObject({ rotated: 0, failed: 0 });
	expect((await verifySettings(options)).keys).toEqual({ [next]: 1 });
	expect(await connect().forOrganization(organizationId).destinations.findById(id)).not.toBeNull();
});

test('takes over from a key ring', async () => {
	const ring = newKeys('2025-11');
	const organizationId = await service.createOrganization();
	const db = createDestinationsClient({ connectionString: service.connectionString, keys: ring });
	open.push(db);
	await db.forOrganization(organizationId).destinations.create(posthog(organizationId));
	const keys = provider({ olderKeys: new Keyring(ring) });

	expect(await connect(keys).asService().prisma.destination.findMany()).toHaveLength(1);
	const options = { connectionString: service.connectionString, keys };
	expect(await rotateKeys(options)).toMatchObject({ rotated: 1, failed: 0 });
	expect(await verifySettings({ ...options, keys: provider() })).toMatchObject({ failed: 0 });
});

test('an organization that is not there has no key', async () => {
	const nobody = '00000000-0000-7000-8000-000000000000';
	await expect(
		connect()
			.asService()
			.prisma.destination.create({ data: { ...posthog(nobody), requiredConsent: [] } }),
	).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

describe('the table of wrapped keys', () => {
	const tenant = async (organizationId: string, sql: string, values: unknown[] = []) =>
		service.db.forOrganization(organizationId).prisma.$queryRawUnsafe(sql, ...values);

	test("shows a tenant its own organization's keys only", async () => {
		const [own, other] = [await service.createOrganization(), await service.createOrganization()];
		for (const id of [own, other])
			await connect().forOrganization(id).destinations.create(posthog(id));
		expect(await tenant(own, 'SELECT organization_id::text FROM destination_data_keys')).toEqual([
			{ organization_id: own },
		]);
	});

	test.each([
		[
			'a later key',
			`INSERT INTO destination_data_keys (organization_id, generation, wrapped_key) VALUES ($1::uuid, 2, 'x')`,
		],
		[
			'a key of its own id',
			`INSERT INTO destination_data_keys (id, organization_id, wrapped_key) VALUES (gen_random_uuid(), $1::uuid, 'x')`,
		],
		[
			'another wrapped key',
			`UPDATE destination_data_keys SET wrapped_key = 'x' WHERE organization_id = $1::uuid`,
		],
		['no key', 'DELETE FROM destination_data_keys WHERE organization_id = $1::uuid'],
	])('lets a tenant make it %s: no', async (_, sql) => {
		const own = await service.createOrganization();
		await connect().forOrganization(own).destinations.create(posthog(own));
		const before = await storedKeys(own);
		await expect(tenant(own, sql, [own])).rejects.toThrow(/42501/);
		expect(await storedKeys(own)).toEqual(before);
	});

	test('cannot be changed by anybody, only deleted from', async () => {
		const own = await service.createOrganization();
		await connect().forOrganization(own).destinations.create(posthog(own));
		for (const sql of [
			`UPDATE destination_data_keys SET wrapped_key = 'x'`,
			'TRUNCATE destination_data_keys',
		]) {
			await expect(service.admin.query(sql)).rejects.toMatchObject({
				code: '23514',
				constraint: 'destination_data_keys_immutable',
			});
		}
		await service.admin.query('DELETE FROM organizations WHERE id = $1', [own]);
		expect(await storedKeys(own)).toEqual([]);
	});
});
