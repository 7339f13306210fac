import { randomUUID } from 'node:crypto';
import { readReplicas } from '@prisma/extension-read-replicas';
import { errorOf, posthogSettings } from '../support/extended-client.ts';
import { type Row, Shop, type ShopClient } from './shop.ts';

// A service's own client, with its own models around destinations, under other names than this package's.

let shop: Shop;
let base: ShopClient;
let prisma: ShopClient;

beforeAll(async () => {
	shop = await Shop.open();
	base = shop.connect();
	prisma = shop.extend(base);
});

afterAll(() => shop?.close());

const newSettings = () => posthogSettings();

/** A tenant with a person, an order, a live destination and a deleted one, each with a delivery. */
async function newTenant() {
	const settings = newSettings();
	const tenant = await prisma.organisation.create({
		data: {
			title: 'Acme',
			settings: { theme: 'dark' },
			members: { create: { email: `${randomUUID()}@example.com` } },
			destinations: {
				create: [
					{ type: 'posthog', name: 'live', settings },
					{ type: 'console', name: 'gone', settings: {} },
				],
			},
		},
		include: { destinations: true, members: true },
	});
	const find = (name: string) => tenant.destinations.find((row: Row) => row.name === name);
	const [live, gone, person] = [find('live'), find('gone'), tenant.members[0]];
	const order = await prisma.order.create({
		data: {
			organization: { connect: { key: tenant.key } },
			buyer: { connect: { id: person.id } },
			payload: { data: 'x'.repeat(500), destinations: [1] },
			deliveries: {
				create: [
					{ data: '1 live', destination: { connect: { id: live.id } } },
					{ data: '2 gone', destination: { connect: { id: gone.id } } },
					{ data: '3 nobody' },
				],
			},
		},
	});
	await prisma.destination.delete({ where: { id: gone.id } });
	return { tenant, live, gone, person, order, settings };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;

const stored = async (id: string) =>
	(await shop.sql('SELECT * FROM destinations WHERE id = $1', [id]))[0];

/** Every object in a result that looks like a destination is live, and its settings are open. */
function expectOpen(result: unknown): void {
	const text = JSON.stringify(result);
	expect(text).not.toContain('"ct"');
	expect(text).not.toContain('"gone"');
}

describe('the service’s own models', () => {
	it('are as they are without the extension, by every operation', async () => {
		const { tenant } = await newTenant();
		const where = { tenantId: tenant.key };
		const payload = { where: { $type: 'x', list: [new Date(0)] }, data: 'y'.repeat(300) };
		const made = await prisma.order.create({ data: { ...where, payload } });
		expect(made.payload).toEqual(JSON.parse(JSON.stringify(payload)));
		await prisma.order.createMany({ data: [where, where] });
		expect(await prisma.order.createManyAndReturn({ data: [where] })).toHaveLength(1);
		expect(await prisma.order.findMany({ where, orderBy: { id: 'asc' } })).toHaveLength(5);
		expect(await prisma.order.findMany()).toEqual(await base.order.findMany());
		expect(await prisma.order.count({ where })).toBe(5);
		const total = await prisma.order.aggregate({ where, _sum: { total: true }, _count: true });
		expect(total).toEqual(
			await base.order.aggregate({ where, _sum: { total: true }, _count: true }),
		);
		const groups = { by: ['tenantId'], where, _count: true };
		expect(await prisma.order.groupBy(groups)).toEqual(await base.order.groupBy(groups));
		const { id } = made;
		await prisma.order.update({ where: { id }, data: { total: { increment: 5 } } });
		await prisma.order.updateMany({ where: { id }, data: { total: { multiply: 2 } } });
		const [changed] = await prisma.order.updateManyAndReturn({
			where: { id },
			data: { total: 11 },
		});
		expect(String(changed.total)).toBe('11');
		await prisma.order.upsert({ where: { id }, create: where, update: { total: 12 } });
		expect(String((await prisma.order.findUniqueOrThrow({ where: { id } })).total)).toBe('12');
		expect((await prisma.order.findUnique({ where: { id } }).organization()).key).toBe(tenant.key);
		await prisma.order.delete({ where: { id } });
		await prisma.order.deleteMany({ where: { ...where, deliveries: { none: {} } } });
		expect(await prisma.order.count({ where })).toBe(1);
		await prisma.rate.create({ data: { currency: randomUUID(), settings: { ct: 1 } } });
		const person = await prisma.person.findFirst({
			where: { tenants: { some: { key: tenant.key } } },
		});
		expect(person).toEqual(await base.person.findFirst({ where: { id: person.id } }));
	});

	it('keep columns of the names that destinations and arguments have', async () => {
		const [settings, data] = [
			{ settings: 1, destinations: 'x' },
			{ data: 'x'.repeat(300), create: {} },
		];
		const key = randomUUID();
		const destinations = { create: { type: 'posthog', name: 'x', settings: newSettings() } };
		await prisma.organisation.create({ data: { key, title: 'x', settings, data, destinations } });
		const read = await prisma.organisation.findUnique({
			where: { key },
			include: { destinations: true },
		});
		expect(read).toMatchObject({ settings, data });
		await prisma.organisation.update({
			where: { key },
			data: { settings: { a: 1 }, data: { b: 2 }, destinations: { deleteMany: {} } },
			include: { destinations: true },
		});
		const changed = await prisma.organisation.findFirst({
			where: { settings: { equals: { a: 1 } }, key },
		});
		expect(changed).toMatchObject({ data: { b: 2 } });
	});

	it('fail as they do without the extension', async () => {
		const email = randomUUID();
		await prisma.person.create({ data: { email } });
		const errors = [base, prisma].map((client) =>
			errorOf(() => client.person.create({ data: { email } })),
		);
		const [expected, actual] = await Promise.all(errors);
		expect({ ...actual }).toEqual({ ...expected });
		expect(actual?.code).toBe('P2002');
	});
});

describe('what leads to destinations', () => {
	let given: Tenant;

	beforeAll(async () => {
		given = await newTenant();
	});

	it('by a selection, shows live ones alone, and open', async () => {
		const { tenant, order, live, settings } = given;
		const destinations = { include: { tenant: { include: { destinations: true, _count: true } } } };
		const read = await prisma.order.findUniqueOrThrow({
			where: { id: order.id },
			include: {
				organization: {
					include: { destinations, _count: { select: { destinations: true, orders: true } } },
				},
				deliveries: {
					include: { destination: { omit: { deletedAt: true } } },
					orderBy: { data: 'asc' },
				},
				buyer: {
					select: { tenants: { select: { destinations: { select: { settings: true } } } } },
				},
			},
		});
		expectOpen({ ...read, deliveries: read.deliveries.map(({ destination }: Row) => destination) });
		expect(read.organization._count).toEqual({ destinations: 1, orders: 1 });
		expect(read.organization.destinations[0].settings).toEqual(settings);
		expect(read.organization.destinations[0].tenant).toMatchObject({
			destinations: [{ id: live.id, settings }],
			_count: { destinations: 1, orders: 1, children: 0, members: 1 },
		});
		expect(read.buyer.tenants).toEqual([{ destinations: [{ settings }] }]);
		expect(
			read.deliveries.map(({ data, destination }: Row) => [data, destination?.settings]),
		).toEqual([
			['1 live', settings],
			['2 gone', undefined],
			['3 nobody', undefined],
		]);
		expect(read.deliveries[1].destination).toBeNull();
		expect(Object.keys(read.deliveries[0].destination)).not.toContain('deletedAt');
		const picked = await prisma.delivery.findMany({
			where: { orderId: order.id },
			select: { destination: { select: { name: true } } },
			orderBy: { data: 'asc' },
		});
		expect(JSON.parse(JSON.stringify(picked))).toEqual([
			{ destination: { name: 'live' } },
			{ destination: null },
			{ destination: null },
		]);
		const self = await prisma.destination.findUniqueOrThrow({
			where: { id: live.id },
			include: { deliveries: { include: { destination: true } }, _count: true },
		});
		expect(self).toMatchObject({ settings, _count: { deliveries: 1 } });
		expect(self.deliveries[0].destination.settings).toEqual(settings);
		expect(tenant.settings).toEqual({ theme: 'dark' });
	});

	it('by the fluent API, at any depth', async () => {
		const { order, live, gone, settings, tenant } = given;
		const found = () => prisma.order.findUnique({ where: { id: order.id } });
		expect(await found().organization().destinations()).toMatchObject([{ id: live.id, settings }]);
		expect(
			await found()
				.organization()
				.destinations({ where: { id: gone.id } }),
		).toEqual([]);
		const child = await prisma.organisation.create({
			data: { title: 'child', parent: { connect: { key: tenant.key } } },
		});
		const parent = await prisma.organisation
			.findUnique({ where: { key: child.key } })
			.parent({ include: { parent: true, destinations: true } });
		expect(parent.destinations).toMatchObject([{ settings }]);
		const deliveries = await prisma.delivery.findMany({
			where: { orderId: order.id },
			orderBy: { data: 'asc' },
		});
		const destinations = deliveries.map(({ id }: Row) =>
			prisma.delivery.findUnique({ where: { id } }).destination({ select: { settings: true } }),
		);
		expect((await Promise.all(destinations)).map((row: Row) => row?.settings)).toEqual([
			settings,
			undefined,
			undefined,
		]);
		const up = await prisma.delivery
			.findUnique({ where: { id: deliveries[0].id } })
			.destination()
			.tenant();
		expect(up.key).toBe(tenant.key);
	});

	it('by a filter, sees live ones alone', async () => {
		const { order, tenant } = given;
		const orders = (where: object) => prisma.order.count({ where: { id: order.id, ...where } });
		const deliveries = async (where: object) =>
			(
				await prisma.delivery.findMany({
					where: { orderId: order.id, ...where },
					orderBy: { data: 'asc' },
				})
			).map(({ data }: Row) => data.slice(2));
		const some = (name: string) => ({ organization: { destinations: { some: { name } } } });
		expect([await orders(some('live')), await orders(some('gone'))]).toEqual([1, 0]);
		expect(
			await orders({ organization: { is: { destinations: { every: { name: 'live' } } } } }),
		).toBe(1);
		expect(
			await orders({ NOT: { organization: { destinations: { none: { name: 'gone' } } } } }),
		).toBe(0);
		expect(await orders({ deliveries: { some: { destination: { name: 'gone' } } } })).toBe(0);
		expect(await deliveries({ destination: { name: { in: ['live', 'gone'] } } })).toEqual(['live']);
		expect(await deliveries({ destination: {} })).toEqual(['live']);
		expect(await deliveries({ destination: { is: { name: 'gone' } } })).toEqual([]);
		expect(await deliveries({ destination: { isNot: { name: 'live' } } })).toEqual([
			'gone',
			'nobody',
		]);
		expect(await deliveries({ destination: { isNot: { name: 'gone' } } })).toEqual([
			'live',
			'gone',
			'nobody',
		]);
		for (const none of [null, { is: null }]) {
			expect(await deliveries({ destination: none })).toEqual(['gone', 'nobody']);
		}
		expect(await deliveries({ destination: { isNot: null } })).toEqual(['live']);
		const person = {
			tenants: { some: { key: tenant.key, destinations: { some: { name: 'gone' } } } },
		};
		expect(await prisma.person.count({ where: person })).toBe(0);
		for (const where of [
			{ organization: { destinations: { some: { settings: { equals: {} } } } } },
			{ deliveries: { some: { destination: { settings: { not: {} } } } } },
			{ buyer: { createdDestinations: { most: {} } } },
		]) {
			expect((await errorOf(() => prisma.order.findMany({ where }))).code).toBe('UNSUPPORTED');
		}
	});

	it('by an order or a cursor, refuses what would count or order what nobody sees', async () => {
		const { order, live, gone } = given;
		const ordered = (orderBy: object) =>
			prisma.delivery.findMany({ where: { orderId: order.id }, orderBy });
		expect(await ordered({ destination: { name: 'asc' } })).toHaveLength(3);
		expect(await ordered({ order: { organization: { orders: { _count: 'asc' } } } })).toHaveLength(
			3,
		);
		for (const orderBy of [
			{ destination: { settings: 'asc' } },
			{ order: { organization: { destinations: { _count: 'asc' } } } },
		]) {
			expect((await errorOf(() => ordered(orderBy))).code).toBe('UNSUPPORTED');
		}
		const cursor = (id: string) => prisma.destination.findMany({ cursor: { id } });
		for (const id of [live.id, gone.id]) expectOpen(await cursor(id));
	});

	it('by a nested write, seals and sees live ones alone', async () => {
		const { tenant, live, gone, order } = await newTenant();
		const through = (destinations: object) =>
			prisma.order.update({
				where: { id: order.id },
				data: { organization: { update: { destinations } } },
			});
		const settings = newSettings();
		await through({ update: { where: { id: live.id }, data: { settings } } });
		expect((await stored(live.id)).settings).toMatchObject({ ct: expect.any(String) });
		expect(await prisma.destination.findUnique({ where: { id: live.id } })).toMatchObject({
			settings,
		});
		await through({ updateMany: { where: {}, data: { enabled: false } } });
		expect([(await stored(live.id)).enabled, (await stored(gone.id)).enabled]).toEqual([
			false,
			true,
		]);
		expect(
			(await errorOf(() => through({ update: { where: { id: gone.id }, data: { name: 'x' } } })))
				.code,
		).toBe('P2025');
		await through({ deleteMany: {} });
		expect((await stored(live.id)).deleted_at).not.toBeNull();
		// The organization of what is created here is not told.
		const create = { type: 'posthog', name: 'new', settings };
		expect((await errorOf(() => through({ create }))).code).toBe('UNSUPPORTED');
		await through({ create: { ...create, organizationId: undefined, tenant: undefined } }).catch(
			() => {},
		);
		expect((await errorOf(() => through({ set: [] }))).code).toBe('UNSUPPORTED');
		expect((await errorOf(() => through({ merge: {} }))).code).toBe('UNSUPPORTED');
		await prisma.organisation.update({
			where: { key: tenant.key },
			data: { destinations: { create } },
		});
		const [made] = await prisma.destination.findMany({ where: { organizationId: tenant.key } });
		expect(made).toMatchObject({ name: 'new', settings });
		// A new order of a new tenant, with a new person, who has made a new destination of it.
		const key = randomUUID();
		await prisma.order.create({
			data: {
				organization: {
					create: {
						key,
						title: 'deep',
						destinations: { create: [create] },
					},
				},
				buyer: {
					create: {
						email: key,
						tenants: { create: { title: 'deeper', destinations: { create } } },
					},
				},
			},
		});
		expect(await prisma.destination.findMany({ where: { organizationId: key } })).toMatchObject([
			{ settings },
		]);
		const deeper = { title: 'deeper', members: { some: { email: key } } };
		expect(
			await prisma.organisation.findFirst({ where: deeper, include: { destinations: true } }),
		).toMatchObject({
			destinations: [{ settings }],
		});
		const plain = await shop.sql(
			'SELECT FROM destinations WHERE NOT settings_encrypted OR settings->>$1 IS NULL',
			['ct'],
		);
		expect(plain).toEqual([]);
	});

	it('by a relation to one, writes live ones alone, and deletes softly', async () => {
		const { tenant, live, gone, order } = await newTenant();
		const [toLive, toGone, toNobody] = await prisma.delivery.findMany({
			where: { orderId: order.id },
			orderBy: { data: 'asc' },
		});
		const write = (delivery: Row, destination: object) =>
			prisma.delivery.update({
				where: { id: delivery.id },
				data: { destination },
				include: { destination: true },
			});
		const settings = newSettings();
		const sealed = await write(toLive, { update: { where: { id: live.id }, data: { settings } } });
		expect(sealed.destination.settings).toEqual(settings);
		expect((await stored(live.id)).settings).toMatchObject({ ct: expect.any(String) });
		expect((await write(toLive, { update: { name: 'renamed' } })).destination.name).toBe('renamed');
		expect((await errorOf(() => write(toLive, { update: { settings } }))).code).toBe('UNSUPPORTED');
		for (const destination of [
			{ update: { name: 'x' } },
			{ update: { where: { id: gone.id }, data: { name: 'x' } } },
		]) {
			expect((await errorOf(() => write(toGone, destination))).code).toBe('P2025');
		}
		expect((await errorOf(() => write(toNobody, { connect: { id: gone.id } }))).code).toBe('P2025');
		const create = { type: 'mixpanel', name: 'made', settings: { projectToken: 'a'.repeat(32) } };
		const made = await write(toNobody, {
			create: { ...create, tenant: { connect: { key: tenant.key } } },
		});
		expect(made.destination).toMatchObject({ name: 'made', settings: create.settings });
		expect((await stored(made.destination.id)).settings).toMatchObject({ ct: expect.any(String) });
		const upserted = await write(toNobody, {
			upsert: { create: { ...create, organizationId: tenant.key }, update: { name: 'upserted' } },
		});
		expect(upserted.destination.name).toBe('upserted');
		expect((await errorOf(() => write(toLive, { delete: true, update: { name: 'x' } }))).code).toBe(
			'UNSUPPORTED',
		);
		expect((await write(toLive, { delete: true })).destination).toBeNull();
		expect((await stored(live.id)).deleted_at).not.toBeNull();
		expect((await write(toNobody, { disconnect: true })).destination).toBeNull();
		expect((await stored(made.destination.id)).deleted_at).toBeNull();
		const orCreate = {
			where: { id: made.destination.id },
			create: { ...create, organizationId: tenant.key },
		};
		expect((await write(toNobody, { connectOrCreate: orCreate })).destination.id).toBe(
			made.destination.id,
		);
	});

	it('by transactions of both kinds, and undoes it with them', async () => {
		const settings = newSettings();
		const create = { type: 'posthog', name: 'x', settings };
		const key = randomUUID();
		const work = async (tx: ShopClient) => {
			await tx.organisation.create({ data: { key, title: 'x' } });
			await tx.destination.create({ data: { ...create, organizationId: key } });
			const order = await tx.order.create({ data: { organization: { connect: { key } } } });
			const include = { organization: { include: { destinations: true } } };
			return tx.order.findUnique({ where: { id: order.id }, include });
		};
		const failing = async (tx: ShopClient) => {
			await work(tx);
			throw new Error('no');
		};
		await expect(prisma.$transaction(failing)).rejects.toThrow('no');
		expect(await shop.sql('SELECT FROM tenants WHERE id = $1', [key])).toEqual([]);
		expect(await prisma.$transaction(work)).toMatchObject({
			organization: { destinations: [{ settings }] },
		});
		const batch = await prisma.$transaction([
			prisma.order.create({ data: { tenantId: key } }),
			prisma.organisation.findUnique({ where: { key }, include: { destinations: true } }),
			prisma.destination.updateMany({ where: { organizationId: key }, data: { enabled: false } }),
			prisma.order.count({ where: { tenantId: key } }),
		]);
		expect(batch).toMatchObject([
			{ tenantId: key },
			{ destinations: [{ settings }] },
			{ count: 1 },
			2,
		]);
	});
});

/** A query extension that notes the operations that it sees. */
function recorder() {
	const seen: string[] = [];
	const query = {
		async $allOperations({ model, operation, args, query: send }: Hook) {
			seen.push(`${model}.${operation}`);
			return send(args);
		},
	};
	return { seen, extension: { query } };
}

interface Hook {
	readonly model?: string;
	readonly operation: string;
	readonly args: unknown;
	readonly query: (args: unknown) => Promise<unknown>;
}

describe.each([
	['before', (extension: unknown) => shop.extend(shop.connect().$extends(extension))],
	['after', (extension: unknown) => shop.extend().$extends(extension)],
])('with another extension of the service’s, added %s', (_, extend) => {
	let given: Tenant;

	beforeAll(async () => {
		given = await newTenant();
	});

	it('of queries, which sees every operation', async () => {
		const { seen, extension } = recorder();
		const client = extend(extension);
		const { order, tenant, settings } = given;
		const include = { organization: { include: { destinations: true } } };
		const read = await client.order.findUnique({ where: { id: order.id }, include });
		expect(read.organization.destinations).toMatchObject([{ settings }]);
		await client.$transaction(async (tx) => {
			const destinations = { updateMany: { where: {}, data: { enabled: false } } };
			await tx.organisation.update({ where: { key: tenant.key }, data: { destinations } });
			await tx.order.count();
		});
		await client.$transaction([client.order.count(), client.destination.count()]);
		expect(seen.filter((name) => !name.startsWith('undefined'))).toEqual([
			...['Order.findUnique', 'Organisation.update', 'Order.count'],
			...['Order.count', 'Destination.count'],
		]);
	});

	it('of results, which computes from settings in clear', async () => {
		const label = {
			needs: { settings: true },
			compute: ({ settings }: Row) => settings.host,
		};
		const short = { needs: { title: true }, compute: ({ title }: Row) => title.slice(0, 2) };
		const client = extend({ result: { destination: { label }, organisation: { short } } });
		const read = await client.order.findUnique({
			where: { id: given.order.id },
			select: {
				organization: { select: { short: true, destinations: { select: { label: true } } } },
			},
		});
		const { host } = given.settings;
		expect(JSON.parse(JSON.stringify(read))).toEqual({
			organization: { short: 'Ac', destinations: [{ label: host }] },
		});
	});

	it('of methods of models and of the client', async () => {
		const model = {
			$allModels: { exists: async (where: object) => Object.keys(where).length === 1 },
			order: { latest: () => 'latest' },
		};
		const client = extend({ model, client: { hello: () => 'hello' } }) as ShopClient & Row;
		expect([client.order.latest(), client.hello()]).toEqual(['latest', 'hello']);
		expect(await client.destination.exists({ id: 1 })).toBe(true);
		const { key } = given.tenant;
		const read = await client.organisation.findUnique({
			where: { key },
			include: { destinations: true },
		});
		expect(read.destinations).toMatchObject([{ settings: given.settings }]);
	});
});

describe('extensions that answer by themselves', () => {
	const replicas = () => readReplicas({ replicas: [shop.connect() as never] });
	let given: Tenant;

	beforeAll(async () => {
		given = await newTenant();
	});

	/** Reads whose results have destinations. */
	const reads = (client: ShopClient): Record<string, () => Promise<Row>> => {
		const where = { key: given.tenant.key };
		return {
			'of destinations': () =>
				client.destination.findMany({ where: { organizationId: where.key } }),
			'under the model’s name': () =>
				(client as Row).Destination.findMany({ where: { organizationId: where.key } }),
			counted: () => client.destination.count(),
			included: () => client.organisation.findUnique({ where, include: { destinations: true } }),
			filtered: () =>
				client.organisation.findMany({ where: { ...where, destinations: { some: {} } } }),
			'counted below': () => client.organisation.findUnique({ where, select: { _count: true } }),
			fluent: () => client.organisation.findUnique({ where }).destinations(),
			'fluent, below': () =>
				client.order
					.findUnique({ where: { id: given.order.id } })
					.organization()
					.destinations(),
		};
	};

	it('work where they were added after, as @prisma/extension-read-replicas', async () => {
		const client = shop.extend().$extends(replicas());
		for (const [name, read] of Object.entries(reads(client))) {
			const result = await read();
			expect([name, JSON.stringify(result)]).not.toEqual([
				name,
				expect.stringMatching(/"ct"|"gone"/),
			]);
		}
		const [row] = await client.destination.findMany({
			where: { organizationId: given.tenant.key },
		});
		expect(row).toMatchObject({ name: 'live', settings: given.settings });
	});

	it('are refused where they were added before, for whatever leads to destinations', async () => {
		const client = shop.extend(shop.connect().$extends(replicas()));
		for (const [name, read] of Object.entries(reads(client))) {
			const error = await errorOf(read);
			expect([name, error.code, error.message]).toEqual([
				name,
				'UNSUPPORTED',
				expect.stringMatching(/first/),
			]);
			// What was awaited once is not believed the second time.
			const promise = read();
			await promise.catch(() => {});
			expect([name, (await errorOf(() => promise)).code]).toEqual([name, 'UNSUPPORTED']);
		}
		const both = client.$extends({ client: { hello: () => 'hello' } });
		expect((await errorOf(() => both.destination.findMany())).code).toBe('UNSUPPORTED');
		// The service's own models lead nowhere.
		const where = { tenantId: given.tenant.key };
		expect(await client.order.findMany({ where, include: { buyer: true } })).toHaveLength(1);
		// In a transaction that extension answers nothing.
		const inTransaction = await client.$transaction(async (tx) =>
			tx.destination.findMany({ where: { organizationId: where.tenantId } }),
		);
		expect(inTransaction).toMatchObject([{ settings: given.settings }]);
		const [batch] = (await client.$transaction([
			client.destination.findMany({ where: { organizationId: where.tenantId } }),
		])) as Row[];
		expect(batch).toMatchObject([{ settings: given.settings }]);
	});
});

it('a spy of a test stands in the place of an operation until it is restored', async () => {
	const { tenant } = await newTenant();
	const client = shop.extend();
	const data = { organizationId: tenant.key, type: 'console', name: 'spied', settings: {} };
	const spy = jest.spyOn(client.destination, 'create').mockResolvedValue({ id: 'x' });
	expect(await client.destination.create({ data })).toEqual({ id: 'x' });
	expect(client.destination.create).toHaveBeenCalledWith({ data });
	expect(await shop.sql('SELECT FROM destinations WHERE name = $1', ['spied'])).toEqual([]);
	spy.mockRestore();
	expect(await client.destination.create({ data })).toMatchObject({ name: 'spied' });
	const calls = jest.spyOn(client.destination, 'findMany');
	expect(await client.destination.findMany({ where: { name: 'spied' } })).toHaveLength(1);
	expect(calls).toHaveBeenCalledTimes(1);
});
