import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Prisma } from '../../src/generated/prisma/client.ts';
import {
	type DestinationsClient,
	ForbiddenError,
	type ScopedPrismaClient,
	UnsupportedError,
	ValidationError,
} from '../../src/index.ts';
import { ModelOperation } from '../../src/prisma/scoped/operation.ts';
import { Deployment, type Tenant } from './deployment.ts';

// The view of Prisma that a scope has, outside and inside transactions, on one connection.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;
let prisma: ScopedPrismaClient;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open({ pool: { max: 1, connectionTimeoutMillis: 4000 } });
	[a, b] = [await deployment.newTenant(db), await deployment.newTenant(db)];
	prisma = a.client.prisma;
});

afterAll(() => deployment?.close());

const workMem = async () =>
	prisma.$queryRaw`SELECT current_setting('work_mem') AS work_mem`.then((rows) => rows);
const untouched = [{ work_mem: '4MB' }];
const live = (scope: ScopedPrismaClient) => scope.destination.findMany();

/** A member that the type does not have. */
const member = (object: unknown, name: PropertyKey) =>
	(object as Record<PropertyKey, unknown>)[name];

describe('the client', () => {
	test('has the same delegates each time, raw SQL, $transaction, and nothing else', () => {
		expect(prisma.destination).toBe(prisma.destination);
		expect(member(prisma, 'unheardOf')).toBeUndefined();
		for (const name of ['$connect', '$disconnect', '$extends', '$on', '_engine']) {
			expect(member(prisma, name)).toBeUndefined();
		}
	});

	test('cleans the connection after raw SQL, by itself, by a method of a model and in a batch', async () => {
		const set = () => prisma.$executeRawUnsafe("SET work_mem = '65kB'");
		await set();
		expect(await workMem()).toEqual(untouched);
		await prisma.$transaction([live(prisma), set(), live(prisma)]);
		expect(await workMem()).toEqual(untouched);
		// A method of a model that sends SQL of this package, by the road of raw SQL.
		expect(await db.asService().prisma.destination.purge({ where: { id: randomUUID() } })).toBe(0);
		expect(await workMem()).toEqual(untouched);
	});

	test.each<[string, () => PromiseLike<unknown>]>([
		['alone', () => live(prisma)],
		['in a batch', () => prisma.$transaction([live(prisma)])],
		['in a transaction', () => prisma.$transaction((tx) => tx.destination.findMany())],
	])('keeps what is not raw SQL prepared, %s', async (_, run) => {
		await run();
		const { rows } = await a.client.transaction(async (tx) => ({
			rows: await tx.prisma.$queryRaw<{ count: number }[]>`
				SELECT count(*)::int FROM pg_prepared_statements WHERE name LIKE 'consent_%'`,
		}));
		expect(rows[0]?.count).toBeGreaterThan(1);
	});
});

describe('a promise', () => {
	test('begins when it is awaited, runs once, and is one of Prisma’s by its name', async () => {
		const create = () =>
			prisma.destination.create({
				data: { organizationId: a.id, type: 'console', name: 'Once', settings: {} },
			});
		create();
		await setTimeout(20);
		expect(await prisma.destination.count({ where: { name: 'Once' } })).toBe(0);
		const promise = create();
		const [first, second] = [await promise, await promise];
		expect(second).toBe(first);
		expect(await promise.then(({ name }) => name)).toBe('Once');
		expect(await promise.catch(() => null)).toBe(first);
		let settled = 0;
		await promise.finally(() => {
			settled += 1;
		});
		expect(settled).toBe(1);
		expect(await prisma.destination.count({ where: { name: 'Once' } })).toBe(1);
		expect(Object.prototype.toString.call(promise)).toBe('[object PrismaPromise]');
		expect(Object.prototype.toString.call(prisma.$queryRaw`SELECT 1`)).toBe(
			'[object PrismaPromise]',
		);
		await prisma.destination.delete({ where: { id: first.id } });
	});

	test('runs in the scope that made it', async () => {
		const promise = live(prisma);
		expect(await b.client.prisma.$queryRaw`SELECT 1 AS one`.then(() => promise)).toEqual([a.own]);
	});

	test('rejects with why this package refused', async () => {
		const closed = deployment.open();
		const { prisma: late } = closed.forOrganization(a.id);
		await closed.close();
		await expect(live(late)).rejects.toThrow(UnsupportedError);
	});

	test('has no members but its own and relations', () => {
		expect(member(prisma.$queryRaw`SELECT 1`, 'destinations')).toBeUndefined();
		const promise = prisma.organization.findUnique({ where: { id: a.id } });
		expect(member(promise, 'unheardOf')).toBeUndefined();
		expect(member(promise, Symbol.iterator)).toBeUndefined();
		expect(() => (member(promise, 'requestTransaction') as () => unknown)()).toThrow(
			new ForbiddenError(
				'A promise of a scoped client can only be part of a transaction of the same client and scope.',
			),
		);
	});
});

describe('a relation of what is found', () => {
	const scopes: Record<string, <T>(run: (scope: ScopedPrismaClient) => Promise<T>) => Promise<T>> =
		{
			alone: (run) => run(prisma),
			// A transaction has all that is asked here.
			'in a transaction': (run) =>
				prisma.$transaction((tx) => run(tx as unknown as ScopedPrismaClient)),
		};

	test.each(Object.entries(scopes))('is read by its method, %s', async (_, within) => {
		await within(async (scope) => {
			const organization = (id = a.id) => scope.organization.findUnique({ where: { id } });
			expect(await organization().destinations()).toEqual([a.own]);
			expect(await organization().destinations({ select: { id: true } })).toEqual([
				{ id: a.own.id },
			]);
			expect(await organization(b.id).destinations()).toBeNull();
			const own = () => scope.destination.findUnique({ where: { id: a.own.id } });
			expect(await own().organization()).toEqual({ id: a.id });
			expect(await own().organization().destinations()).toEqual([a.own]);
			expect(await own().createdByUser()).toEqual({ id: a.actorId });
			expect(
				await own()
					.createdByUser()
					.createdDestinations({ select: { name: true } }),
			).toEqual([{ name: a.own.name }]);
			expect(member(own(), 'destinations')).toBeUndefined();
			expect(member(own().organization(), 'organization')).toBeUndefined();
			const found = scope.organization.findFirst({ where: { id: a.id }, select: { id: true } });
			expect(await found.destinations()).toEqual([a.own]);
		});
	});

	test('is none of what there is not', () => {
		expect(() => new ModelOperation('unheardOf', 'findMany', {})).toThrow(
			new UnsupportedError('There is no model unheardOf.'),
		);
		const operation = new ModelOperation('organization', 'findFirst', {});
		for (const name of ['unheardOf', 'toString', Symbol('destinations')]) {
			expect(operation.follow(name)).toBeUndefined();
		}
		expect(operation.follow('destinations')).toBeInstanceOf(Function);
	});
});

test('settings are checked by the type of the row, outside and inside a transaction', async () => {
	const { id, settings } = a.own;
	const changes = [
		(data: Prisma.DestinationUpdateInput) => prisma.destination.update({ where: { id }, data }),
		(data: Prisma.DestinationUpdateInput) =>
			prisma.$transaction((tx) => tx.destination.update({ where: { id }, data })),
	];
	for (const change of changes) {
		expect(await change({ settings })).toMatchObject({ id, settings });
		await expect(change({ settings: { measurementId: 'G-1' } })).rejects.toThrow(ValidationError);
	}
	a = { ...a, own: await prisma.destination.findUniqueOrThrow({ where: { id } }) };
});

describe('what is unique', () => {
	test('is found by its key alone, and by more than that', async () => {
		const { destination, destinationAuditEntry, destinationSettingsVersion } = prisma;
		const { id } = a.own;
		expect(await destination.findUnique({ where: { id } })).toEqual(a.own);
		expect(await destination.findUnique({ where: { id: b.own.id } })).toBeNull();
		expect(await destination.findUniqueOrThrow({ where: { id } })).toEqual(a.own);
		await expect(destination.findUniqueOrThrow({ where: { id: b.own.id } })).rejects.toMatchObject({
			code: 'P2025',
		});
		expect(await destination.findUnique({ where: { id, name: 'another' } })).toBeNull();
		expect(await destinationAuditEntry.findUnique({ where: { id: a.deletion } })).toMatchObject({
			action: 'soft_deleted',
		});
		const version = (
			key: { destinationId: string; version: number },
			more: Prisma.DestinationSettingsVersionWhereInput = {},
		) => destinationSettingsVersion.findUnique({ where: { destinationId_version: key, ...more } });
		expect(await version({ destinationId: id, version: 1 })).toMatchObject({ version: 1 });
		expect(await version({ destinationId: id, version: 7 })).toBeNull();
		expect(await version({ destinationId: b.own.id, version: 1 })).toBeNull();
		expect(await version({ destinationId: id, version: 1 }, { organizationId: b.id })).toBeNull();
		for (const key of [
			{ destinationId: id },
			{ version: 1 },
			{ destinationId: { not: '' }, version: 1 },
			{ destinationId: id, version: { gt: 0 } },
		]) {
			// Half of a key would find an arbitrary row.
			await expect(version(key as { destinationId: string; version: number })).rejects.toThrow(
				ValidationError,
			);
		}
	});

	test.each(['findUnique', 'findUniqueOrThrow'] as const)(
		'is not asked for without one by %s',
		async (operation) => {
			const find = prisma.destination[operation] as (args?: unknown) => Promise<unknown>;
			for (const args of [
				undefined,
				{},
				{ where: {} },
				{ where: { id: undefined } },
				{ where: { id: 5 } },
				{ where: { id: { not: '' } } },
				{ where: { organizationId: a.id } },
			]) {
				const refused = find(args);
				await expect(refused).rejects.toThrow(ValidationError);
				await expect(refused).rejects.toMatchObject({
					issues: [{ path: ['where', 'id'], message: `must be a UUID for ${operation}` }],
				});
			}
			// Not for operations that take any filter.
			expect(await prisma.destination.findFirst()).toEqual(a.own);
			// What is wrong with arguments as a whole is said, whatever the key.
			await expect(find([])).rejects.toMatchObject({
				issues: [{ path: [], message: 'must be an object' }],
			});
		},
	);
});

describe('a batch', () => {
	test('runs in order, and all of it or nothing', async () => {
		const rename = (name: string) => prisma.destination.updateMany({ data: { name } });
		const [first, count, second] = await prisma.$transaction([
			live(prisma),
			rename('Renamed'),
			live(prisma),
		]);
		expect(first).toEqual([a.own]);
		expect(count).toEqual({ count: 1 });
		expect(second).toMatchObject([{ name: 'Renamed' }]);
		await expect(
			prisma.$transaction([rename('Not saved'), prisma.$queryRaw`SELECT 1 / 0`]),
		).rejects.toMatchObject({ code: 'P2010' });
		expect(await live(prisma)).toMatchObject([{ name: 'Renamed' }]);
		// It has another version from here on.
		await rename(a.own.name);
		a = { ...a, own: await prisma.destination.findUniqueOrThrow({ where: { id: a.own.id } }) };
	});

	test('takes promises of its own client and scope alone', async () => {
		const again = db.forOrganization(a.id, { actorId: a.actorId }).prisma;
		expect(await prisma.$transaction([live(again)])).toMatchObject([[{ id: a.own.id }]]);
		const strangers = [
			b.client.prisma,
			db.asService({ actorId: a.actorId }).prisma,
			db.forOrganization(a.id).prisma,
			deployment.open().forOrganization(a.id, { actorId: a.actorId }).prisma,
		];
		for (const stranger of strangers) {
			await expect(prisma.$transaction([live(stranger)])).rejects.toThrow(ForbiddenError);
			await expect(stranger.$transaction([live(prisma)])).rejects.toThrow(ForbiddenError);
		}
		const call = prisma.$transaction as (work: unknown) => Promise<unknown>;
		for (const work of [[undefined], [null], [{}], ['x'], [Promise.resolve()]]) {
			await expect(call(work)).rejects.toThrow(ForbiddenError);
		}
		for (const work of [undefined, null, 'x', {}]) {
			await expect(call(work)).rejects.toMatchObject({
				issues: [
					{ path: [], message: '$transaction takes a function or an array of Prisma promises' },
				],
			});
		}
	});
});

describe('an interactive transaction', () => {
	test('has the same view, and the methods of destinations', async () => {
		await prisma.$transaction(async (tx) => {
			expect(await tx.destination.findMany()).toEqual([a.own]);
			expect(member(tx, 'unheardOf')).toBeUndefined();
			expect(member(tx, '$connect')).toBeUndefined();
			expect(await tx.$queryRaw`SELECT current_user::text AS user`).toEqual([
				{ user: 'authenticated' },
			]);
			expect(await tx.destination.withDeleted().count()).toBeGreaterThan(1);
		});
		await db.asService().prisma.$transaction(async (tx) => {
			expect(await tx.destination.purge({ where: { id: randomUUID() } })).toBe(0);
		});
	});

	test.each([
		['of its own', (tx: Prisma.TransactionClient) => tx.$executeRawUnsafe("SET work_mem = '65kB'")],
		[
			'of one inside it',
			(tx: Prisma.TransactionClient) =>
				(tx as unknown as ScopedPrismaClient).$transaction(async (inner) => {
					await inner.$executeRawUnsafe("SET work_mem = '65kB'");
				}),
		],
	])('is cleaned after raw SQL %s', async (_, set) => {
		await prisma.$transaction(async (tx) => {
			await set(tx as unknown as Prisma.TransactionClient);
			expect(await tx.destination.findMany()).toEqual([a.own]);
		});
		const rows = await a.client.transaction(
			(tx) => tx.prisma.$queryRaw`SELECT current_setting('work_mem') AS work_mem`,
		);
		expect(rows).toEqual(untouched);
	});

	test('takes a function inside it, whose failure it may survive, and nothing else', async () => {
		await prisma.$transaction(async (tx) => {
			const inner = (tx as unknown as ScopedPrismaClient).$transaction;
			await expect((inner as (work: unknown) => Promise<unknown>)([])).rejects.toThrow(
				new UnsupportedError('A nested $transaction takes a function.'),
			);
			const failed = inner(async (nested) => {
				await nested.destination.updateMany({ data: { name: 'Not saved' } });
				throw new Error('changed my mind');
			});
			await expect(failed).rejects.toThrow('changed my mind');
			expect(await inner((nested) => nested.destination.findMany())).toEqual([a.own]);
		});
		expect(await live(prisma)).toEqual([a.own]);
	});

	test('says which time it took longer than', async () => {
		const late = a.client.transaction(
			async ({ destinations }) => {
				await destinations.findById(a.own.id);
				await setTimeout(80);
				await destinations.findById(a.own.id);
			},
			{ timeout: 40 },
		);
		await expect(late).rejects.toThrow('longer than its timeout of 40 ms');
	});

	test('passes its options on', async () => {
		const rows = await prisma.$transaction(
			(tx) => tx.$queryRaw`SELECT current_setting('transaction_isolation') AS level`,
			{ isolationLevel: 'Serializable' },
		);
		expect(rows).toEqual([{ level: 'serializable' }]);
	});

	test('is told why this package refused a statement in it', async () => {
		const failed = prisma.$transaction(async (tx) => {
			await tx.$queryRaw`SELECT 1 / 0`.catch(() => {});
		});
		await expect(failed).rejects.toThrow(UnsupportedError);
	});
});
