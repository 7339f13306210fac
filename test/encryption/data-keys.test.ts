import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { EnvelopeKeyProvider, type EnvelopeKeyProviderOptions } from '../../src/index.ts';
import { type Service, startService } from '../support/service.ts';
import { Wire } from '../tenancy/wire.ts';

let service: Service;
const providers: EnvelopeKeyProvider[] = [];

beforeAll(async () => {
	service = await startService();
});
afterEach(async () => {
	for (const provider of providers.splice(0)) await provider.close();
});
afterAll(() => service.stop());

const kmsKey = randomBytes(32);

/** A key management service that binds what it wraps to the organization, as those of clouds do. */
const kms = {
	wrap: async (plaintext: Uint8Array, context: { organizationId: string }) => {
		const nonce = randomBytes(12);
		const cipher = createCipheriv('aes-256-gcm', kmsKey, nonce);
		cipher.setAAD(Buffer.from(context.organizationId));
		return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
	},
	unwrap: async (wrapped: Uint8Array, context: { organizationId: string }) => {
		const decipher = createDecipheriv('aes-256-gcm', kmsKey, wrapped.subarray(0, 12));
		decipher.setAAD(Buffer.from(context.organizationId));
		decipher.setAuthTag(wrapped.subarray(-16));
		return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
	},
};

function newProvider(options: Partial<EnvelopeKeyProviderOptions> = {}): EnvelopeKeyProvider {
	const { connectionString } = service;
	const made = new EnvelopeKeyProvider({ ...kms, connectionString, cacheSeconds: 60, ...options });
	providers.push(made);
	return made;
}

async function storedKeys(organizationId: string) {
	const { rows } = await service.admin.query<{ id: string; generation: number; key: Buffer }>(
		`SELECT id, generation, wrapped_key AS key FROM destination_data_keys
		 WHERE organization_id = $1 ORDER BY generation`,
		[organizationId],
	);
	return rows;
}

/** A session of a superuser, in a transaction. */
async function begin(): Promise<Client> {
	const client = new Client({ connectionString: service.connectionString });
	await client.connect();
	await client.query('BEGIN');
	return client;
}

async function commit(client: Client): Promise<void> {
	await client.query('COMMIT');
	await client.end();
}

async function insertFirstKey(client: Client, organizationId: string): Promise<void> {
	await client.query(
		`INSERT INTO destination_data_keys (organization_id, wrapped_key) VALUES ($1, 'x')`,
		[organizationId],
	);
}

/** How many sessions wait for a lock. */
async function waiting(): Promise<number> {
	const { rows } = await service.admin.query(
		`SELECT count(*)::integer AS count FROM pg_stat_activity
		 WHERE datname = current_database() AND wait_event_type = 'Lock'`,
	);
	return rows[0].count;
}

async function untilWaiting(count: number): Promise<void> {
	const start = performance.now();
	while ((await waiting()) < count) {
		if (performance.now() - start > 10_000) throw new Error(`${count} sessions do not wait`);
		await delay(5);
	}
}

describe('the first key of an organization', () => {
	it('is 32 random bytes, kept as the service wrapped them and wiped after', async () => {
		const organizationId = await service.createOrganization();
		const given: Uint8Array[] = [];
		const plain: Uint8Array[] = [];
		const wrapped: Uint8Array[] = [];
		const provider = newProvider({
			wrap: async (key, context) => {
				expect(context).toEqual({ organizationId });
				given.push(key);
				plain.push(Uint8Array.from(key));
				wrapped.push(await kms.wrap(key, context));
				return wrapped[0] ?? key;
			},
		});
		const id = await provider.primaryKeyId(organizationId);
		expect(given).toEqual([new Uint8Array(32)].map((zeros) => Buffer.from(zeros)));
		expect(await storedKeys(organizationId)).toEqual([{ id, generation: 1, key: wrapped[0] }]);
		expect(Uint8Array.from(await provider.getKey(id, organizationId))).toEqual(plain[0]);
		expect(new Set(plain[0]).size).toBeGreaterThan(8);
		// It is there now, for every process.
		expect(await provider.primaryKeyId(organizationId)).toBe(id);
		expect(await newProvider().primaryKeyId(organizationId)).toBe(id);
		expect(plain).toHaveLength(1);
	});

	it('is wiped where it could not be wrapped, and nothing is kept', async () => {
		const organizationId = await service.createOrganization();
		let given: Uint8Array | undefined;
		const provider = newProvider({
			wrap: (key) => {
				given = key;
				return Promise.reject(new Error('down'));
			},
		});
		await expect(provider.primaryKeyId(organizationId)).rejects.toThrow('down');
		expect(given?.every((byte) => byte === 0)).toBe(true);
		expect(await storedKeys(organizationId)).toEqual([]);
	});

	it('is the one of who was faster', async () => {
		const organizationId = await service.createOrganization();
		const fast = newProvider();
		let kept = '';
		const slow = newProvider({
			wrap: async (key, context) => {
				kept = await fast.primaryKeyId(organizationId);
				return kms.wrap(key, context);
			},
		});
		expect(await slow.primaryKeyId(organizationId)).toBe(kept);
		expect((await storedKeys(organizationId)).map(({ id }) => id)).toEqual([kept]);
	});

	it('is refused where all keys were deleted while it was made', async () => {
		const organizationId = await service.createOrganization();
		const [faster, shredding] = [await begin(), await begin()];
		await insertFirstKey(faster, organizationId);
		const work = expect(newProvider().primaryKeyId(organizationId)).rejects.toMatchObject({
			code: 'CONFLICT',
			message:
				'The data keys of this organization were deleted while one was made. Try again if that was not meant.',
		});
		await untilWaiting(1);
		// The table is its own as soon as the provider's insert is through, before it looks for the faster one's key.
		const locked = shredding.query('LOCK TABLE destination_data_keys IN ACCESS EXCLUSIVE MODE');
		await untilWaiting(2);
		await commit(faster);
		await locked;
		await shredding.query('DELETE FROM destination_data_keys WHERE organization_id = $1', [
			organizationId,
		]);
		await commit(shredding);
		await work;
	});

	it('is refused to an organization that does not exist', async () => {
		await expect(newProvider().primaryKeyId(randomUUID())).rejects.toMatchObject({
			code: 'NOT_FOUND',
			message:
				'The organization does not exist, so it has no data key. If it is created in the same transaction, commit that first: keys are stored outside transactions.',
		});
	});
});

describe('a data key', () => {
	it('is found by its id and its organization alone', async () => {
		const [own, other] = [await service.createOrganization(), await service.createOrganization()];
		const provider = newProvider();
		const id = await provider.primaryKeyId(own);
		await provider.primaryKeyId(other);
		for (const [keyId, organizationId] of [
			[id, other],
			[randomUUID(), own],
			['2026-11', own],
		] as const) {
			await expect(provider.getKey(keyId, organizationId)).rejects.toMatchObject({
				code: 'UNKNOWN_KEY',
				message: `The organization has no data key "${keyId}". If it was shredded, what it encrypted cannot be read again.`,
			});
		}
	});

	it('of an id that is no uuid is one of the older keys, where there are such', async () => {
		const organizationId = await service.createOrganization();
		const asked: string[] = [];
		const key = randomBytes(32);
		const provider = newProvider({
			olderKeys: {
				cacheSeconds: 1,
				primaryKeyId: () => 'never',
				getKey: (...names) => {
					asked.push(...names);
					return key;
				},
			},
		});
		expect(await provider.getKey('2026-11', organizationId)).toBe(key);
		await expect(provider.getKey(randomUUID(), organizationId)).rejects.toMatchObject({
			code: 'UNKNOWN_KEY',
		});
		expect(asked).toEqual(['2026-11', organizationId]);
	});

	it('is renewed: the next one seals, and those before open', async () => {
		const organizationId = await service.createOrganization();
		const provider = newProvider();
		const first = await provider.renew(organizationId.toUpperCase());
		expect(await provider.primaryKeyId(organizationId)).toBe(first);
		const second = await provider.renew(organizationId);
		expect(await provider.primaryKeyId(organizationId)).toBe(second);
		expect(
			(await storedKeys(organizationId)).map(({ id, generation }) => [id, generation]),
		).toEqual([
			[first, 1],
			[second, 2],
		]);
		const keys = [
			await provider.getKey(first, organizationId),
			await provider.getKey(second, organizationId),
		];
		expect(keys[0]).not.toEqual(keys[1]);
	});

	it('is not renewed twice at once', async () => {
		const organizationId = await service.createOrganization();
		const other = await begin();
		await insertFirstKey(other, organizationId);
		const work = expect(newProvider().renew(organizationId)).rejects.toMatchObject({
			code: 'CONFLICT',
			message: 'Somebody else made a new data key for this organization just now.',
		});
		await untilWaiting(1);
		await commit(other);
		await work;
	});

	it('is shredded with all others of its organization, and no others', async () => {
		const [own, other] = [await service.createOrganization(), await service.createOrganization()];
		const provider = newProvider();
		await provider.renew(own);
		await provider.renew(own);
		const kept = await provider.renew(other);
		expect(await provider.shred(own.toUpperCase())).toBe(2);
		expect(await provider.shred(own)).toBe(0);
		expect(await storedKeys(own)).toEqual([]);
		expect(await provider.primaryKeyId(other)).toBe(kept);
	});

	it.each(['renew', 'shred'] as const)('%s asks for a proper organization', async (method) => {
		for (const organizationId of ['', 'x', null, undefined]) {
			// Callers without types may pass anything.
			await expect(newProvider()[method](organizationId as string)).rejects.toMatchObject({
				code: 'VALIDATION',
				message: 'organizationId: must be a UUID',
			});
		}
	});

	it('that the table does not take was not wrapped as it must be', async () => {
		const organizationId = await service.createOrganization();
		const provider = newProvider({ wrap: async () => new Uint8Array(8193) });
		for (const method of ['primaryKeyId', 'renew'] as const) {
			await expect(provider[method](organizationId)).rejects.toMatchObject({
				code: 'CONFIGURATION',
				message: expect.stringContaining('more than 8,192 bytes'),
				cause: expect.objectContaining({ constraint: 'destination_data_keys_wrapped_key_size' }),
			});
		}
	});
});

describe('connections', () => {
	/** How many a provider opens for ten questions at once. */
	async function mostOf(pool?: EnvelopeKeyProviderOptions['pool']): Promise<number> {
		const organizationId = await service.createOrganization();
		const provider = newProvider({ pool });
		const locking = await begin();
		await locking.query('LOCK TABLE destination_data_keys IN ACCESS EXCLUSIVE MODE');
		const works = Array.from({ length: 10 }, () => provider.primaryKeyId(organizationId));
		await untilWaiting(pool?.max ?? 4);
		await delay(100);
		const count = await waiting();
		await commit(locking);
		await Promise.all(works);
		return count;
	}

	it('are four, unless the options of the pool say otherwise', async () => {
		expect(await mostOf()).toBe(4);
		expect(await mostOf({ max: 2 })).toBe(2);
	});

	it('that are idle do not keep the process alive', async () => {
		const sockets = () =>
			process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
		const organizationId = await service.createOrganization();
		const before = sockets();
		const provider = newProvider();
		await provider.primaryKeyId(organizationId);
		expect(sockets()).toBe(before);
	});

	it('keep no prepared statements, which a pooler in transaction mode would lose', async () => {
		const organizationId = await service.createOrganization();
		const wire = await Wire.before(service.connectionString);
		try {
			const connectionString = wire.through(service.connectionString);
			const provider = newProvider({ connectionString, pool: { max: 1 } });
			const id = await provider.primaryKeyId(organizationId);
			await provider.getKey(id, organizationId);
			wire.take();
			await provider.getKey(id, organizationId);
			const parsed = [...wire.take().types].filter((type) => type === 'P').length;
			await provider.getKey(id, organizationId);
			expect([...wire.take().types].filter((type) => type === 'P')).toHaveLength(parsed);
			expect(parsed).toBeGreaterThan(1);
			await provider.close();
			providers.length = 0;
		} finally {
			await wire.close();
		}
	});

	it.each(['close', Symbol.asyncDispose] as const)('are closed by %p', async (method) => {
		const organizationId = await service.createOrganization();
		const provider = newProvider();
		await provider.primaryKeyId(organizationId);
		await provider[method]();
		providers.length = 0;
		await expect(provider.primaryKeyId(organizationId)).rejects.toMatchObject({
			code: 'UNSUPPORTED',
		});
	});
});

describe('the options', () => {
	it('are kept where clients ask for them', () => {
		for (const cacheSeconds of [0, 0.5, Number.POSITIVE_INFINITY]) {
			const provider = newProvider({ cacheSeconds, timeoutSeconds: 2 });
			expect(provider).toMatchObject({ cacheSeconds, timeoutSeconds: 2 });
		}
		expect(newProvider().timeoutSeconds).toBeUndefined();
	});

	it.each<[object, RegExp]>([
		[{ wrap: undefined }, /^EnvelopeKeyProvider: wrap: must be a function$/],
		[{ unwrap: 'x' }, /unwrap: must be a function/],
		[{ cacheSeconds: undefined }, /cacheSeconds: must be a number of seconds from 0 on/],
		[{ cacheSeconds: -1 }, /cacheSeconds: must be a number/],
		[{ cacheSeconds: '60' }, /cacheSeconds: must be a number/],
		[{ cacheSeconds: Number.NaN }, /cacheSeconds: must be a number/],
		[{ timeoutSeconds: -1 }, /timeoutSeconds: must be a number/],
		[{ timeoutSeconds: 0 }, /timeoutSeconds: must be a number of seconds greater than 0/],
		[{ timeoutSeconds: Number.NaN }, /timeoutSeconds: must be a number/],
		[{ olderKeys: {} }, /olderKeys: must be a provider of keys/],
		[{ pool: { maximum: 1 } }, /^`pool` of EnvelopeKeyProvider: unknown option "maximum"/],
		[{ connectionString: 5 }, /connectionString: must be text/],
		[{ keys: 'x' }, /keys/],
	])('%j are refused', (options, message) => {
		expect(() => newProvider(options)).toThrow(
			expect.objectContaining({
				code: 'CONFIGURATION',
				message: expect.stringMatching(message),
			}),
		);
	});

	it('name a database, or the environment does', async () => {
		const { DATABASE_URL } = process.env;
		try {
			delete process.env.DATABASE_URL;
			expect(() => newProvider({ connectionString: undefined })).toThrow(
				/Set DATABASE_URL, or pass `connectionString`, or `pool` with a host/,
			);
			process.env.DATABASE_URL = service.connectionString;
			const provider = newProvider({ connectionString: undefined });
			const organizationId = await service.createOrganization();
			expect(await provider.primaryKeyId(organizationId)).toMatch(/^[0-9a-f-]{36}$/);
		} finally {
			delete process.env.DATABASE_URL;
			if (DATABASE_URL !== undefined) process.env.DATABASE_URL = DATABASE_URL;
		}
	});
});
