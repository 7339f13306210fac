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
	database = openDatabase({ connectionString: service.connectionString, max: 4 }, true);
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
		const { admin } = service;
		await admin.query('BEGIN');
		await admin.query('SELECT FROM destinations WHERE id = $1 FOR UPDATE', [id]);
		release();
		const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
		while ((await admin.query(waiting)).rowCount === 0) await sleep(20);
		const second = destinations.testConnectionOutcome(id);
		await sleep(100);
		await admin.query('COMMIT');
		await Promise.all([first, second]);
		expect(provider.received).toHaveLength(2);
	});
});

test('a thousand that wait for another process send what one sends, and slow nobody down', async () => {
	const { destinations, id } = await saved(accepts);
	const other = await saved(accepts);
	await service.admin.query(
		`UPDATE destinations SET connection_status = 'testing', last_tested_at = now() WHERE id = $1`,
		[id],
	);
	const alone = await medianOf(() => other.destinations.findById(other.id));
	const query = jest.spyOn(Client.prototype, 'query');
	const startedAt = performance.now();
	const waiting = Promise.all(
		Array.from({ length: 1000 }, () => destinations.testConnectionOutcome(id)),
	);
	await sleep(500);
	const sentAlone = query.mock.calls.length;
	const beside = await medianOf(() => other.destinations.findById(other.id));
	const sentBeside = query.mock.calls.length - sentAlone - reads;
	const outcomes = await waiting;
	const sent = query.mock.calls.length - reads;
	query.mockRestore();
	expect(sentAlone).toBeLessThan(12);
	expect(sentBeside).toBeLessThan(12);
	// With a statement of each of them it was a thousand times as much.
	expect(beside / alone).toBeLessThan(50);
	// The look at the beginning, the claim, and looks with growing pauses.
	expect(sent).toBeLessThan(25);
	// They wait for ten seconds, and not for the minute after which the claim is void.
	expect(performance.now() - startedAt).toBeGreaterThan(9_000);
	expect(performance.now() - startedAt).toBeLessThan(45_000);
	expect(new Set(outcomes.map(({ verdict, code }) => `${verdict} ${code}`))).toEqual(
		new Set(['inconclusive tested_by_another']),
	);
	expect(await status(id)).toBe('testing');
});

const reads = 50;

async function medianOf(read: () => Promise<unknown>): Promise<number> {
	const times: number[] = [];
	while (times.length < reads) {
		const startedAt = performance.now();
		await read();
		times.push(performance.now() - startedAt);
	}
	return times.sort((a, b) => a - b)[reads / 2] ?? 0;
}
