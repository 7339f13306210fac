import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { shareOfPool } from '../../src/database/shards.ts';
import {
	ConfigurationError,
	createDestinationsClient,
	createDestinationsLoader,
	type Destination,
	type DestinationsClient,
	UnavailableError,
} from '../../src/index.ts';
import { until } from '../loading/loading.ts';
import { posthog } from '../support/destinations.ts';
import { Sharded } from './sharded.ts';

let sharded: Sharded;
/** A destination on each shard. */
const made: Destination[] = [];
beforeAll(async () => {
	sharded = await Sharded.open();
	for (const place of [0, 1, 2]) made.push(await make(place));
});
afterAll(() => sharded[Symbol.asyncDispose]());

async function make(place: number): Promise<Destination> {
	const organizationId = await sharded.newOrganization(place);
	return sharded.db.forOrganization(organizationId).destinations.create(posthog(organizationId));
}

/** Reads the destination of a shard. */
const read = (db: DestinationsClient, place: number) => {
	const { organizationId = '', id = '' } = made[place] ?? {};
	return db.forOrganization(organizationId).destinations.findById(id);
};

/** Many reads of each shard at once, by the organization and by the service. */
async function flood(db: DestinationsClient): Promise<void> {
	const reads = Array.from({ length: 60 }, (_, at) => read(db, at % 3));
	const lists = Array.from({ length: 20 }, () => db.asService().destinations.list());
	await Promise.all([...reads, ...lists]);
}

test.each([
	['as many as pg has', {}, 3],
	['what `max` says', { max: 6 }, 2],
	['no more where it cannot be shared equally', { max: 8 }, 2],
	['one each', { max: 3 }, 1],
])(
	'all databases together have %s, each its share, opened at first use and closed when idle',
	async (_, pool, share) => {
		const db = sharded.open({ pool: { ...pool, idleTimeoutMillis: 1500 } });
		expect(db.stats()).toMatchObject({ total: 0, idle: 0, waiting: 0 });
		await read(db, 0);
		expect(db.stats().shards.map(({ total }) => total)).toEqual([1, 0, 0]);
		await flood(db);
		const { total, tenants, service, shards } = db.stats();
		// Of each login, as with one database.
		expect({ total, tenants: tenants.total, service: service.total }).toEqual({
			...{ total: 6 * share, tenants: 3 * share, service: 3 * share },
		});
		expect(shards.map((shard) => shard.tenants.total)).toEqual([share, share, share]);
		expect(shards.map(({ database }) => database)).toEqual(
			sharded.shards.map(({ url }) => expect.stringContaining(new URL(url).pathname)),
		);
		await until(() => db.stats().total === 0);
	},
);

test('each database has at least two by default: a call beside a transaction does not wait for its end', async () => {
	const { connectionString } = sharded.one.database.logins;
	const shards = Array.from({ length: 16 }, (_, at) => {
		const url = new URL(connectionString);
		url.pathname = `/another_${at}`;
		return url.href;
	});
	shards[7] = connectionString;
	await using db = createDestinationsClient({
		...{ shards, keys: sharded.keys, pool: { connectionTimeoutMillis: 5000 } },
		route: () => connectionString,
	});
	const scope = db.forOrganization(randomUUID());
	const beside = () => scope.destinations.count();
	expect(await scope.transaction(beside)).toBe(0);
});

test('each database has an equal share of what is named', () => {
	expect(shareOfPool('x', {}, 16, 32)).toEqual({ max: 2 });
	expect(shareOfPool('x', { max: 50, min: 16, keepAlive: true }, 16, 32)).toEqual({
		...{ max: 3, min: 1, keepAlive: true },
	});
});

test('fewer connections than databases are refused at the start', async () => {
	const { shards, route, keys } = sharded;
	const urls = shards.map(({ url }) => url);
	const options = { shards: urls, route, keys, pool: { max: 2 } };
	for (const [name, open] of Object.entries({
		createDestinationsClient,
		createDestinationsLoader,
	})) {
		expect(() => open(options)).toThrow(ConfigurationError);
		expect(() => open(options)).toThrow(`${name}(): \`pool.max\` is 2, and there are 3 databases.`);
		expect(() => open({ ...options, pool: { max: 'x' as never } })).toThrow(/max/);
	}
	await createDestinationsLoader({ ...options, pool: { max: 3 } }).close();
});

test('a database that does not answer keeps its own connections and no other', async () => {
	const sockets = new Set<Socket>();
	const silent = createServer((socket) => {
		sockets.add(socket.on('error', () => {}));
	}).listen(0, '127.0.0.1');
	await once(silent, 'listening');
	const address = silent.address();
	const port = typeof address === 'object' ? address?.port : undefined;
	const urls = sharded.shards.map(({ url }) => url);
	urls[2] = `postgresql://nobody@127.0.0.1:${port}/silent`;
	const db = sharded.open({
		shards: sharded.shards.map(({ option }, place) => {
			const connectionString = urls[place] ?? '';
			return place === 2 ? { connectionString } : { ...option, connectionString };
		}),
		route: (id) => urls[sharded.places.get(id) ?? -1] ?? '',
		pool: { max: 6 },
	});
	const waiting = Array.from({ length: 500 }, () => read(db, 2).catch((error: unknown) => error));
	await until(() => sockets.size === 2);
	for (let round = 0; round < 20; round += 1) {
		const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((place) => read(db, place)));
		expect(answers.every((found) => found !== null)).toBe(true);
	}
	const { id } = made[0] ?? {};
	// All are asked, and the one that has it answers.
	expect((await db.asService().destinations.findById(id ?? ''))?.id).toBe(id);
	expect(db.stats().shards).toMatchObject([{ waiting: 0 }, { waiting: 0 }, { total: 2 }]);
	expect(sockets.size).toBe(2);
	silent.close();
	const ending = setInterval(() => {
		for (const socket of sockets) socket.destroy();
	}, 1);
	expect((await Promise.all(waiting)).every((error) => error instanceof UnavailableError)).toBe(
		true,
	);
	await db.close();
	clearInterval(ending);
});

test('close() closes all, and refuses also where nothing was opened', async () => {
	const db = sharded.open();
	const [first, second] = [await make(0), await make(1)];
	await db.forOrganization(first.organizationId).destinations.findById(first.id);
	await db.close();
	expect(db.stats().total).toBe(0);
	for (const { organizationId, id } of [first, second]) {
		const { destinations } = db.forOrganization(organizationId);
		await expect(destinations.findById(id)).rejects.toThrow(/client was closed/);
	}
	await expect(db.asService().destinations.list()).rejects.toThrow(/client was closed/);
});
