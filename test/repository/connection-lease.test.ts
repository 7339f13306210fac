import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/client/database.ts';
import { organizationScope } from '../../src/database/scope.ts';
import type { KeyProvider } from '../../src/index.ts';
import { respond, startProvider, stopProviders } from '../destinations/support/local-provider.ts';
import { onDemand, processAt, repositoryAt } from '../support/connection-testing.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
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

const accepts = respond(200, { featureFlags: {} });
const refuses = respond(401, {});
const otherKey = `phc_${'n3W'.repeat(14)}`;

async function saved(handler = accepts) {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(handler);
	const destinations = repositoryAt(database, service, organizationId, provider);
	const { id } = await destinations.create(posthog(organizationId));
	return { organizationId, provider, destinations, id };
}

/** Leaves a claim behind that was made at an SQL expression of time. */
async function claimAt(id: string, time: string): Promise<void> {
	await service.admin.query(
		`UPDATE destinations SET connection_status = 'testing', last_tested_at = ${time} WHERE id = $1`,
		[id],
	);
}

async function stored(id: string) {
	const { rows } = await service.admin.query('SELECT * FROM destinations WHERE id = $1', [id]);
	return rows[0];
}

describe('a claim that was left behind', () => {
	test.each([
		['of a minute ago', `now() - interval '61 seconds'`],
		['of long ago', `'1970-01-01'`],
		['of a clock that is wrong by more than a minute', `now() + interval '61 seconds'`],
		['of a clock that is far ahead', `'infinity'`],
		['without a time', 'NULL'],
	])('%s is taken over at once', async (_, time) => {
		const { destinations, id, provider } = await saved();
		await claimAt(id, time);
		expect(await destinations.testConnectionOutcome(id)).toMatchObject({ code: 'verified' });
		expect(provider.received).toHaveLength(1);
	});

	test.each([
		['of less than a minute ago', `now() - interval '50 seconds'`],
		['of a clock that is ahead by less', `now() + interval '50 seconds'`],
	])('%s is waited for', async (_, time) => {
		const { destinations, id, provider } = await saved();
		await claimAt(id, time);
		const enough = new AbortController();
		const waiting = destinations.testConnectionOutcome(id, { signal: enough.signal });
		await sleep(500);
		enough.abort();
		await expect(waiting).rejects.toThrow('aborted');
		expect(provider.received).toHaveLength(0);
		expect((await stored(id)).connection_status).toBe('testing');
	});

	test('by a test that was cancelled in another process is free', async () => {
		const { destinations, id, provider } = await saved();
		await claimAt(id, 'now()');
		const waiting = destinations.testConnectionOutcome(id);
		await sleep(200);
		const { admin } = service;
		await admin.query(
			`UPDATE destinations SET connection_status = 'unknown', last_error = NULL WHERE id = $1`,
			[id],
		);
		expect(await waiting).toMatchObject({ code: 'verified' });
		expect(provider.received).toHaveLength(1);
	});
});

test('no time of the lease is of the application’s clock', async () => {
	const { destinations, id } = await saved();
	for (const year of ['1999-01-01', '2099-01-01']) {
		jest.useFakeTimers({
			now: new Date(year),
			doNotFake: [
				...(['nextTick', 'setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] as const),
				...(['setInterval', 'clearInterval', 'queueMicrotask', 'performance', 'hrtime'] as const),
			],
		});
		try {
			expect(await destinations.testConnection(id)).toBe(true);
		} finally {
			jest.useRealTimers();
		}
		const { rows } = await service.admin.query(
			`SELECT abs(extract(epoch FROM now() - last_tested_at))::float AS off FROM destinations WHERE id = $1`,
			[id],
		);
		expect(rows[0].off).toBeLessThan(60);
	}
});

test('what a test finds after another took it over is not saved under the other’s claim', async () => {
	const slow = onDemand(refuses);
	const { destinations, id, organizationId } = await saved(slow.handler);
	const late = destinations.testConnectionOutcome(id);
	await slow.asked;
	await service.admin.query(
		`UPDATE destinations SET last_tested_at = last_tested_at - interval '61 seconds' WHERE id = $1`,
		[id],
	);
	const second = onDemand(accepts);
	const provider = await startProvider(second.handler);
	const takingOver = repositoryAt(database, service, organizationId, provider);
	const taken = takingOver.testConnectionOutcome(id);
	await second.asked;
	slow.release();
	expect(await late).toMatchObject({ ok: false, verdict: 'inconclusive' });
	expect(await stored(id)).toMatchObject({ connection_status: 'testing', last_error: null });
	second.release();
	expect(await taken).toMatchObject({ ok: true });
	expect((await stored(id)).connection_status).toBe('connected');
});

const key = randomBytes(32);

/** Keys that can be made to wait, or to be away. */
class Keys implements KeyProvider {
	readonly cacheSeconds = 0;
	readonly timeoutSeconds = 5;
	before: () => Promise<void> = async () => {};

	async primaryKeyId(): Promise<string> {
		return 'k1';
	}

	async getKey(): Promise<Uint8Array> {
		await this.before();
		return key;
	}
}

describe('settings are opened before the test is claimed', () => {
	async function savedWith(keys: Keys) {
		const organizationId = await service.createOrganization();
		const provider = await startProvider(accepts);
		const scope = organizationScope(organizationId, {});
		const { destinations } = processAt(database, keys, provider)(scope);
		const { id } = await destinations.create(posthog(organizationId));
		const elsewhere = processAt(database, new Keys(), provider)(scope).destinations;
		return { destinations, elsewhere, id, provider };
	}

	const changes = async (id: string) =>
		(
			await service.admin.query(
				'SELECT count(*)::integer FROM destination_audit_log WHERE destination_id = $1',
				[id],
			)
		).rows[0].count;

	test('so that where the key is away, or does not open them, nothing is written', async () => {
		const keys = new Keys();
		const { destinations, id, provider } = await savedWith(keys);
		const before = [await stored(id), await changes(id)];
		keys.before = () => Promise.reject(new Error('away'));
		await expect(destinations.testConnection(id)).rejects.toMatchObject({
			code: 'KEY_UNAVAILABLE',
		});
		expect([await stored(id), await changes(id)]).toEqual(before);
		keys.before = async () => {};
		await service.admin.query(
			`UPDATE destinations SET settings = jsonb_set(settings, '{ct}', '"gone"') WHERE id = $1`,
			[id],
		);
		const tampered = await stored(id);
		await expect(destinations.testConnection(id)).rejects.toMatchObject({
			code: 'DECRYPTION_FAILED',
		});
		expect(await stored(id)).toEqual(tampered);
		expect(provider.received).toEqual([]);
	});

	test('so that settings which change in between are read again', async () => {
		const keys = new Keys();
		const { destinations, elsewhere, id, provider } = await savedWith(keys);
		keys.before = async () => {
			keys.before = async () => {};
			await elsewhere.update(id, { settings: { apiKey: otherKey } });
		};
		expect(await destinations.testConnection(id)).toBe(true);
		expect(provider.received).toHaveLength(1);
		expect(provider.received[0]?.body).toContain(otherKey);
		expect(provider.received[0]?.body).not.toContain(posthogKey);
	});
});
