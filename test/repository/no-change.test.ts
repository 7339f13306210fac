import type { DestinationsClient, ScopedTransaction } from '../../src/index.ts';
import {
	ConflictError,
	createDestinationsClient,
	rotateKeys,
	SettingsEncryption,
} from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

const otherKey = `phc_${'n3W'.repeat(14)}`;
const host = 'https://eu.i.posthog.com';
const full = { apiKey: posthogKey, host, enableServerSide: true, enableClientSide: true };

let service: Service;
beforeAll(async () => {
	service = await startService();
});
afterAll(async () => {
	await service.stop();
});

type Write = (
	destinations: ScopedTransaction['destinations'],
	id: string,
	options?: { expectedVersion: number },
) => Promise<unknown>;

/** Every write by which nothing changes of a destination that was created with `posthog()`, at version 1. */
const writes: Record<string, Write> = {
	'update with no field': (d, id, o) => d.update(id, {}, o),
	'update with undefined': (d, id, o) =>
		d.update(id, { name: undefined, settings: undefined } as object, o),
	'update with its name': (d, id, o) => d.update(id, { name: 'EU project' }, o),
	'update with its name, to trim': (d, id, o) => d.update(id, { name: ' EU project ' }, o),
	'update with its description': (d, id, o) => d.update(id, { description: null }, o),
	'update with its environment': (d, id, o) => d.update(id, { environment: 'production' }, o),
	'update with its purposes': (d, id, o) => d.update(id, { requiredConsent: ['measurement'] }, o),
	'update with its purposes twice': (d, id, o) =>
		d.update(id, { requiredConsent: ['measurement', 'measurement'] }, o),
	'update with its switches': (d, id, o) => d.update(id, { enabled: true, testMode: false }, o),
	'update with its settings': (d, id, o) => d.update(id, { settings: full }, o),
	'update with its settings in another order': (d, id, o) =>
		d.update(id, { settings: Object.fromEntries(Object.entries(full).reverse()) as never }, o),
	'update with its settings, defaults left out': (d, id, o) =>
		d.update(id, { settings: { apiKey: posthogKey } }, o),
	'update with its settings, to trim': (d, id, o) =>
		d.update(id, { settings: { apiKey: ` ${posthogKey} `, host: 'https://EU.I.posthog.com/' } }, o),
	'update with its settings and its name': (d, id, o) =>
		d.update(id, { settings: full, name: 'EU project' }, o),
	'patchSettings with nothing': (d, id, o) => d.patchSettings(id, {}, o),
	'patchSettings with undefined': (d, id, o) => d.patchSettings(id, { apiKey: undefined }, o),
	'patchSettings with the same': (d, id, o) => d.patchSettings(id, { apiKey: posthogKey }, o),
	'patchSettings back to a default': (d, id, o) => d.patchSettings(id, { host: null }, o),
	'revert to the version that it is at': (d, id, o) => d.revert(id, 1, o),
};

async function snapshot(id: string) {
	const { rows } = await service.admin.query(
		`SELECT (SELECT to_json(d) FROM destinations d WHERE id = $1) AS row,
			(SELECT count(*) FROM destination_audit_log WHERE destination_id = $1) AS entries,
			(SELECT count(*) FROM destination_settings_history WHERE destination_id = $1) AS earlier`,
		[id],
	);
	return rows[0];
}

async function create() {
	const organizationId = await service.createOrganization();
	const actorId = await service.createUser();
	const scope = service.db.forOrganization(organizationId, { actorId });
	const made = await scope.destinations.create(posthog(organizationId));
	// Tested, so that a change of settings would set the status back.
	await service.admin.query(
		`UPDATE destinations SET connection_status = 'connected', last_tested_at = now() WHERE id = $1`,
		[made.id],
	);
	return { organizationId, scope, id: made.id };
}

describe.each(Object.entries(writes))('%s', (_, write) => {
	test('writes nothing, in every scope and in a transaction', async () => {
		const { scope, id } = await create();
		const before = await snapshot(id);
		for (const { destinations } of [scope, service.db.asService()]) {
			await expect(write(destinations, id)).resolves.toMatchObject({ id, settings: full });
		}
		await scope.transaction((transaction) => write(transaction.destinations, id));
		expect(await snapshot(id)).toEqual(before);
		expect((await scope.destinations.history(id)).items).toHaveLength(1);
		// So nobody else is in conflict with it.
		await scope.destinations.update(id, { enabled: false }, { expectedVersion: 1 });
	});

	test('is in conflict all the same, if it is at another version than expected', async () => {
		const { scope, id } = await create();
		const before = await snapshot(id);
		await expect(write(scope.destinations, id, { expectedVersion: 2 })).rejects.toMatchObject({
			code: 'CONFLICT',
			currentVersion: 1,
		});
		expect(await snapshot(id)).toEqual(before);
	});
});

describe('settings are compared in clear:', () => {
	test('sealed with another key they are the same', async () => {
		const { scope, id } = await create();
		const { connectionString, keys } = service;
		const newRing = `new:${'a1b2'.repeat(16)},${keys}`;
		await rotateKeys({ connectionString, keys: newRing });
		await using db = createDestinationsClient({ connectionString, keys: newRing });
		const before = await snapshot(id);
		await db.asService().destinations.update(id, { settings: full });
		expect(await snapshot(id)).toEqual(before);
		await rotateKeys({ connectionString, keys: `${keys},new:${'a1b2'.repeat(16)}` });
		await scope.destinations.findById(id);
	});

	test('stored before a setting existed, they are the same with its default', async () => {
		const { scope, id, organizationId } = await create();
		const encryption = new SettingsEncryption(service.keys);
		const context = { organizationId, destinationId: id, type: 'posthog' };
		await store(id, await encryption.encrypt({ apiKey: posthogKey }, context));
		const before = await snapshot(id);
		await scope.destinations.update(id, { settings: { apiKey: posthogKey } });
		await scope.destinations.patchSettings(id, {});
		expect(await snapshot(id)).toEqual(before);
		// A value that is not the default is a change.
		await scope.destinations.patchSettings(id, { enableClientSide: false });
		expect((await snapshot(id)).row.version).toBe(before.row.version + 1);
	});

	test('those that are not valid any more are replaced', async () => {
		const { scope, id, organizationId } = await create();
		const encryption = new SettingsEncryption(service.keys);
		const context = { organizationId, destinationId: id, type: 'posthog' };
		await store(id, await encryption.encrypt({ ...full, gone: true }, context));
		const { version } = (await snapshot(id)).row;
		await scope.destinations.update(id, { settings: full });
		expect((await snapshot(id)).row).toMatchObject({ version: version + 1 });
		expect((await scope.destinations.findById(id))?.settings).toEqual(full);
	});

	test('those that do not open are replaced', async () => {
		const { scope, id } = await create();
		await service.admin.query(
			`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"') WHERE id = $1`,
			[id],
		);
		const { version } = (await snapshot(id)).row;
		await scope.destinations.update(id, { settings: full });
		expect((await snapshot(id)).row).toMatchObject({ version: version + 1 });
	});

	test('those in plaintext are encrypted', async () => {
		const { id, organizationId } = await create();
		const { connectionString, keys } = service;
		await service.admin.query(
			'UPDATE destinations SET settings = $2, settings_encrypted = false WHERE id = $1',
			[id, JSON.stringify(full)],
		);
		await using db = createDestinationsClient({ connectionString, keys, plaintext: 'allow-read' });
		await db.forOrganization(organizationId).destinations.update(id, { settings: full });
		expect((await snapshot(id)).row).toMatchObject({
			settings_encrypted: true,
			settings: { kid: 'test' },
		});
	});

	test('what else an update changes is changed, and the settings stay tested', async () => {
		const { scope, id } = await create();
		const before = await snapshot(id);
		await scope.destinations.update(id, { name: 'Shop', settings: full });
		const after = await snapshot(id);
		expect(after.row).toMatchObject({ name: 'Shop', version: 2, connection_status: 'connected' });
		expect(after.row.settings).toEqual(before.row.settings);
		expect(after.earlier).toBe('0');
		const { items } = await scope.audit.list({ destinationId: id, limit: 1 });
		expect(items[0]?.settings).toEqual({ changed: false, fields: [] });
	});
});

test('a revert to what an earlier version was like writes nothing', async () => {
	const { scope, id } = await create();
	await scope.destinations.update(id, { name: 'Shop', settings: { apiKey: otherKey } });
	await scope.destinations.update(id, { name: 'EU project', settings: full });
	const before = await snapshot(id);
	expect(await scope.destinations.revert(id, 1)).toMatchObject({ version: 3, settings: full });
	expect(await snapshot(id)).toEqual(before);
	await scope.destinations.revert(id, 2);
	expect((await snapshot(id)).row).toMatchObject({ version: 4, name: 'Shop' });
});

test('a revert replaces settings that do not open, and needs no key where it changes others', async () => {
	const { scope, id } = await create();
	await scope.destinations.update(id, { settings: { apiKey: otherKey } });
	await scope.destinations.update(id, { name: 'Shop' });
	await service.admin.query(
		`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"') WHERE id = $1`,
		[id],
	);
	await expect(scope.destinations.patchSettings(id, {})).rejects.toMatchObject({
		code: 'UNKNOWN_KEY',
	});
	const { version } = (await snapshot(id)).row;
	await scope.destinations.update(id, { name: 'Store' });
	await scope.destinations.revert(id, version);
	expect((await snapshot(id)).row).toMatchObject({ name: 'Shop', settings: { kid: 'gone' } });
	expect(await scope.destinations.revert(id, 1)).toMatchObject({
		name: 'EU project',
		settings: full,
	});
});

test('settings that somebody else changes meanwhile are not the same any more', async () => {
	const { scope, id } = await create();
	let saved: Promise<unknown> = Promise.resolve();
	await service.db.asService().transaction(async ({ destinations }) => {
		await destinations.update(id, { settings: { apiKey: otherKey } });
		// Reads the settings of before, which are the same, and waits with its new name.
		saved = scope.destinations.update(id, { name: 'Shop', settings: full });
		await untilSomebodyWaits();
	});
	await saved;
	expect(await scope.destinations.findById(id)).toMatchObject({ name: 'Shop', settings: full });
});

describe.each([12, 50])('%d patches at once', (count) => {
	test('all succeed, and none is lost', async () => {
		const { scope, id, organizationId } = await create();
		const { connectionString, keys } = service;
		await using other = createDestinationsClient({ connectionString, keys });
		const processes: DestinationsClient[] = [service.db, other];
		const clients = processes.map((db) => db.forOrganization(organizationId).destinations);
		const patch = async (n: number): Promise<void> => {
			const started = performance.now();
			const changes = { apiKey: `phc_${n}`, enableClientSide: n % 2 === 0 };
			try {
				await clients[n % 2]?.patchSettings(id, changes);
			} catch (error) {
				// It tries for ten seconds, in which a busy machine may not get to all of them.
				const tried = error instanceof ConflictError && performance.now() - started > 10_000;
				if (!tried) throw error;
				await patch(n);
			}
		};
		await Promise.all(Array.from({ length: count }, (_, n) => patch(n)));
		const { items } = await scope.destinations.history(id, { limit: 1000 });
		expect(items.map(({ version }) => version)).toEqual(
			Array.from({ length: count + 1 }, (_, n) => count + 1 - n),
		);
		const encryption = new SettingsEncryption(keys);
		const { rows } = await service.admin.query(
			'SELECT settings FROM destination_settings_history WHERE destination_id = $1',
			[id],
		);
		const context = { organizationId, destinationId: id, type: 'posthog' };
		const earlier = await Promise.all(
			rows.map(async ({ settings }) => (await encryption.decrypt(settings, context)).apiKey),
		);
		const last = (await scope.destinations.findById(id))?.settings;
		const all = Array.from({ length: count }, (_, n) => `phc_${n}`);
		expect([...earlier, (last as typeof full).apiKey].sort()).toEqual([...all, posthogKey].sort());
	});
});

async function store(id: string, settings: object): Promise<void> {
	await service.admin.query('UPDATE destinations SET settings = $2 WHERE id = $1', [
		id,
		JSON.stringify(settings),
	]);
}

async function untilSomebodyWaits(): Promise<void> {
	for (;;) {
		const { rows } = await service.admin.query(
			`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
		);
		if (rows.length > 0) return;
	}
}
