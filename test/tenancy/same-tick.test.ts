import { EventEmitter, once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { type Read, reads, rowsIn, rowsOf } from './reads.ts';
import { refusal } from './refusal.ts';

// Prisma gathers what is asked in one tick and sends it in the context of whoever asked first.

let deployment: Deployment;
let db: DestinationsClient;
let tenants: Tenant[];
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
	tenants = [a, b];
});

afterAll(() => deployment.close());

/** Every pair of a reader and an organization that it asks for, in both orders. */
function pairs(): { reader: Tenant; target: Tenant }[] {
	const all = tenants.flatMap((reader) => tenants.map((target) => ({ reader, target })));
	return [...all, ...all.toReversed()];
}

const own = ({ reader, target }: { reader: Tenant; target: Tenant }) => (reader === target ? 1 : 0);

const each = Object.entries(reads);

describe('in one tick everybody reads their own, and misses nothing', () => {
	test.each(each)('alone: %s', async (_, read) => {
		const asked = pairs().map(({ reader, target }) => read(reader.client.prisma, target));
		expect(await Promise.all(asked.map(rowsOf))).toEqual(pairs().map(own));
	});

	test.each(each)('in interactive transactions: %s', async (_, read) => {
		const begun = new EventEmitter();
		let waiting = pairs().length;
		const asked = pairs().map(({ reader, target }) =>
			reader.client.prisma.$transaction(
				async (prisma) => {
					waiting -= 1;
					// All transactions are open before the first one reads.
					if (waiting === 0) setImmediate(() => begun.emit('all'));
					await once(begun, 'all');
					return rowsOf(read(prisma, target));
				},
				{ maxWait: 10_000, timeout: 20_000 },
			),
		);
		expect(await Promise.all(asked)).toEqual(pairs().map(own));
	});

	test.each(each)('in batches: %s', async (_, read) => {
		const asked = pairs().map(({ reader: { client }, target }) =>
			rowsOf(
				client.prisma
					.$transaction([read(client.prisma, target), read(client.prisma, target)])
					.then(([first, second]) => {
						expect(rowsIn(first)).toBe(rowsIn(second));
						return first;
					}),
			),
		);
		expect(await Promise.all(asked)).toEqual(pairs().map(own));
	});

	test('by repository and Prisma, several ids each, a service among them', async () => {
		const ids = [a.own.id, b.own.id, a.own.id, b.own.id];
		const service = db.asService();
		const find = (tenant: Tenant | undefined) =>
			ids.map(async (id) => {
				const { destinations, prisma } = tenant?.client ?? service;
				const [typed, plain] = await Promise.all([
					destinations.findById(id),
					prisma.destination.findUnique({ where: { id }, select: { organizationId: true } }),
				]);
				expect(typed?.organizationId).toBe(plain?.organizationId);
				return plain?.organizationId;
			});
		const everything = [a.id, b.id, a.id, b.id];
		expect(
			await Promise.all([...find(a), ...find(undefined), ...find(b), ...find(undefined)]),
		).toEqual([
			...everything.map((id) => (id === a.id ? id : undefined)),
			...everything,
			...everything.map((id) => (id === b.id ? id : undefined)),
			...everything,
		]);
	});
});

describe('a promise belongs to the scope that made it', () => {
	test.each(each)("awaited in another scope's transaction: %s", async (_, read) => {
		const promise = read(a.client.prisma, a);
		const found = await b.client.transaction(async ({ prisma }) => {
			expect(await rowsOf(read(prisma, a))).toBe(0);
			return rowsOf(promise);
		});
		expect(found).toBe(1);
	});

	test.each(each)('made in a callback of another scope: %s', async (_, read) => {
		const made = b.client.prisma.organization
			.findMany()
			.then(() => [
				rowsOf(read(a.client.prisma, a)),
				rowsOf(read(a.client.prisma, b)),
				rowsOf(read(b.client.prisma, b)),
				rowsOf(read(b.client.prisma, a)),
			]);
		expect(await Promise.all(await made)).toEqual([1, 0, 1, 0]);
	});

	test('however it is awaited', async () => {
		const find = () => a.client.prisma.destination.findUnique({ where: { id: a.own.id } });
		const promise = find();
		await b.client.transaction(async () => {
			expect(rowsIn(await promise.then((row) => row))).toBe(1);
			expect(rowsIn(await find().catch(() => null))).toBe(1);
			expect(rowsIn(await find().finally(() => {}))).toBe(1);
			expect((await Promise.allSettled([find()]))[0]?.status).toBe('fulfilled');
		});
		// A second time it gives the same, as a promise does.
		expect((await promise)?.id).toBe(a.own.id);
	});

	test('a write too, whose settings are looked up in its own scope', async () => {
		const { client, own } = await deployment.newTenant(db);
		const settings = { apiKey: 'phc_changed' };
		const changed = await a.client.transaction(async () => {
			const row = await client.prisma.destination.update({
				where: { id: own.id },
				data: { settings },
			});
			return row;
		});
		expect(changed).toMatchObject({ id: own.id, settings });
	});

	test('also after the transaction in which it was made', async () => {
		const { client, own } = await deployment.newTenant(db);
		const settings = { apiKey: 'phc_later' };
		const later = await client.transaction(async () => ({
			change: () => client.prisma.destination.update({ where: { id: own.id }, data: { settings } }),
		}));
		expect(await later.change()).toMatchObject({ settings });
		const { detached } = await client.transaction(async () => ({
			detached: setTimeout(50).then(later.change),
		}));
		expect(await detached).toMatchObject({ settings });
	});
});

describe('a batch takes promises of its own scope alone', () => {
	const read: Read = ({ destination }, { own }) => destination.findMany({ where: { id: own.id } });

	test('and of another view of the same scope', async () => {
		const again = db.forOrganization(a.id.toUpperCase(), { actorId: a.actorId });
		expect(await a.client.prisma.$transaction([read(again.prisma, a)])).toMatchObject([
			[{ id: a.own.id }],
		]);
	});

	const strangers: Record<string, () => ReturnType<Read>> = {
		'another organization': () => read(b.client.prisma, a),
		'the service': () => read(db.asService().prisma, a),
		'the same organization with another actor': () =>
			read(db.forOrganization(a.id, { actorId: b.actorId }).prisma, a),
		'the same organization without an actor': () => read(db.forOrganization(a.id).prisma, a),
		'the same scope of another client, which may be another database': () =>
			read(deployment.open().forOrganization(a.id, { actorId: a.actorId }).prisma, a),
	};
	test.each(Object.entries(strangers))('and not of %s', async (_, make) => {
		const { prisma } = a.client;
		expect(await refusal(prisma.$transaction([make()]))).toBe('FORBIDDEN');
		expect(await refusal(prisma.$transaction([read(prisma, a), make()]))).toBe('FORBIDDEN');
	});

	test('and not of a transaction that is open', async () => {
		await b.client.prisma.$transaction(async (inner) => {
			expect(await refusal(a.client.prisma.$transaction([read(inner, a)]))).toBe('FORBIDDEN');
		});
	});

	test('and nothing that is no Prisma promise', async () => {
		const { prisma } = a.client;
		for (const work of [undefined, null, 'x', {}, [undefined], [null], [Promise.resolve()]]) {
			const call = prisma.$transaction as (work: unknown) => Promise<unknown>;
			expect(await refusal(call(work))).toMatch(/^(VALIDATION|FORBIDDEN)$/);
		}
	});

	test('and no client of Prisma itself takes theirs', () => {
		const promise = read(a.client.prisma, a) as unknown as { requestTransaction(): unknown };
		expect(() => promise.requestTransaction()).toThrow(
			expect.objectContaining({ code: 'FORBIDDEN' }),
		);
	});
});
