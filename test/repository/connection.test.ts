import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/client/database.ts';
import {
	type Handler,
	respond,
	startProvider,
	stopProviders,
} from '../destinations/support/local-provider.ts';
import { onDemand, repositoryAt } from '../support/connection-testing.ts';
import { metaPixel, metaToken, posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
let database: Database;

beforeAll(async () => {
	service = await startService();
	// Two connections, so that a test which held one would stop the others.
	database = openDatabase(
		{ connectionString: service.connectionString, max: 2 },
		{ namedStatements: true },
	);
});

afterAll(async () => {
	await database.close();
	await service.stop();
	await stopProviders();
});

const accepts: Handler = respond(200, { featureFlags: {} });
const refuses: Handler = respond(401, {});
const fails: Handler = respond(503, {});

async function saved(handler: Handler) {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(handler);
	const destinations = repositoryAt(database, service, organizationId, provider);
	const made = await destinations.create(posthog(organizationId));
	return { organizationId, provider, destinations, made, id: made.id };
}

describe('testConnection', () => {
	test.each([
		['an accepted key', accepts, true, 'connected', null],
		['a refused key', refuses, false, 'failed', expect.stringContaining('refused')],
		['no usable answer', fails, false, 'unknown', expect.stringContaining('503')],
	])('saves what it found: %s', async (_, handler, ok, connectionStatus, lastError) => {
		const { destinations, id, made } = await saved(handler);
		expect(await destinations.testConnection(id)).toBe(ok);
		const after = await destinations.findById(id);
		expect(after).toMatchObject({ connectionStatus, lastError, version: made.version });
		expect(after?.lastTestedAt).toBeInstanceOf(Date);
	});

	test('refuses what is deleted, foreign or unknown, and asks nobody', async () => {
		const { destinations, id, provider } = await saved(accepts);
		const stranger = repositoryAt(database, service, await service.createOrganization(), provider);
		await expect(stranger.testConnection(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await expect(destinations.testConnection(randomUUID())).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
		await destinations.softDelete(id);
		await expect(destinations.testConnection(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		expect(provider.connections()).toBe(0);
	});

	test('asks the provider once when several processes test at once, and tells all what was found', async () => {
		const { handler, asked, release } = onDemand(refuses);
		const { destinations, id, provider, organizationId } = await saved(handler);
		const tests = [destinations.testConnectionOutcome(id)];
		await asked;
		expect((await destinations.findById(id))?.connectionStatus).toBe('testing');
		for (let others = 0; others < 2; others += 1) {
			const other = repositoryAt(database, service, organizationId, provider);
			tests.push(other.testConnectionOutcome(id));
		}
		await sleep(1000); // for both to find it being tested
		release();
		const outcomes = await Promise.all(tests);
		expect(outcomes.map(({ verdict }) => verdict)).toEqual(['failed', 'failed', 'failed']);
		expect(outcomes.map(({ code }) => code)).toEqual([
			'invalid_credentials',
			'tested_by_another',
			'tested_by_another',
		]);
		expect(provider.received).toHaveLength(1);
	});

	test('drops the outcome if the settings changed meanwhile', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id } = await saved(handler);
		const test = destinations.testConnectionOutcome(id);
		await asked;
		await destinations.update(id, { settings: { apiKey: `phc_${'n3W'.repeat(14)}` } });
		release();
		expect(await test).toMatchObject({ ok: false, code: 'settings_changed' });
		expect((await destinations.findById(id))?.connectionStatus).toBe('unknown');
	});

	test('keeps the outcome if only the name changed meanwhile', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id } = await saved(handler);
		const test = destinations.testConnection(id);
		await asked;
		await destinations.update(id, { name: 'renamed' });
		release();
		expect(await test).toBe(true);
		expect((await destinations.findById(id))?.connectionStatus).toBe('connected');
	});

	test('can be cancelled, and is free for the next one then', async () => {
		const { handler, asked } = onDemand(accepts);
		const { destinations, id, provider } = await saved(handler);
		const cancel = new AbortController();
		const test = destinations.testConnectionOutcome(id, { signal: cancel.signal });
		await asked;
		cancel.abort(new Error('closed the page'));
		await expect(test).rejects.toThrow('closed the page');
		expect((await destinations.findById(id))?.connectionStatus).toBe('unknown');
		expect(provider.received).toHaveLength(1);
	});

	test('is refused in a transaction, which it would hold open', async () => {
		const organizationId = await service.createOrganization();
		const acme = service.db.forOrganization(organizationId);
		const { id } = await acme.destinations.create(posthog(organizationId));
		await acme.transaction(async (tx) => {
			await expect(tx.destinations.testConnection(id)).rejects.toMatchObject({
				code: 'UNSUPPORTED',
			});
			await expect(tx.destinations.testSettings('console', {})).rejects.toMatchObject({
				code: 'UNSUPPORTED',
			});
		});
		expect((await acme.destinations.findById(id))?.lastTestedAt).toBeNull();
	});

	test('new settings are untested', async () => {
		const { destinations, id } = await saved(accepts);
		await destinations.testConnection(id);
		await destinations.patchSettings(id, { apiKey: `phc_${'n3W'.repeat(14)}` });
		expect((await destinations.findById(id))?.connectionStatus).toBe('unknown');
	});
});

test('50 tests that hang hold no connection: at a pool of 2 other queries go on', async () => {
	const organizationIds = await Promise.all(
		Array.from({ length: 50 }, () => service.createOrganization()),
	);
	let asked = 0;
	const all = new EventTarget();
	const provider = await startProvider(() => {
		asked += 1;
		if (asked === 50) all.dispatchEvent(new Event('asked'));
	});
	const cancels = organizationIds.map(() => new AbortController());
	const everybodyAsked = once(all, 'asked');
	const tests = organizationIds.map(async (organizationId, index) => {
		const destinations = repositoryAt(database, service, organizationId, provider);
		const { id } = await destinations.create(posthog(organizationId));
		return destinations.testConnectionOutcome(id, { signal: cancels[index]?.signal });
	});
	await everybodyAsked;
	const [first = ''] = organizationIds;
	const reads = await Promise.all(
		Array.from({ length: 20 }, () =>
			repositoryAt(database, service, first, provider).findByType('posthog'),
		),
	);
	expect(reads.every(([row]) => row?.connectionStatus === 'testing')).toBe(true);
	for (const cancel of cancels) cancel.abort();
	const results = await Promise.allSettled(tests);
	expect(results.every(({ status }) => status === 'rejected')).toBe(true);
});

test('settings that are not saved can be tested, and nothing is saved', async () => {
	const { destinations, provider, organizationId } = await saved(refuses);
	const before = await destinations.findByOrganization(organizationId);
	const outcome = await destinations.testSettings('posthog', {
		apiKey: `phc_${'n3W'.repeat(14)}`,
	});
	expect(outcome).toMatchObject({ ok: false, verdict: 'failed', code: 'invalid_credentials' });
	expect(provider.received).toHaveLength(1);
	expect(await destinations.findByOrganization(organizationId)).toEqual(before);
});

test('a claim that the database refuses is an error of this package, and nobody is asked', async () => {
	const { destinations, id, provider } = await saved(accepts);
	await service.admin.query(
		`ALTER TABLE destinations ADD CONSTRAINT no_tests CHECK (connection_status <> 'testing') NOT VALID`,
	);
	const refused = await destinations.testConnection(id).catch((error: unknown) => error);
	await service.admin.query('ALTER TABLE destinations DROP CONSTRAINT no_tests');
	expect(refused).toMatchObject({ code: 'VALIDATION' });
	expect(provider.received).toEqual([]);
});

test('a provider that echoes a secret gets it into no column', async () => {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(
		respond(400, { error: { code: 100, message: `no such pixel for ${metaToken}` } }),
	);
	const destinations = repositoryAt(database, service, organizationId, provider);
	const { id } = await destinations.create(metaPixel(organizationId));
	expect(await destinations.testConnection(id)).toBe(false);
	const { rows } = await service.admin.query('SELECT * FROM destinations WHERE id = $1', [id]);
	expect(rows[0].last_error).not.toBeNull();
	expect(JSON.stringify(rows)).not.toContain(metaToken);
});
