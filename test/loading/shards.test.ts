import { randomUUID } from 'node:crypto';
import {
	ConfigurationError,
	createDestinationsLoader,
	type DestinationsLoader,
	type DestinationsLoaderOptions,
	UnavailableError,
	ValidationError,
} from '../../src/index.ts';
import { Sharded } from '../shards/sharded.ts';
import { posthog } from '../support/destinations.ts';
import { until } from './loading.ts';

let sharded: Sharded;
const loaders: DestinationsLoader[] = [];

beforeAll(async () => {
	sharded = await Sharded.open();
});
afterAll(async () => {
	await Promise.all(loaders.map((loader) => loader.close()));
	await sharded[Symbol.asyncDispose]();
});

const urls = () => sharded.shards.map(({ database }) => database.logins.loaderConnectionString);

function open(shards: readonly string[] = urls(), options: DestinationsLoaderOptions = {}) {
	const route = (id: string) => shards[sharded.places.get(id) ?? -1] ?? '';
	const loader = createDestinationsLoader({
		...{ shards, route, keys: sharded.keys, pollIntervalMillis: 20 },
		...options,
	});
	loaders.push(loader);
	return loader;
}

async function make(place: number) {
	const organizationId = await sharded.newOrganization(place);
	return sharded.db.forOrganization(organizationId).destinations.create(posthog(organizationId));
}

const idsOf = async (loader: DestinationsLoader, organizationId: string) =>
	(await loader.findEnabled(organizationId, 'production')).map(({ id }) => id);

test('each organization is answered by its shard, whose changes are known from its own poll', async () => {
	const loader = open();
	const made = [await make(0), await make(1), await make(2)];
	const changes: (readonly string[] | 'all')[] = [];
	loader.on('change', ({ organizationIds }) => changes.push(organizationIds));
	await expect(loader.findEnabled(randomUUID(), 'production')).rejects.toThrow(ConfigurationError);
	await loader.start();
	expect(loader.status).toBe('live');
	for (const { organizationId, id } of made) {
		expect(loader.peek(organizationId, 'production')).toBeUndefined();
		expect(await idsOf(loader, organizationId.toUpperCase())).toEqual([id]);
		expect(loader.peek(organizationId, 'production')).toHaveLength(1);
	}
	for (const { organizationId, id } of made) {
		await sharded.db.forOrganization(organizationId).destinations.softDelete(id);
		await until(async () => (await idsOf(loader, organizationId)).length === 0);
	}
	expect(changes.flat()).toEqual(
		expect.arrayContaining(made.map(({ organizationId }) => organizationId)),
	);
	await expect(loader.findEnabled(randomUUID(), 'production')).rejects.toThrow(ConfigurationError);
	await expect(loader.findEnabled('no id', 'production')).rejects.toThrow(ValidationError);
	expect(loader.peek(randomUUID(), 'production')).toBeUndefined();
	const { shards, ...metrics } = loader.metrics();
	expect(shards?.map(({ database, status }) => [database.split('/')[1], status])).toEqual(
		urls().map((url) => [new URL(url).pathname.slice(1), 'live']),
	);
	// What start() looked for is not among them.
	expect(metrics.unknownOrganizations).toBe(3);
	await loader.resync();
	expect(loader.metrics().resyncs).toBeGreaterThanOrEqual(3);
	await loader.close();
	expect(loader.status).toBe('closed');
	await expect(loader.findEnabled(made[0]?.organizationId ?? '', 'production')).rejects.toThrow(
		/closed/,
	);
});

test('a shard that is away at the start is no trouble of the others, and is started once it is there', async () => {
	const [here, there] = [await make(0), await make(2)];
	const name = new URL(sharded.shard(2).url).pathname.slice(1);
	const connections = (allowed: boolean) =>
		sharded.one.admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${allowed}`);
	await connections(false);
	const loader = open();
	const statuses: string[] = [];
	const failures: string[] = [];
	loader.on('status', (status) => statuses.push(status));
	loader.on('failure', ({ error }) => failures.push(error.message));
	try {
		await loader.start();
		expect(loader.status).toBe('interrupted');
		expect(await idsOf(loader, here.organizationId)).toEqual([here.id]);
		const asked = loader.findEnabled(there.organizationId, 'production');
		await expect(asked).rejects.toThrow(UnavailableError);
		await expect(asked).rejects.toThrow(name);
		await until(() => failures.length > 0);
		expect(failures.every((message) => message.includes(`/${name}: `))).toBe(true);
	} finally {
		await connections(true);
	}
	await until(() => loader.status === 'live');
	expect(await idsOf(loader, there.organizationId)).toEqual([there.id]);
	await until(() => statuses.length === 2);
	expect(statuses).toEqual(['interrupted', 'live']);
});

test('a shard that goes away later answers from memory, and the others are live', async () => {
	const [here, there] = [await make(0), await make(1)];
	const loader = open();
	await loader.start();
	expect(await idsOf(loader, there.organizationId)).toEqual([there.id]);
	const name = new URL(sharded.shard(1).url).pathname.slice(1);
	await sharded.one.admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
	try {
		await sharded.one.admin.query(
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename LIKE '%_loader'`,
			[name],
		);
		await until(() => loader.status === 'interrupted');
		expect(await idsOf(loader, there.organizationId)).toEqual([there.id]);
		expect(await idsOf(loader, here.organizationId)).toEqual([here.id]);
		expect(loader.metrics().shards?.map(({ status }) => status)).toEqual([
			...['live', 'interrupted', 'live'],
		]);
	} finally {
		await sharded.one.admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
	}
	await until(() => loader.status === 'live');
});

test('where none can be reached, or one is set up wrongly, the start fails', async () => {
	const away = 'postgresql://nobody:secret@localhost:1/';
	const none = open([`${away}a`, `${away}b`]);
	await expect(none.start()).rejects.toThrow(UnavailableError);
	expect(none.status).toBe('initializing');
	const [first, , third] = urls();
	const wrong = open([String(first), sharded.shard(1).database.connectionString, String(third)]);
	await expect(wrong.start()).rejects.toThrow(ConfigurationError);
	await expect(wrong.start()).rejects.toThrow(new URL(sharded.shard(1).url).pathname);
});

test('options that do not go together are refused', () => {
	const keys = sharded.keys;
	const [url = ''] = urls();
	const route = () => url;
	for (const options of [
		{ shards: urls() },
		{ route },
		{ route, shards: [] },
		{ route, shards: [url, url] },
		{ route, shards: [url, 'secret'] },
		{ route, shards: [url], connectionString: url },
		{ route, shards: [url], pool: { host: 'localhost' } },
	]) {
		const create = () => createDestinationsLoader({ keys, ...options });
		expect(create).toThrow(ConfigurationError);
		expect(create).not.toThrow(/secret/);
	}
});
