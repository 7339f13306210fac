import { Client } from 'pg';
import {
	createDestinationsClient,
	type Destination,
	type DestinationsClient,
} from '../../src/index.ts';
import { startTestDatabase, type TestDatabase } from '../../src/testing/index.ts';
import { until } from '../loading/loading.ts';
import { Standby } from '../loading/standby.ts';
import { posthog } from '../support/destinations.ts';
import { newKeys } from '../support/encryption.ts';
import { Network } from '../support/network.ts';

// Two databases of one server, and a hot standby of it: each database has its replica there, by a network of its own.

const keys = newKeys();
let databases: TestDatabase[] = [];
let admin: Client;
let standby: Standby;
let networks: Network[] = [];
let heard = [0, 0];
const places = new Map<string, number>();
let db: DestinationsClient;
/** A destination on each. */
let made: Destination[] = [];

const url = (place: number) => String(databases[place]?.logins.connectionString);
const shards = () =>
	databases.map(({ logins: { connectionString, serviceConnectionString } }, place) => {
		const replicas = [String(networks[place]?.url(connectionString))];
		return { connectionString, serviceConnectionString, replicas };
	});

beforeAll(async () => {
	const first = await startTestDatabase({ source: 'embedded' });
	databases = [first, await first.clone()];
	admin = new Client({ connectionString: first.connectionString });
	await admin.connect();
	standby = await Standby.of(first.connectionString, admin);
	networks = await Promise.all([0, 1].map((place) => Network.before(standby.url(url(place)))));
	networks.forEach((network, place) => {
		const push = () => {
			heard[place] = (heard[place] ?? 0) + 1;
		};
		network.watchAnswers(() => ({ push }));
	});
	await using others = createDestinationsClient({
		shards: databases.map(({ connectionString }) => connectionString),
		route: (id) => String(databases[places.get(id) ?? -1]?.connectionString),
		keys,
	});
	made = await Promise.all(databases.map((_, place) => makeBy(others, place)));
	db = createDestinationsClient({
		...{ shards: shards(), keys, pool: { max: 4 } },
		route: (id) => url(places.get(id) ?? -1),
	});
	await replayed();
});

afterAll(async () => {
	await db?.close();
	await Promise.all(networks.map((network) => network[Symbol.asyncDispose]()));
	await standby?.[Symbol.asyncDispose]();
	await admin?.end();
	for (const database of databases.reverse()) await database.stop();
});

async function makeBy(client: DestinationsClient, place: number): Promise<Destination> {
	const own = new Client({ connectionString: databases[place]?.connectionString });
	await own.connect();
	const { rows } = await own.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
	await own.end();
	const organizationId = rows[0].id;
	places.set(organizationId, place);
	return client.forOrganization(organizationId).destinations.create(posthog(organizationId));
}

async function replayed(): Promise<void> {
	const { rows } = await admin.query('SELECT pg_current_wal_insert_lsn() AS lsn');
	await until(async () => {
		const asked = await admin.query(
			'SELECT coalesce(bool_and(replay_lsn >= $1), false) AS done FROM pg_stat_replication',
			[rows[0].lsn],
		);
		return asked.rows[0].done;
	});
}

/** Reads the destination of a place, and which replicas were asked. */
async function read(place: number) {
	heard = [0, 0];
	const { id = '', organizationId = '' } = made[place] ?? {};
	const found = await db.forOrganization(organizationId).destinations.findById(id);
	return { name: found?.name, asked: heard.map((answers) => answers > 0) };
}

test('each organization is read from the replica of its database, and after a write from its primary', async () => {
	expect(await read(0)).toEqual({ name: made[0]?.name, asked: [true, false] });
	expect(await read(1)).toEqual({ name: made[1]?.name, asked: [false, true] });
	const { id = '', organizationId = '' } = made[1] ?? {};
	await db.forOrganization(organizationId).destinations.update(id, { name: 'Renamed' });
	expect(await read(1)).toEqual({ name: 'Renamed', asked: [false, false] });
	// What one database wrote says nothing of another.
	expect((await read(0)).asked).toEqual([true, false]);
	await replayed();
	expect(await read(1)).toEqual({ name: 'Renamed', asked: [false, true] });
	// The service reads primaries.
	heard = [0, 0];
	expect((await db.asService().destinations.list()).items).toHaveLength(2);
	expect(heard).toEqual([0, 0]);
	const { shards: stats, replicas } = db.stats();
	expect(stats.map((shard) => shard.replicas)).toMatchObject([
		[{ isUsed: true }],
		[{ isUsed: true }],
	]);
	expect(replicas).toHaveLength(2);
	// The service may have written for anybody: a read of each organization learns what the replica must have.
	for (const place of [0, 1]) expect((await read(place)).asked).toEqual([false, false]);
	await replayed();
	// They have the same share as their primary.
	await Promise.all(Array.from({ length: 40 }, () => read(0)));
	expect(db.stats().shards[0]?.replicas[0]?.total).toBe(2);
});

test('a replica that is away is no trouble of another, and its primary answers', async () => {
	networks[0]?.cut();
	expect(await read(0)).toMatchObject({ name: made[0]?.name });
	expect((await read(1)).asked).toEqual([false, true]);
	const used = db.stats().shards.map(({ replicas }) => replicas[0]?.isUsed);
	expect(used).toEqual([false, true]);
	networks[0]?.mend();
	await until(async () => (await read(0)).asked[0] === true);
});
