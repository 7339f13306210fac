import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../src/client/database.ts';
import { organizationScope, serviceScope } from '../../src/database/scope.ts';
import {
	type Handler,
	respond,
	startProvider,
	stopProviders,
} from '../destinations/support/local-provider.ts';
import { onDemand, processAt } from '../support/connection-testing.ts';
import { posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
let database: Database;

beforeAll(async () => {
	service = await startService();
	database = openDatabase(
		{ connectionString: service.connectionString, max: 4 },
		{ namedStatements: true },
	);
});

afterAll(async () => {
	await database.close();
	await service.stop();
	await stopProviders();
});

const accepts: Handler = respond(200, { featureFlags: {} });
const otherKey = `phc_${'n3W'.repeat(14)}`;

/** A destination, and a process whose scopes share their tests. */
async function saved(handler: Handler) {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(handler);
	const open = processAt(database, service.keys, provider);
	const { destinations } = open(organizationScope(organizationId, {}));
	const { id } = await destinations.create(posthog(organizationId));
	return { organizationId, provider, open, destinations, id };
}

const status = async (id: string) =>
	(await service.admin.query('SELECT connection_status FROM destinations WHERE id = $1', [id]))
		.rows[0].connection_status;

/** Locks the row of a destination; returns what frees it. */
async function hold(id: string) {
	const { admin } = service;
	await admin.query('BEGIN');
	await admin.query('SELECT FROM destinations WHERE id = $1 FOR UPDATE', [id]);
	return () => admin.query('COMMIT');
}

async function waitForLock(): Promise<void> {
	const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
	while ((await service.admin.query(waiting)).rowCount === 0) await sleep(20);
}

describe('callers of one process', () => {
	test('share a test, also by scopes of other actors of the organization', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { open, destinations, id, organizationId, provider } = await saved(handler);
		const actorId = await service.createUser();
		const another = open(organizationScope(organizationId, { actorId })).destinations;
		const tests = [destinations.testConnectionOutcome(id)];
		await asked;
		tests.push(another.testConnectionOutcome(id), destinations.testConnectionOutcome(id));
		release();
		const outcomes = await Promise.all(tests);
		expect(outcomes.map(({ code }) => code)).toEqual(['verified', 'verified', 'verified']);
		expect(provider.received).toHaveLength(1);
	});

	test('of another organization learn nothing of it, and those of the service wait for it', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { open, destinations, id, provider } = await saved(handler);
		const test = destinations.testConnectionOutcome(id);
		await asked;
		const foreign = open(organizationScope(await service.createOrganization(), {}));
		await expect(foreign.destinations.testConnection(id)).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
		const system = open(serviceScope({})).destinations.testConnectionOutcome(id);
		await sleep(1000);
		release();
		expect(await test).toMatchObject({ code: 'verified' });
		expect(await system).toMatchObject({ ok: true, code: 'tested_by_another' });
		expect(provider.received).toHaveLength(1);
	});

	test('leave a test without ending it for the others', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id, provider } = await saved(handler);
		const leaving = [new AbortController(), new AbortController()];
		// The first of them began the test.
		const left = leaving.map(({ signal }) => destinations.testConnectionOutcome(id, { signal }));
		const stays = destinations.testConnectionOutcome(id);
		await asked;
		for (const [index, caller] of leaving.entries())
			caller.abort(new Error(`caller ${index} left`));
		const reasons = await Promise.all(left.map((test) => test.catch(({ message }) => message)));
		expect(reasons).toEqual(['caller 0 left', 'caller 1 left']);
		expect(await status(id)).toBe('testing');
		release();
		expect(await stays).toMatchObject({ code: 'verified' });
		expect(provider.received).toHaveLength(1);
	});

	test('end a test once all of them have left, and the next one starts another', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id, provider } = await saved(handler);
		const leaving = new AbortController();
		const left = Array.from({ length: 3 }, () =>
			destinations.testConnectionOutcome(id, { signal: leaving.signal }),
		);
		await asked;
		const open = provider.open();
		leaving.abort(new Error('closed the page'));
		const next = destinations.testConnectionOutcome(id);
		const reasons = await Promise.allSettled(left);
		expect(reasons.map((reason) => reason.status)).toEqual(['rejected', 'rejected', 'rejected']);
		expect(open).toBe(1);
		release();
		expect(await next).toMatchObject({ ok: true });
		expect(provider.received).toHaveLength(2);
		expect(await status(id)).toBe('connected');
	});

	test('share the test that follows one which they left, while that one ends', async () => {
		const slow = onDemand(accepts);
		const { destinations, id, provider } = await saved(slow.handler);
		const leaving = new AbortController();
		const left = destinations.testConnectionOutcome(id, { signal: leaving.signal });
		await slow.asked;
		const release = await hold(id);
		leaving.abort(new Error('closed the page'));
		const next = destinations.testConnectionOutcome(id);
		await release();
		await expect(left).rejects.toThrow('closed the page');
		slow.release();
		const outcomes = await Promise.all([next, destinations.testConnectionOutcome(id)]);
		expect(outcomes.map(({ code }) => code)).toEqual(['verified', 'verified']);
		expect(provider.received).toHaveLength(2);
	});

	test('leave nothing behind on their signals, and share no test that has ended', async () => {
		const { destinations, id, provider } = await saved(accepts);
		const { signal } = new AbortController();
		expect(await destinations.testConnectionOutcome(id, { signal })).toMatchObject({ ok: true });
		expect(getEventListeners(signal, 'abort')).toEqual([]);
		await destinations.testConnectionOutcome(id, { signal });
		expect(provider.received).toHaveLength(2);
	});

	test('that have left before they asked ask nobody', async () => {
		const { destinations, id, provider } = await saved(accepts);
		const query = jest.spyOn(Client.prototype, 'query');
		const signal = AbortSignal.abort(new Error('gone'));
		await expect(destinations.testConnection(id)).resolves.toBe(true);
		const { length } = query.mock.calls;
		await expect(destinations.testConnectionOutcome(id, { signal })).rejects.toThrow('gone');
		expect(query.mock.calls).toHaveLength(length);
		query.mockRestore();
		expect(provider.received).toHaveLength(1);
	});

	test('that leave while what was found is saved are told so, and it is saved', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id } = await saved(handler);
		const leaving = new AbortController();
		const left = destinations.testConnectionOutcome(id, { signal: leaving.signal });
		await asked;
		const free = await hold(id);
		release();
		await waitForLock();
		leaving.abort(new Error('closed the page'));
		await free();
		await expect(left).rejects.toThrow('closed the page');
		expect(await status(id)).toBe('connected');
	});

	test('leave a destination that nobody tests any more', async () => {
		const { handler, asked } = onDemand(accepts);
		const { destinations, id } = await saved(handler);
		const leaving = new AbortController();
		const left = destinations.testConnectionOutcome(id, { signal: leaving.signal });
		await asked;
		leaving.abort(new Error('closed the page'));
		await expect(left).rejects.toThrow('closed the page');
		expect(await destinations.findById(id)).toMatchObject({
			...{ connectionStatus: 'unknown', lastError: null },
		});
	});

	test('take part in three tests at most, whose settings change each time', async () => {
		let changes = 0;
		const { destinations, id, provider } = await saved(async (request, response) => {
			changes += 1;
			if (changes < 4) {
				await destinations.patchSettings(id, { apiKey: `phc_${String(changes).repeat(30)}` });
			}
			accepts(request, response);
		});
		// The first of them begins the first test, the next ones those that follow.
		const callers = Array.from({ length: 4 }, () => destinations.testConnectionOutcome(id));
		const outcomes = await Promise.all(callers);
		expect(outcomes.map(({ code }) => code)).toEqual(new Array(4).fill('settings_changed'));
		for (const { ok, durationMs } of outcomes) {
			expect(ok).toBe(false);
			expect(durationMs).toBeGreaterThanOrEqual(0);
		}
		expect(provider.received).toHaveLength(3);
	});

	test('take part in three tests at most that fail before they begin', async () => {
		const { destinations, id } = await saved(accepts);
		await destinations.softDelete(id);
		const query = jest.spyOn(Client.prototype, 'query');
		const callers = Array.from({ length: 5 }, () => destinations.testConnectionOutcome(id));
		const results = await Promise.allSettled(callers);
		const { length } = query.mock.calls;
		query.mockRestore();
		expect(results).toEqual(
			new Array(5).fill({
				status: 'rejected',
				reason: expect.objectContaining({
					code: 'NOT_FOUND',
					message: expect.stringContaining(id),
				}),
			}),
		);
		expect(length).toBe(3);
	});

	test('are told about settings that were saved before they asked, never about earlier ones', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id, provider } = await saved(handler);
		const first = destinations.testConnectionOutcome(id);
		await asked;
		await destinations.update(id, { settings: { apiKey: otherKey } });
		const second = destinations.testConnectionOutcome(id);
		release();
		expect(await first).toMatchObject({ code: 'settings_changed' });
		expect(await second).toMatchObject({ code: 'verified' });
		expect(provider.received.map(({ body }) => body.includes(otherKey))).toEqual([false, true]);
	});

	test('are not told what was about to be saved when they asked', async () => {
		const { handler, asked, release } = onDemand(accepts);
		const { destinations, id, provider } = await saved(handler);
		const first = destinations.testConnectionOutcome(id);
		await asked;
		const free = await hold(id);
		release();
		await waitForLock();
		const second = destinations.testConnectionOutcome(id);
		await sleep(100);
		await free();
		await Promise.all([first, second]);
		expect(provider.received).toHaveLength(2);
	});
});
