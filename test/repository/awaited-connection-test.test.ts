import timers from 'node:timers/promises';
import { type Database, openDatabase } from '../../src/client/database.ts';
import { respond, startProvider, stopProviders } from '../destinations/support/local-provider.ts';
import { repositoryAt } from '../support/connection-testing.ts';
import { posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

// How another process's test of a destination is waited for. The pauses take no time here.

let service: Service;
let database: Database;

beforeAll(async () => {
	service = await startService();
	database = openDatabase(
		{ connectionString: service.connectionString, max: 4 },
		{ namedStatements: true },
	);
});

afterEach(() => {
	jest.restoreAllMocks();
});

afterAll(async () => {
	await database.close();
	await service.stop();
	await stopProviders();
});

/** A destination that another process has begun to test. */
async function tested() {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(respond(200, { featureFlags: {} }));
	const destinations = repositoryAt(database, service, organizationId, provider);
	const { id } = await destinations.create(posthog(organizationId));
	const set = (assignments: string) =>
		service.admin.query(`UPDATE destinations SET ${assignments} WHERE id = $1`, [id]);
	await set(`connection_status = 'testing', last_tested_at = now()`);
	return { destinations, id, provider, set };
}

/** The state of the columns of a test. */
async function state(id: string) {
	const { rows } = await service.admin.query(
		'SELECT connection_status, last_error, last_tested_at FROM destinations WHERE id = $1',
		[id],
	);
	return rows[0];
}

/**
 * A clock that stands still but for the pauses, which end at once.
 *
 * @param during what happens in each, and how long the first takes in its place.
 */
function clock(during: (pause: number) => unknown = () => {}, random = 0) {
	const pauses: number[] = [];
	const times = { now: 1000 };
	jest.spyOn(performance, 'now').mockImplementation(() => times.now);
	jest.spyOn(Math, 'random').mockReturnValue(random);
	jest.spyOn(timers, 'setTimeout').mockImplementation(async (milliseconds = 0) => {
		pauses.push(milliseconds);
		times.now += milliseconds;
		await during(pauses.length);
		return undefined as never;
	});
	return { pauses, times };
}

const whole = (numbers: readonly number[]) => numbers.map((number) => Math.round(number));

test.each([
	[0, [50, 80, 128, 205, 328, 524, 839, ...new Array(8).fill(1000)], 10_154],
	[1, [100, 160, 256, 410, 655, 1049, 1678, ...new Array(3).fill(2000)], 10_307],
])(
	'for ten seconds, with pauses that grow up to two seconds, by chance %p',
	async (random, expected, durationMs) => {
		const { destinations, id, provider } = await tested();
		const { pauses } = clock(undefined, random);
		expect(await destinations.testConnectionOutcome(id)).toEqual({
			ok: false,
			verdict: 'inconclusive',
			code: 'tested_by_another',
			message: 'Another test of this destination is still under way. Test it again later.',
			durationMs,
		});
		expect(whole(pauses)).toEqual(expected);
		expect(provider.received).toHaveLength(0);
		expect((await state(id)).connection_status).toBe('testing');
	},
);

test.each([
	[9_999, 2],
	[10_000, 1],
])('of which %p milliseconds are enough for %p pauses', async (first, count) => {
	const { destinations, id } = await tested();
	const { pauses, times } = clock((pause) => {
		if (pause === 1) times.now = 1000 + first;
	});
	expect(await destinations.testConnectionOutcome(id)).toMatchObject({
		code: 'tested_by_another',
		verdict: 'inconclusive',
	});
	expect(pauses).toHaveLength(count);
});

test.each([
	[
		`connection_status = 'connected', last_error = NULL`,
		...(['partial', 'Another test at the same time found it connected.'] as const),
	],
	[`connection_status = 'failed', last_error = 'It refused.'`, 'failed', 'It refused.'],
	[
		`connection_status = 'failed', last_error = NULL`,
		...(['failed', 'Another test at the same time failed.'] as const),
	],
	[`connection_status = 'unknown', last_error = 'HTTP 503'`, 'inconclusive', 'HTTP 503'],
])('until it has found %s', async (found, verdict, message) => {
	for (const late of [false, true]) {
		const { destinations, id, provider, set } = await tested();
		const { times } = clock(async (pause) => {
			if (pause < 2) return;
			await set(found);
			if (late) times.now += 10_000;
		});
		const outcome = await destinations.testConnectionOutcome(id);
		expect(outcome).toMatchObject({ ok: verdict === 'partial', verdict, message });
		expect(outcome).toMatchObject({ code: 'tested_by_another', durationMs: late ? 10_130 : 130 });
		expect(provider.received).toHaveLength(0);
	}
});

describe.each([
	['found nothing', `connection_status = 'unknown', last_error = NULL`],
	[
		'ended without an answer',
		`last_tested_at = now() - interval '61 seconds', last_error = 'HTTP 503'`,
	],
	['was of other settings', `connection_status = 'connected'`],
])('until it is known that it %s', (_, how) => {
	const other = 'was of other settings';

	test('and is then tested', async () => {
		const { destinations, id, provider, set } = await tested();
		clock(async () => {
			if (_ === other) await destinations.patchSettings(id, { enableClientSide: false });
			await set(how);
		});
		expect(await destinations.testConnectionOutcome(id)).toMatchObject({ code: 'verified' });
		expect(provider.received).toHaveLength(1);
	});

	test('and is not tested any more after ten seconds', async () => {
		const { destinations, id, provider, set } = await tested();
		const { times } = clock(async () => {
			if (_ === other) await destinations.patchSettings(id, { enableClientSide: false });
			await set(how);
			times.now = 11_000;
		});
		expect(await destinations.testConnectionOutcome(id)).toEqual({
			ok: false,
			verdict: 'inconclusive',
			code: 'settings_changed',
			message: 'The settings changed while they were tested; test them again.',
			durationMs: 10_000,
		});
		expect(provider.received).toHaveLength(0);
	});
});

test('which a caller leaves at once, and without a trace', async () => {
	const { destinations, id, provider } = await tested();
	const before = await state(id);
	const leaving = new AbortController();
	const waiting = destinations.testConnectionOutcome(id, { signal: leaving.signal });
	const pause = jest.spyOn(timers, 'setTimeout');
	while (pause.mock.results.length === 0) await new Promise(setImmediate);
	leaving.abort(new Error('enough'));
	const leftAt = performance.now();
	await expect(waiting).rejects.toThrow('enough');
	expect(performance.now() - leftAt).toBeLessThan(5_000);
	expect(await state(id)).toEqual(before);
	expect(provider.received).toHaveLength(0);
});

test('after which a test that was cancelled does not begin', async () => {
	const { destinations, id, provider, set } = await tested();
	const leaving = new AbortController();
	clock(async () => {
		await set(`connection_status = 'unknown', last_error = NULL`);
		// The next look has been sent by then.
		setImmediate(() => leaving.abort(new Error('enough')));
	});
	const before = (await state(id)).last_tested_at;
	const waiting = destinations.testConnectionOutcome(id, { signal: leaving.signal });
	await expect(waiting).rejects.toThrow('enough');
	expect((await state(id)).last_tested_at).toEqual(before);
	expect(provider.received).toHaveLength(0);
});

test('of a destination that is deleted meanwhile is none', async () => {
	const { destinations, id } = await tested();
	clock(() => destinations.softDelete(id));
	await expect(destinations.testConnectionOutcome(id)).rejects.toMatchObject({
		code: 'NOT_FOUND',
		message: expect.stringContaining(id),
	});
});
