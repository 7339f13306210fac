import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { destinationsExtension, rotateKeys, verifySettings } from '../../src/index.ts';
import { SealedService } from './sealed-service.ts';

const apiKey = `phc_${'cl3ar'.repeat(8)}`;
const settings = {
	apiKey,
	host: 'https://eu.i.posthog.com',
	enableServerSide: true,
	enableClientSide: true,
};

let sealed: SealedService;
let organizationId: string;
let id: string;

beforeAll(async () => {
	sealed = await SealedService.open();
});
beforeEach(async () => {
	organizationId = await sealed.service.createOrganization();
	id = await insert('production', settings);
});
afterEach(() => sealed.clear());
afterAll(() => sealed.close());

/** A row as an older system left it. */
async function insert(environment: string, value: object): Promise<string> {
	const { rows } = await sealed.service.admin.query(
		`INSERT INTO destinations (organization_id, type, name, environment, settings, settings_encrypted)
		 VALUES ($1, 'posthog', 'older', $2, $3, false) RETURNING id`,
		[organizationId, environment, JSON.stringify(value)],
	);
	return rows[0].id;
}

async function stored(row: string) {
	const { rows } = await sealed.service.admin.query('SELECT * FROM destinations WHERE id = $1', [
		row,
	]);
	return rows[0];
}

test('plaintext is refused unless the client is told to read it', async () => {
	const refusing = sealed.connect({ keys: sealed.ring }).forOrganization(organizationId);
	await expect(refusing.destinations.findById(id)).rejects.toMatchObject({
		code: 'DECRYPTION_FAILED',
	});
	const reading = sealed
		.connect({ keys: sealed.ring, plaintext: 'allow-read' })
		.forOrganization(organizationId);
	expect((await reading.destinations.findById(id))?.settings).toEqual(settings);
	expect(() => sealed.connect({ keys: sealed.ring, plaintext: 'allow' as 'refuse' })).toThrow(
		/allow-read/,
	);
});

test('the extension alone can be told as well', async () => {
	const base = new PrismaClient({
		adapter: new PrismaPg({
			connectionString: sealed.connectionString,
			options: '-c TimeZone=UTC',
		}),
	});
	try {
		const keys = sealed.ring;
		const reading = base.$extends(destinationsExtension({ keys, plaintext: 'allow-read' }));
		expect(await reading.destination.findUnique({ where: { id } })).toMatchObject({ settings });
		const refusing = base.$extends(destinationsExtension({ keys }));
		await expect(refusing.destination.findUnique({ where: { id } })).rejects.toMatchObject({
			code: 'DECRYPTION_FAILED',
		});
	} finally {
		await base.$disconnect();
	}
});

test('a write through a reading client encrypts', async () => {
	const { destinations } = sealed
		.connect({ keys: sealed.ring, plaintext: 'allow-read' })
		.forOrganization(organizationId);
	await destinations.patchSettings(id, { enableClientSide: false });
	expect(await stored(id)).toMatchObject({ settings_encrypted: true, settings: { kid: 'new' } });
	expect((await destinations.findById(id))?.settings).toEqual({
		...settings,
		enableClientSide: false,
	});
});

test('rotate leaves plaintext alone, and encrypts it when told to', async () => {
	const { settings: _, settings_encrypted: __, ...before } = await stored(id);
	const options = { connectionString: sealed.connectionString, keys: sealed.ring };

	expect(await rotateKeys(options)).toMatchObject({ rotated: 0, failed: 0 });
	expect(await stored(id)).toMatchObject({ settings_encrypted: false });
	expect(await rotateKeys({ ...options, fromPlaintext: true })).toMatchObject({ rotated: 1 });

	const { settings: envelope, settings_encrypted: encrypted, ...after } = await stored(id);
	expect(after).toEqual(before);
	expect(encrypted).toBe(true);
	expect(JSON.stringify(envelope)).not.toContain(apiKey);
	const { destinations } = sealed.connect({ keys: sealed.newOnly }).forOrganization(organizationId);
	expect((await destinations.findById(id))?.settings).toEqual(settings);
	expect(await verifySettings(options)).toMatchObject({ failed: 0, plaintext: 0 });
});

test('plaintext with numbers that JavaScript would round is still found unchanged', async () => {
	const row = await insert('staging', {});
	await sealed.tamper(
		`UPDATE destinations SET settings = '{"n": 12345678901234567890, "f": 1.10}' WHERE id = $1`,
		[row],
	);
	const options = { connectionString: sealed.connectionString, keys: sealed.ring };
	expect(await rotateKeys({ ...options, fromPlaintext: true })).toMatchObject({
		rotated: 2,
		busy: 0,
		failed: 0,
	});
});

test('plaintext that cannot be sealed is reported and left alone', async () => {
	const row = await insert('staging', {});
	await sealed.tamper(
		`UPDATE destinations SET settings = '{"__proto__": {"polluted": true}}' WHERE id = $1`,
		[row],
	);
	const options = { connectionString: sealed.connectionString, keys: sealed.ring };
	expect(await rotateKeys({ ...options, fromPlaintext: true })).toMatchObject({
		rotated: 1,
		failures: [{ destinationId: row, code: 'VALIDATION' }],
	});
	expect(await stored(row)).toMatchObject({ settings_encrypted: false });
});

test('settings with a member that is named as the id of a key are sealed as well', async () => {
	const [keyId] = sealed.ring.split(':');
	const row = await insert('development', { ...settings, kid: keyId });
	const result = await rotateFromPlaintext();
	expect(result.failed).toBe(0);
	expect(await stored(row)).toMatchObject({ settings_encrypted: true, settings: { kid: keyId } });
	expect(JSON.stringify((await stored(row)).settings)).not.toContain(apiKey);
});

// Sealed once more, it would never be read as settings again. The table of destinations refuses such rows by a CHECK.
test('earlier settings that look like an envelope and are marked as not encrypted are reported, and left', async () => {
	const { admin } = sealed.service;
	const { id: made } = await sealed
		.connect({ keys: sealed.ring })
		.forOrganization(organizationId)
		.destinations.create({
			...{ organizationId, type: 'posthog', name: 'sealed', environment: 'staging' },
			settings: { apiKey },
		});
	await admin.query('SET session_replication_role = replica');
	await admin.query(
		`INSERT INTO destination_settings_history
			(destination_id, version, organization_id, type, settings, settings_encrypted)
		 SELECT id, 1, organization_id, type, settings, false FROM destinations WHERE id = $1`,
		[made],
	);
	await admin.query('RESET session_replication_role');
	const { failed, failures } = await rotateFromPlaintext();
	expect(failed).toBe(1);
	expect(failures).toMatchObject([{ destinationId: made, code: 'VALIDATION' }]);
	expect(await stored(id)).toMatchObject({ settings_encrypted: true });
});

function rotateFromPlaintext() {
	const { connectionString } = sealed.service;
	return rotateKeys({ connectionString, keys: sealed.ring, fromPlaintext: true });
}
