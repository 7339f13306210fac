import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type Database, openDatabase } from '../../src/client/database.ts';
import { organizationScope } from '../../src/database/scope.ts';
import { respond, startProvider, stopProviders } from '../destinations/support/local-provider.ts';
import { processAt } from '../support/connection-testing.ts';
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

/** A destination of a process whose scopes share their tests. */
async function saved() {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(respond(200, { featureFlags: {} }));
	const open = processAt(database, service.keys, provider);
	const { destinations } = open(organizationScope(organizationId, {}));
	const { id } = await destinations.create(posthog(organizationId));
	return { destinations, id };
}

const status = async (id: string) =>
	(await service.admin.query('SELECT connection_status FROM destinations WHERE id = $1', [id]))
		.rows[0].connection_status;

test('a thousand that wait for another process send what one sends, and slow nobody down', async () => {
	const { destinations, id } = await saved();
	const other = await saved();
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
