import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import {
	ConfigurationError,
	createDestinationsClient,
	type DestinationsClientOptions,
	NotFoundError,
	UnavailableError,
	UnsupportedError,
	ValidationError,
} from '../../src/index.ts';
import { posthog } from '../support/destinations.ts';
import { newKeys } from '../support/encryption.ts';
import { Exporters } from '../telemetry/exporters.ts';
import { Sharded } from './sharded.ts';

let sharded: Sharded;
beforeAll(async () => {
	sharded = await Sharded.open();
});
afterAll(() => sharded[Symbol.asyncDispose]());

/** A destination of a new organization on a shard. */
async function make(place: number) {
	const organizationId = await sharded.newOrganization(place);
	return sharded.db.forOrganization(organizationId).destinations.create(posthog(organizationId));
}

describe('a route that does not lead to a shard', () => {
	const wrong: Readonly<Record<string, unknown>> = {
		nothing: undefined,
		null: null,
		'an empty text': '',
		'another database': 'postgresql://user:secret-of-somebody@localhost/other',
		'the number of a shard': 0,
		'a promise': Promise.resolve('x'),
		'a promise that fails': Promise.reject(new Error('x')),
		'an object that reads as the URL': { toString: () => sharded.shard(0).url },
	};
	(wrong['a promise that fails'] as Promise<never>).catch(() => {});

	test.each(Object.keys(wrong))('%s is refused, and nothing is sent', async (name) => {
		const db = sharded.open({ route: () => wrong[name] as string });
		const open = () => db.forOrganization(randomUUID());
		expect(open).toThrow(ConfigurationError);
		expect(open).toThrow(/^`route` of createDestinationsClient\(\) must return/);
		expect(open).not.toThrow(/secret-of-somebody/);
		const { destinations } = db.asService();
		await expect(destinations.create(posthog(randomUUID()))).rejects.toThrow(ConfigurationError);
		await expect(destinations.findByOrganization(randomUUID())).rejects.toThrow(ConfigurationError);
		expect(db.stats().total).toBe(0);
	});

	test('what the route throws is thrown', () => {
		class UnknownTenant extends Error {}
		const route = () => {
			throw new UnknownTenant();
		};
		expect(() => sharded.open({ route }).forOrganization(randomUUID())).toThrow(UnknownTenant);
	});

	test('one organization of which the route knows nothing keeps nobody from a list', async () => {
		const [known, unknown] = [await make(0), await make(1)];
		const route = (id: string) => (id === unknown.organizationId ? '' : sharded.route(id));
		const { destinations } = sharded.open({ route }).asService();
		const found = (await destinations.list({ limit: 1000 })).items.map(({ id }) => id);
		expect(found).toEqual(expect.arrayContaining([known.id, unknown.id]));
		await expect(destinations.softDelete(unknown.id)).rejects.toThrow(ConfigurationError);
		expect((await destinations.findById(known.id))?.id).toBe(known.id);
	});

	test('the route is asked with ids in lower case', async () => {
		const { organizationId, id } = await make(1);
		const scope = sharded.db.forOrganization(organizationId.toUpperCase());
		expect((await scope.destinations.findById(id))?.id).toBe(id);
		const { destinations } = sharded.db.asService();
		const named = { organizationId: organizationId.toUpperCase() };
		expect((await destinations.list(named)).items).toHaveLength(1);
	});
});

describe('an organization on another shard than the route says', () => {
	test('reads nothing and writes nothing there', async () => {
		const { organizationId, id } = await make(0);
		sharded.places.set(organizationId, 1);
		const { destinations } = sharded.db.forOrganization(organizationId);
		expect(await destinations.findById(id)).toBeNull();
		await expect(destinations.update(id, { enabled: false })).rejects.toThrow(NotFoundError);
		await expect(destinations.create(posthog(organizationId))).rejects.toThrow(NotFoundError);
		const service = sharded.db.asService().destinations;
		expect(await service.findById(id)).toBeNull();
		await expect(service.softDelete(id)).rejects.toThrow(NotFoundError);
		const ids = async () => (await service.list({ limit: 1000 })).items.map((row) => row.id);
		expect(await ids()).not.toContain(id);
		sharded.places.set(organizationId, 0);
		expect(await ids()).toContain(id);
	});

	test('rows that a move left behind are shown once, and nothing writes to them', async () => {
		const made = await make(0);
		const { organizationId, id } = made;
		await copyRows(organizationId, 0, 2);
		sharded.places.set(organizationId, 2);
		const { destinations } = sharded.db.asService();
		const listed = (await destinations.list({ limit: 1000 })).items;
		expect(listed.filter((row) => row.id === id)).toHaveLength(1);
		const byType = await destinations.findByType('posthog');
		expect(byType.filter((row) => row.id === id)).toHaveLength(1);
		await destinations.update(id, { name: 'Moved' });
		const names = async (place: number) => {
			const text = 'SELECT name FROM destinations WHERE id = $1';
			return (await sharded.shard(place).admin.query(text, [id])).rows;
		};
		expect(await names(0)).toEqual([{ name: made.name }]);
		expect(await names(2)).toEqual([{ name: 'Moved' }]);
		expect((await destinations.findById(id))?.name).toBe('Moved');
	});

	async function copyRows(organizationId: string, from: number, to: number): Promise<void> {
		const { rows } = await sharded
			.shard(from)
			.admin.query('SELECT * FROM destinations WHERE organization_id = $1', [organizationId]);
		const { admin } = sharded.shard(to);
		await admin.query('INSERT INTO organizations (id) VALUES ($1)', [organizationId]);
		await admin.query('BEGIN; SET LOCAL session_replication_role = replica');
		for (const row of rows) {
			await admin.query(
				'INSERT INTO destinations SELECT * FROM jsonb_populate_record(NULL::destinations, $1)',
				[JSON.stringify(row)],
			);
		}
		await admin.query('COMMIT');
	}
});

describe('a shard that is down', () => {
	/** A client whose third shard is at a port where nobody listens. */
	const withOneDown = () => {
		const down = new URL(sharded.shard(2).url);
		down.port = '1';
		const [first, second] = sharded.shards.map(({ url }) => url);
		const shards = [String(first), String(second), down.href];
		// The logins of organizations alone, which may not be the service.
		const route = (id: string) => String(shards[sharded.places.get(id) ?? -1]);
		const services = sharded.shards.map(({ database }) => database.logins.serviceConnectionString);
		return sharded.open({
			shards: shards.map((connectionString, at) => ({
				connectionString,
				serviceConnectionString: at === 2 ? down.href : services[at],
			})),
			route,
		});
	};

	test('is no trouble of the others, and is named', async () => {
		const [here, there] = [await make(0), await make(2)];
		const db = withOneDown();
		const own = db.forOrganization(here.organizationId).destinations;
		expect((await own.findById(here.id))?.id).toBe(here.id);
		const other = db.forOrganization(there.organizationId).destinations;
		await expect(other.findById(there.id)).rejects.toThrow(UnavailableError);
		const { destinations, audit } = db.asService();
		// Found where it is, whoever else did not answer.
		expect((await destinations.findById(here.id))?.id).toBe(here.id);
		expect((await destinations.update(here.id, { name: 'Found' })).name).toBe('Found');
		// Nobody knows whether it is on the one that does not answer.
		await expect(destinations.findById(randomUUID())).rejects.toThrow(UnavailableError);
		await expect(destinations.update(there.id, { name: 'x' })).rejects.toThrow(UnavailableError);
		// A part of a list would look like all of it.
		const place = /^localhost:1\/|^127.0.0.1:1\//;
		for (const asked of [
			destinations.list(),
			destinations.count(),
			destinations.findByType('posthog'),
			audit.list(),
			audit.export().next(),
			db.connect(),
		]) {
			await expect(asked).rejects.toThrow(UnavailableError);
			await expect(asked).rejects.toThrow(place);
		}
		expect((await destinations.list({ organizationId: here.organizationId })).items).toHaveLength(
			1,
		);
		await destinations.softDelete(here.id);
		await expect(destinations.purgeDeleted({ olderThan: new Date() })).rejects.toThrow(place);
		expect(await sharded.counts('destinations', `id = '${here.id}'`)).toEqual([0, 0, 0]);
	});
});

test('Prisma and transactions of an organization and of a chosen shard work there', async () => {
	const made = await make(1);
	const { organizationId } = made;
	const scope = sharded.db.forOrganization(organizationId);
	expect(await scope.prisma.destination.count()).toBe(1);
	await scope.transaction((tx) => tx.destinations.update(made.id, { name: 'In one' }));
	const service = sharded.db.asService({ shard: sharded.route(organizationId) });
	expect(await service.prisma.destination.findUnique({ where: { id: made.id } })).toMatchObject({
		name: 'In one',
	});
	await service.transaction((tx) => tx.destinations.update(made.id, { name: 'By the service' }));
	const others = sharded.db.asService({ shard: sharded.shard(0).url });
	expect(await others.destinations.findById(made.id)).toBeNull();
	const all = sharded.db.asService();
	expect(() => all.prisma).toThrow(UnsupportedError);
	expect(() => all.transaction).toThrow(/asService\({ shard: url }\)/);
	for (const shard of ['', 'postgresql://user:secret@localhost/other']) {
		expect(() => sharded.db.asService({ shard })).toThrow(ValidationError);
		expect(() => sharded.db.asService({ shard })).not.toThrow(/secret@/);
	}
	expect(() => sharded.oneDb.asService({ shard: sharded.one.url })).toThrow(ValidationError);
});

test('a transaction of the host works on the shard of its organization, and must name one for the service', async () => {
	const { organizationId, id } = await make(2);
	const client = new Client({ connectionString: sharded.shard(2).database.connectionString });
	await client.connect();
	try {
		await client.query('BEGIN');
		const joined = sharded.db.forOrganization(organizationId, { transaction: client });
		await joined.destinations.update(id, { name: 'Undone' });
		expect(() => sharded.db.asService({ transaction: client })).toThrow(UnsupportedError);
		const shard = sharded.shard(2).url;
		const service = sharded.db.asService({ transaction: client, shard });
		expect((await service.destinations.findById(id))?.name).toBe('Undone');
		await client.query('ROLLBACK');
	} finally {
		await client.end();
	}
	const { destinations } = sharded.db.asService();
	expect((await destinations.findById(id))?.name).toBe('EU project');
});

test('telemetry names the database that a call went to', async () => {
	const exporters = new Exporters();
	try {
		const db = sharded.open({ onOperation: exporters.onOperation });
		const databases = sharded.shards.map(({ url }) => new URL(url).pathname.slice(1));
		const { organizationId, id } = await make(1);
		exporters.clear();
		await db.forOrganization(organizationId).destinations.findById(id);
		const asked = () => exporters.spans().map(({ attributes }) => attributes['db.namespace']);
		expect(asked()).toEqual([databases[1]]);
		await db.asService().destinations.list();
		expect(asked().sort()).toEqual([...databases].sort());
		await db.asService().destinations.update(id, { name: 'Told' });
		expect(exporters.reports.map(({ name }) => name).sort()).toEqual([
			...['destinations.findById', 'destinations.list', 'destinations.list', 'destinations.list'],
			...['destinations.locate', 'destinations.locate', 'destinations.locate'],
			'destinations.update',
		]);
		exporters.clear();
		await db.asService().destinations.update(id, { name: 'Named' }, { organizationId });
		await db.asService().destinations.findById(id, { organizationId });
		expect(asked()).toEqual([databases[1], databases[1]]);
		const metrics = await exporters.metrics();
		const pools = metrics.get('db.client.connection.count')?.dataPoints ?? [];
		const names = pools.map(({ attributes }) => attributes['db.client.connection.pool.name']);
		expect(new Set(names).size).toBeGreaterThanOrEqual(4);
	} finally {
		exporters.stop();
	}
});

describe('options that do not go together are refused', () => {
	const url = 'postgresql://user:secret@localhost/';
	const keys = newKeys();
	const route = () => `${url}a`;
	const shards = [`${url}a`, `${url}b`];
	const refused: Readonly<Record<string, [object, RegExp]>> = {
		'shards without a route': [{ shards }, /pass `route`, which says which of them/],
		'a route without shards': [{ route }, /DATABASE_URLS/],
		'no shard': [{ route, shards: [] }, /at least one database/],
		'something else than a list': [{ route, shards: `${url}a` }, /must be a list/],
		'a shard without a URL': [{ route, shards: [{}] }, /shards\[0\].*connectionString/],
		'a shard with an empty URL': [{ route, shards: [''] }, /shards\[0\] is empty/],
		'a shard with an unknown option': [
			{ route, shards: [{ connectionString: `${url}a`, pool: {} }] },
			/shards\[0\].*pool/,
		],
		'a shard whose URL cannot be read': [{ route, shards: [`${url}a`, 'secret'] }, /shards\[1\]/],
		'one database twice': [
			{ route, shards: [`${url}a`, 'postgresql://other@localhost:5432/a'] },
			/shards\[1\] is the same database as shards\[0\]/,
		],
		'a database besides': [{ route, shards, connectionString: `${url}a` }, /`connectionString`/],
		'a second login besides': [
			{ route, shards, serviceConnectionString: `${url}a` },
			/`serviceConnectionString`/,
		],
		'replicas besides': [{ route, shards, replicas: [`${url}c`] }, /`replicas`/],
		'an address in the pool': [{ route, shards, pool: { host: 'localhost' } }, /`pool`/],
		'a route that is no function': [{ route: url, shards }, /route: must be a function/],
	};

	test.each(Object.entries(refused))('%s', (_, [options, message]) => {
		const create = () =>
			createDestinationsClient({ keys, ...options } as DestinationsClientOptions);
		expect(create).toThrow(ConfigurationError);
		expect(create).toThrow(message);
		expect(create).not.toThrow(/secret/);
	});

	test('the URLs may come from the environment', () => {
		process.env.DATABASE_URLS = ` ${shards.join('\n')} `;
		try {
			const db = createDestinationsClient({ keys, route });
			expect(db.stats().shards.map(({ database }) => database)).toEqual([
				...['localhost:5432/a', 'localhost:5432/b'],
			]);
		} finally {
			delete process.env.DATABASE_URLS;
		}
	});
});
