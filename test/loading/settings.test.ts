import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
	createDestinationsClient,
	EnvelopeKeyProvider,
	type LoaderFailure,
	rotateKeys,
} from '../../src/index.ts';
import { newKeys, pass } from '../support/encryption.ts';
import { KeyService } from '../support/key-service.ts';
import { Loading, newApiKey, pause, settled, until } from './loading.ts';

// Rows that do not open, keys that are withdrawn, and settings that must not be kept.

afterEach(() => jest.restoreAllMocks());

/** Changes a stored row past the triggers, and has the loaders forget it. */
async function tamper(loading: Loading, id: string, assignments: string): Promise<void> {
	await loading.sql('SET session_replication_role = replica');
	await loading.sql(`UPDATE destinations SET ${assignments} WHERE id = '${id}'`);
	await loading.sql('RESET session_replication_role');
}

test('a row that does not open is left out, reported and counted, and harms no other', async () => {
	await using loading = await Loading.open();
	const apiKey = newApiKey();
	const good = await loading.newDestination({ apiKey });
	const { organizationId } = good;
	const poisoned = await loading.newDestination({ organizationId, environment: 'staging' });
	await tamper(loading, poisoned.id, `environment = 'production', type = 'mixpanel'`);
	const other = await loading.newDestination();
	const failures: LoaderFailure[] = [];
	const loader = loading.loader().on('failure', (failure) => failures.push(failure));
	await loader.start();
	const found = await Promise.all(
		[organizationId, other.organizationId, organizationId].map((id) =>
			loader.findEnabled(id, 'production'),
		),
	);
	expect(found.map((list) => list.map(({ id }) => id))).toEqual([[good.id], [other.id], [good.id]]);
	await until(() => failures.length > 0);
	expect(failures).toMatchObject([
		{ destinationId: poisoned.id, organizationId, count: 1, error: { code: 'DECRYPTION_FAILED' } },
	]);
	expect(loader.metrics()).toMatchObject({ rowsLeftOut: 1, failures: 1 });
	const printed = inspect(failures, { depth: 9, showHidden: true }) + JSON.stringify(failures);
	expect(printed).not.toContain(apiKey);
	await loader.findEnabled(organizationId, 'production');
	expect(loader.metrics().rowsLeftOut).toBe(1);
});

test('a row of a type that this version does not know is left out, and said to be so', async () => {
	await using loading = await Loading.open();
	const { id, organizationId } = await loading.newDestination();
	await loading.sql('ALTER TABLE destinations DROP CONSTRAINT destinations_valid_type');
	await tamper(loading, id, `type = 'of-tomorrow'`);
	const loader = await loading.started();
	const failure = new Promise((resolve) => loader.on('failure', resolve));
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	expect(await failure).toMatchObject({ error: { code: 'UNSUPPORTED' }, destinationId: id });
});

test('a row in plaintext is left out, unless the loader was told to read such', async () => {
	await using loading = await Loading.open();
	const { id, organizationId } = await loading.newDestination();
	await tamper(loading, id, `settings_encrypted = false, settings = '{"apiKey": "phc_x"}'`);
	const refusing = await loading.started();
	expect(await refusing.findEnabled(organizationId, 'production')).toEqual([]);
	const reading = await loading.started({ plaintext: 'allow-read' });
	const [found] = await reading.findEnabled(organizationId, 'production');
	expect(found?.settings).toEqual({
		...{ apiKey: 'phc_x', host: 'https://eu.i.posthog.com' },
		...{ enableServerSide: true, enableClientSide: true },
	});
});

test('rows that were rotated since they were read, and whose key is gone, are read once more', async () => {
	const service = new KeyService();
	service.cacheSeconds = 0;
	service.keys.set('k2', randomBytes(32));
	await using loading = await Loading.open(service);
	const { organizationId } = await loading.newDestination();
	// Read, and not opened: another environment was asked for.
	const loader = await loading.started();
	await loader.findEnabled(organizationId, 'staging');
	await settled(loader);
	await loader.findEnabled(organizationId, 'staging');
	service.primary = 'k2';
	await rotateKeys({
		connectionString: loading.database.logins.serviceConnectionString,
		keys: service,
	});
	service.keys.delete('k1');
	const { loads } = loader.metrics();
	expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
	expect(loader.metrics()).toMatchObject({ loads: loads + 1, rowsLeftOut: 0 });
	service.keys.clear();
	await loader.resync();
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	expect(loader.metrics()).toMatchObject({ rowsLeftOut: 1 });
});

test('a key provider that fails leaves rows out for seconds, not for good', async () => {
	const service = new KeyService();
	await using loading = await Loading.open(service);
	const { organizationId } = await loading.newDestination();
	const loader = await loading.started({ maxStalenessMillis: 60_000 });
	service.behave = async () => {
		throw new Error('away');
	};
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	service.repair();
	service.cacheSeconds = 60;
	pass(5.5);
	const found = await loader.findEnabled(organizationId, 'production');
	jest.restoreAllMocks();
	expect(found).toHaveLength(1);
});

test('settings are not kept longer than their key may be used, however late they were opened', async () => {
	const service = new KeyService();
	service.cacheSeconds = 60;
	await using loading = await Loading.open(service);
	const { organizationId } = await loading.newDestination();
	await loading.newDestination({ organizationId, environment: 'staging' });
	const loader = await loading.started({ maxStalenessMillis: 3_600_000 });
	await loader.findEnabled(organizationId, 'staging');
	await settled(loader);
	await loader.findEnabled(organizationId, 'staging');
	// The key is 40 seconds old when it opens the second.
	pass(40);
	expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
	expect(loader.peek(organizationId, 'production')).toHaveLength(1);
	jest.restoreAllMocks();
	service.keys.clear();
	pass(61);
	expect(loader.peek(organizationId, 'production')).toBeUndefined();
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
});

test('what expired is forgotten also where nobody asks for it', async () => {
	const service = new KeyService();
	service.cacheSeconds = 0.5;
	await using loading = await Loading.open(service);
	const { organizationId } = await loading.newDestination();
	const loader = await loading.started();
	await loader.findEnabled(organizationId, 'production');
	expect(loader.metrics().organizations).toBe(1);
	await until(() => loader.metrics().organizations === 0);
});

test('an organization that was shredded has nothing once its key has expired', async () => {
	const secret = randomBytes(32);
	const wrap = async (bytes: Uint8Array) => bytes.map((byte, at) => byte ^ (secret[at] ?? 0));
	await using loading = await Loading.open();
	const { logins } = loading.database;
	const own = { wrap, unwrap: wrap, cacheSeconds: 0.3 };
	await using writing = new EnvelopeKeyProvider({
		...own,
		connectionString: logins.connectionString,
	});
	await using reading = new EnvelopeKeyProvider({
		...own,
		connectionString: logins.loaderConnectionString,
		role: 'destinations_loader',
	});
	await using shredding = new EnvelopeKeyProvider({
		...own,
		connectionString: logins.serviceConnectionString,
	});
	await using db = createDestinationsClient({ ...logins, keys: writing });
	const [organizationId, other] = [
		await loading.newOrganization(),
		await loading.newOrganization(),
	];
	for (const id of [organizationId, other]) {
		await db.forOrganization(id).destinations.create({
			organizationId: id,
			type: 'posthog',
			name: 'x',
			settings: { apiKey: newApiKey() },
		});
	}
	const loader = await loading.started({ keys: reading });
	expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
	await shredding.shred(organizationId);
	await pause(350);
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	expect(await loader.findEnabled(other, 'production')).toHaveLength(1);
	await expect(reading.primaryKeyId(other)).rejects.toMatchObject({ code: 'CONFIGURATION' });
	await expect(reading.shred(other)).rejects.toMatchObject({ code: 'CONFIGURATION' });
	await expect(reading.renew(other)).rejects.toMatchObject({ code: 'CONFIGURATION' });
});

test('preload reads everything sealed; opening it needs no statement', async () => {
	await using loading = await Loading.open();
	const made = [];
	for (let count = 0; count < 5; count += 1) made.push(await loading.newDestination());
	const loader = await loading.started({ preload: true });
	const { loads, organizations } = loader.metrics();
	expect(organizations).toBe(5);
	for (const { id, organizationId } of made) {
		expect(loader.peek(organizationId, 'production')).toBeUndefined();
		const [found] = await loader.findEnabled(organizationId, 'production');
		expect(found?.id).toBe(id);
		expect(loader.peek(organizationId, 'production')).toHaveLength(1);
	}
	expect(loader.metrics().loads).toBe(loads);
	const [first] = made;
	await loading.sql(`UPDATE destinations SET enabled = false WHERE id = '${first?.id}'`);
	await settled(loader);
	expect(await loader.findEnabled(first?.organizationId ?? '', 'production')).toEqual([]);
	const few = await loading.started({ preload: true, maxOrganizations: 2 });
	expect(few.metrics().organizations).toBe(2);
});

test('keys of another ring open nothing, and say so', async () => {
	await using loading = await Loading.open();
	const { organizationId } = await loading.newDestination();
	const loader = await loading.started({ keys: newKeys('other') });
	const failure = new Promise((resolve) => loader.on('failure', resolve));
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	expect(await failure).toMatchObject({ error: { code: 'UNKNOWN_KEY' } });
});
