import { setTimeout as delay } from 'node:timers/promises';
import { startTestDatabase } from '../../src/testing/test-database.ts';
import { Network } from '../support/network.ts';
import { Loading, settled, unknownId, until } from './loading.ts';

// How many statements are sent, and how much is remembered, whatever callers do.

let loading: Loading;

beforeAll(async () => {
	loading = await Loading.open();
});

afterAll(() => loading[Symbol.asyncDispose]());

test('the herd after a restart: 48,000 calls of 8 loaders are 8 statements', async () => {
	const [row] = await loading.sql<{ ids: string[] }>(`
		WITH made AS (INSERT INTO organizations SELECT FROM generate_series(1, 300) RETURNING id)
		SELECT array_agg(id::text) AS ids FROM made`);
	const ids = row?.ids ?? [];
	await loading.sql(
		`INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM unnest($1::uuid[]) AS id`,
		[ids],
	);
	const loaders = await Promise.all(Array.from({ length: 8 }, () => loading.started()));
	// A first poll may find again what was made beside a transaction that is still open in another database of the server.
	await Promise.all(loaders.map(settled));
	const before = loaders.map((loader) => loader.metrics().loads);
	const calls = loaders.flatMap((loader) =>
		Array.from({ length: 20 }, () => ids.map((id) => loader.findEnabled(id, 'production'))).flat(),
	);
	expect(calls).toHaveLength(48_000);
	const found = await Promise.all(calls);
	expect(new Set(found.map(({ length }) => length))).toEqual(new Set([1]));
	const statements = loaders.map((loader, at) => loader.metrics().loads - (before[at] ?? 0));
	expect(statements).toEqual(Array(8).fill(1));
	await Promise.all(loaders.map((loader) => loader.close()));
});

test('ids that somebody made up push no organization out, and are remembered as empty within a bound', async () => {
	const loader = await loading.started({ maxOrganizations: 3 });
	const made = await loading.newDestinations(3);
	await settled(loader);
	for (const { organizationId } of made) await loader.findEnabled(organizationId, 'production');
	const guessed = Array.from({ length: 11_000 }, unknownId);
	await Promise.all(guessed.map((id) => loader.findEnabled(id, 'production')));
	const { loads } = loader.metrics();
	expect(loader.metrics()).toMatchObject({
		organizations: 3,
		unknownOrganizations: 10_000,
		evictions: 0,
	});
	for (const { organizationId } of made) {
		expect(loader.peek(organizationId, 'production')).toHaveLength(1);
	}
	expect(await loader.findEnabled(guessed.at(-1) ?? '', 'production')).toEqual([]);
	expect(loader.metrics().loads).toBe(loads);
	await loader.close();
});

test('an unknown organization that gets a destination is known then', async () => {
	const loader = await loading.started();
	const organizationId = await loading.newOrganization();
	expect(await loader.findEnabled(organizationId, 'production')).toEqual([]);
	await loading.newDestination({ organizationId });
	await settled(loader);
	expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
	await loader.close();
});

// A server whose statistics are emptied all the time looks as one address does that leads to several.
test('preload behind an address of several servers is given up', async () => {
	// The statistics are those of the whole server, on which other tests rely.
	const own = await Loading.on(await startTestDatabase({ source: 'embedded' }));
	const network = await Network.before(own.database.connectionString);
	const emptying = new AbortController();
	try {
		// More than are read with one statement.
		await own.sql('SET session_replication_role = replica');
		await own.sql(`WITH made AS (INSERT INTO organizations SELECT FROM generate_series(1, 6000) RETURNING id)
			INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM made`);
		const loader = own.loader({
			connectionString: network.url(own.database.logins.loaderConnectionString),
			preload: true,
		});
		network.holdAnswerTo('organization_id LIMIT');
		const starting = loader.start().catch((error: unknown) => error);
		await until(() => network.holds);
		const empties = (async () => {
			while (!emptying.signal.aborted) {
				await own.sql(`SELECT pg_stat_reset_shared('bgwriter')`);
				await delay(5);
			}
		})();
		// Time for at least one between a poll and the page behind it.
		network.slowDown(20);
		network.release();
		expect(await starting).toMatchObject({
			code: 'UNAVAILABLE',
			message: expect.stringMatching(/Leave `pool.max` at 1/),
		});
		expect(loader.status).toBe('initializing');
		emptying.abort();
		await empties;
		network.slowDown(0);
		await loader.start();
		expect(loader.metrics().organizations).toBe(6000);
	} finally {
		emptying.abort();
		await own[Symbol.asyncDispose]();
		await network[Symbol.asyncDispose]();
	}
});
