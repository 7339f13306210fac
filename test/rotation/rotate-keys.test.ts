import { randomUUID } from 'node:crypto';
import { type KeyProvider, Keyring } from '../../src/index.ts';
import { rotateKeys } from '../../src/rotation/rotate-keys.ts';
import { metaPixel, posthogKey } from '../support/destinations.ts';
import { newKey, SealedService } from './sealed-service.ts';

let sealed: SealedService;

beforeAll(async () => {
	sealed = await SealedService.open();
});
afterEach(() => sealed.clear());
afterAll(() => sealed.close());

/** Options of a rotation from `old` to `new`. */
function toNew() {
	return { connectionString: sealed.connectionString, keys: sealed.ring };
}

test('seals live, deleted and replaced settings with the primary key, and changes nothing else', async () => {
	const { organizationId, live, edited } = await sealed.fill();
	const before = await sealed.untouched();

	const result = await rotateKeys(toNew());

	expect(result).toEqual({ rotated: 4, busy: 0, failed: 0, failures: [], stopped: false });
	expect(await sealed.keyIds()).toEqual(['new', 'new', 'new', 'new']);
	expect(await sealed.untouched()).toEqual(before);
	const { destinations } = sealed.connect({ keys: sealed.newOnly }).forOrganization(organizationId);
	expect((await destinations.findById(live))?.settings).toMatchObject({ apiKey: posthogKey });
	await destinations.revert(edited, 1);
	expect((await destinations.findById(edited))?.settings).toMatchObject(
		metaPixel(organizationId).settings,
	);
});

test('writes one entry to the audit log, however many pages it has', async () => {
	await sealed.fill();
	await sealed.fill();

	await rotateKeys({ ...toNew(), batchSize: 1 });

	const { rows } = await sealed.service.admin.query(
		`SELECT role FROM destination_audit_log WHERE action = 'keys_rotated'`,
	);
	expect(rows).toEqual([{ role: 'service_role' }]);
});

test('has nothing left to do a second time', async () => {
	await sealed.fill();
	await rotateKeys(toNew());
	const before = await sealed.snapshot();

	const seen: unknown[] = [];
	const onProgress = (progress: unknown) => seen.push(progress);
	expect(await rotateKeys({ ...toNew(), onProgress })).toMatchObject({ rotated: 0, failed: 0 });
	expect(seen).toEqual([{ done: 0, total: 0, failed: 0 }]);
	expect(await sealed.snapshot()).toEqual(before);
});

test('a dry run opens everything and writes nothing', async () => {
	await sealed.fill();
	const before = await sealed.snapshot();

	expect(await rotateKeys({ ...toNew(), dryRun: true })).toMatchObject({ rotated: 4, failed: 0 });
	expect(await sealed.snapshot()).toEqual(before);
});

test('can be limited to one organization', async () => {
	const { organizationId } = await sealed.fill();
	await sealed.fill();

	expect(await rotateKeys({ ...toNew(), organizationId })).toMatchObject({ rotated: 4 });
	expect(await sealed.keyIds()).toEqual(['new', 'new', 'new', 'new', 'old', 'old', 'old', 'old']);
	await expect(rotateKeys({ ...toNew(), organizationId: "'; --" })).rejects.toMatchObject({
		code: 'VALIDATION',
	});
});

test('stops after the page under way, and goes on where it was', async () => {
	for (let count = 0; count < 5; count += 1) await sealed.fill();
	const stop = new AbortController();
	const first = await rotateKeys({
		...toNew(),
		batchSize: 2,
		signal: stop.signal,
		onProgress: ({ done }) => {
			if (done >= 4) stop.abort();
		},
	});
	expect(first.stopped).toBe(true);
	expect(first.rotated).toBeGreaterThanOrEqual(4);
	expect(first.rotated).toBeLessThan(20);

	const second = await rotateKeys(toNew());
	expect(second).toMatchObject({ rotated: 20 - first.rotated, stopped: false });
	expect(new Set(await sealed.keyIds())).toEqual(new Set(['new']));
});

test('tells its progress up to the last row', async () => {
	for (let count = 0; count < 3; count += 1) await sealed.fill();
	const seen: { done: number; total: number; failed: number }[] = [];

	await rotateKeys({ ...toNew(), batchSize: 4, onProgress: (progress) => seen.push(progress) });

	expect(seen[0]).toEqual({ done: 0, total: 12, failed: 0 });
	expect(seen.at(-1)).toEqual({ done: 12, total: 12, failed: 0 });
	expect(seen.map(({ done }) => done)).toEqual(
		[...seen.map(({ done }) => done)].sort((a, b) => a - b),
	);
});

describe('a row that does not open', () => {
	test('is left alone and reported; the others are rotated', async () => {
		const { organizationId, live, deleted } = await sealed.fill();
		await sealed.tamper(
			`UPDATE destinations SET settings = (SELECT settings FROM destinations WHERE id = $1) WHERE id = $2`,
			[deleted, live],
		);
		const heard: unknown[] = [];

		const result = await rotateKeys({ ...toNew(), onFailure: (failure) => heard.push(failure) });

		const failure = {
			table: 'destinations',
			destinationId: live,
			organizationId,
			code: 'DECRYPTION_FAILED',
		};
		expect(result).toMatchObject({ rotated: 3, failed: 1, failures: [failure] });
		expect(heard).toEqual([failure]);
		expect(await sealed.keyIds()).toEqual(['new', 'new', 'new', 'old']);
	});

	test('may be an earlier version, which is named', async () => {
		const { organizationId, edited } = await sealed.fill();
		await sealed.tamper(
			`UPDATE destination_settings_history SET settings = jsonb_set(settings, '{ct}', '"AAAA"')`,
		);

		expect((await rotateKeys(toNew())).failures).toEqual([
			{
				table: 'destination_settings_history',
				destinationId: edited,
				version: 1,
				organizationId,
				code: 'DECRYPTION_FAILED',
			},
		]);
	});
});

describe('with the wrong ring not one row is changed', () => {
	test.each([
		['a ring without the old key', () => `new:${newKey()}`, 'UNKNOWN_KEY'],
		['other bytes under the old id', () => `new:${newKey()},old:${newKey()}`, 'DECRYPTION_FAILED'],
	])('%s', async (_, ring, code) => {
		await sealed.fill();
		const before = await sealed.snapshot();

		const result = await rotateKeys({ ...toNew(), keys: ring() });

		expect(result).toMatchObject({ rotated: 0, failed: 4 });
		expect(new Set(result.failures.map((failure) => failure.code))).toEqual(new Set([code]));
		expect(await sealed.snapshot()).toEqual(before);
	});

	test("a primary key with the id of the services' and other bytes is refused", async () => {
		await sealed.fill();
		const { organizationId } = await sealed.fill();
		await rotateKeys({ ...toNew(), organizationId });
		const before = await sealed.snapshot();

		await expect(
			rotateKeys({ ...toNew(), keys: `new:${newKey()},${sealed.old}` }),
		).rejects.toMatchObject({ code: 'CONFIGURATION' });
		expect(await sealed.snapshot()).toEqual(before);
	});
});

test('an organization whose key is not to be had is reported, and ends nothing', async () => {
	const { organizationId } = await sealed.fill();
	await sealed.fill();
	const ring = new Keyring(sealed.ring);
	const keys: KeyProvider = {
		cacheSeconds: 0,
		primaryKeyId: () => ring.primaryKeyId(),
		async getKey(keyId, organization) {
			if (organization === organizationId) throw new Error('the key is disabled');
			return ring.getKey(keyId);
		},
	};
	const result = await rotateKeys({ ...toNew(), keys, batchSize: 6 });
	expect(result).toMatchObject({ rotated: 4, failed: 4 });
	expect(new Set(result.failures.map(({ code }) => code))).toEqual(new Set(['KEY_UNAVAILABLE']));
});

test('a provider that is down ends it, and nothing is changed', async () => {
	await sealed.fill();
	const before = await sealed.snapshot();
	const keys: KeyProvider = {
		cacheSeconds: 0,
		primaryKeyId: () => 'new',
		getKey: () => Promise.reject(new Error('down')),
	};
	await expect(rotateKeys({ ...toNew(), keys })).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' });
	expect(await sealed.snapshot()).toEqual(before);
});

test('two rotations at once do it together, without waiting for each other', async () => {
	for (let count = 0; count < 20; count += 1) await sealed.fill();
	const [one, other] = await Promise.all([
		rotateKeys({ ...toNew(), batchSize: 3 }),
		rotateKeys({ ...toNew(), batchSize: 5 }),
	]);

	expect(one.rotated + other.rotated).toBe(80);
	expect(one.busy + other.busy + one.failed + other.failed).toBe(0);
	expect(new Set(await sealed.keyIds())).toEqual(new Set(['new']));
});

describe('beside users', () => {
	/** A ring whose keys come after something has happened. */
	function ringAfter(happens: () => Promise<unknown>): KeyProvider {
		const ring = new Keyring(sealed.ring);
		return {
			cacheSeconds: 60,
			primaryKeyId: () => ring.primaryKeyId(),
			async getKey(keyId) {
				if (keyId === 'old') await happens();
				return ring.getKey(keyId);
			},
		};
	}

	test('an edit made between reading and writing a page wins', async () => {
		const { organizationId, live } = await sealed.fill();
		const { destinations } = sealed.service.db.forOrganization(organizationId);
		const edit = () => destinations.patchSettings(live, { apiKey: `phc_${'n3w'.repeat(14)}` });

		const result = await rotateKeys({ ...toNew(), keys: ringAfter(edit) });

		expect(result).toMatchObject({ busy: 0, failed: 0 });
		expect(new Set(await sealed.keyIds())).toEqual(new Set(['new']));
		const read = await sealed
			.connect({ keys: sealed.ring })
			.forOrganization(organizationId)
			.destinations.findById(live);
		expect(read?.settings).toMatchObject({ apiKey: `phc_${'n3w'.repeat(14)}` });
	});

	test('a row deleted or purged meanwhile is no trouble', async () => {
		const { live, deleted } = await sealed.fill();
		const service = sealed.service.db.asService();
		const purge = async () => {
			await service.prisma.$executeRaw`DELETE FROM destinations WHERE id = ${live}::uuid`;
			await service.prisma.destination.restore({ where: { id: deleted } });
		};

		expect(await rotateKeys({ ...toNew(), keys: ringAfter(purge) })).toMatchObject({
			busy: 0,
			failed: 0,
		});
		expect(new Set(await sealed.keyIds())).toEqual(new Set(['new']));
	});
});

test('a login that may not become service_role rotates nothing', async () => {
	await sealed.fill();
	const { admin } = sealed.service;
	// Roles are those of all databases of a server.
	const tenant = `rotation_${randomUUID().replaceAll('-', '')}`;
	await admin.query(`CREATE ROLE ${tenant} LOGIN PASSWORD 'tenant' NOINHERIT`);
	try {
		await admin.query(`GRANT authenticated TO ${tenant}`);
		const url = new URL(sealed.connectionString);
		url.username = tenant;
		url.password = 'tenant';
		await expect(rotateKeys({ ...toNew(), connectionString: url.href })).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringContaining('GRANT service_role TO the login'),
			cause: expect.objectContaining({ code: '42501' }),
		});
	} finally {
		await admin.query(`DROP ROLE ${tenant}`);
	}
});

test.each([
	['batchSize', 0],
	['batchSize', 1.5],
	['organizationId', 'acme'],
])('refuses %s = %p', async (name, value) => {
	await expect(rotateKeys({ ...toNew(), [name]: value })).rejects.toMatchObject({
		code: 'VALIDATION',
	});
});
