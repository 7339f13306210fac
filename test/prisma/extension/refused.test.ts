import { randomUUID } from 'node:crypto';
import {
	ExtendedDatabase,
	errorOf,
	loose,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

type Model = 'destination' | 'organization' | 'user';

/** Every place that a filter has, with one on settings at the given depth. */
const filters: [string, Model, object][] = [
	['itself', 'destination', { settings: { equals: {} } }],
	['a path', 'destination', { settings: { path: ['apiKey'], equals: 'x' } }],
	['AND', 'destination', { AND: { settings: {} } }],
	['a list of AND', 'destination', { AND: [{}, { settings: {} }] }],
	['OR', 'destination', { OR: [{ name: 'x' }, { settings: {} }] }],
	['NOT', 'destination', { NOT: { settings: {} } }],
	['a list of NOT', 'destination', { NOT: [{ OR: [{ AND: { settings: {} } }] }] }],
	['a relation', 'destination', { organization: { destinations: { some: { settings: {} } } } }],
	[
		'is',
		'destination',
		{ createdByUser: { is: { createdDestinations: { none: { settings: {} } } } } },
	],
	[
		'isNot',
		'destination',
		{ createdByUser: { isNot: { updatedDestinations: { every: { settings: {} } } } } },
	],
	[
		'an undefined is',
		'destination',
		{ organization: { is: undefined, destinations: { some: { settings: {} } } } },
	],
	['some', 'organization', { destinations: { some: { settings: {} } } }],
	['every', 'organization', { destinations: { every: { NOT: { settings: {} } } } }],
	['none', 'user', { OR: [{ createdDestinations: { none: { settings: {} } } }] }],
	[
		'some of some',
		'user',
		{
			createdDestinations: { some: { organization: { destinations: { some: { settings: {} } } } } },
		},
	],
];

async function refused(
	model: Model | 'destinationSettingsVersion',
	operation: string,
	args: unknown,
): Promise<string | undefined> {
	let error: { code?: string } = {};
	const statements = await db.statementsOf(async () => {
		error = await errorOf(() => run(db.prisma, model, operation, args));
	});
	expect(statements).toEqual([]);
	return error.code;
}

describe.each([
	'findUnique',
	'findUniqueOrThrow',
	'findFirst',
	'findFirstOrThrow',
	'findMany',
	'count',
	'aggregate',
	'groupBy',
	'update',
	'updateMany',
	'updateManyAndReturn',
	'upsert',
	'delete',
	'deleteMany',
])('%s', (operation) => {
	it.each(filters)('refuses a filter on settings in %s', async (_, model, where) => {
		const args = { where: { id: randomUUID(), ...where }, data: {}, create: {}, update: {} };
		expect(await refused(model, operation, args)).toBe('UNSUPPORTED');
	});
});

describe('withDeleted and onlyDeleted', () => {
	it.each(['withDeleted', 'onlyDeleted'] as const)('%s refuse the same', async (name) => {
		const reads = loose({ destination: db.prisma.destination[name]() }).destination;
		for (const operation of ['findUnique', 'findFirst', 'findMany', 'count', 'aggregate']) {
			const where = { id: randomUUID(), settings: {} };
			const error = await errorOf(async () => reads[operation]?.({ where }));
			expect(error.code).toBe('UNSUPPORTED');
		}
		const error = await errorOf(async () => reads.findMany?.({ orderBy: { settings: 'asc' } }));
		expect(error.code).toBe('UNSUPPORTED');
	});
});

it.each<[string, Model, string, object]>([
	['cursor', 'destination', 'findMany', { cursor: { id: randomUUID(), settings: {} } }],
	['cursor', 'destination', 'aggregate', { cursor: { id: randomUUID(), settings: {} } }],
	['orderBy', 'destination', 'findMany', { orderBy: { settings: 'asc' } }],
	['orderBy', 'destination', 'findFirst', { orderBy: [{ name: 'asc' }, { settings: 'asc' }] }],
	['orderBy', 'destination', 'findMany', { orderBy: { settings: { sort: 'asc', nulls: 'last' } } }],
	['orderBy', 'destination', 'groupBy', { by: ['type'], orderBy: { settings: 'asc' } }],
	['orderBy', 'destination', 'aggregate', { _count: true, orderBy: { settings: 'asc' } }],
	['distinct', 'destination', 'findMany', { distinct: ['type', 'settings'] }],
	['distinct', 'destination', 'findFirst', { distinct: 'settings' }],
	['by', 'destination', 'groupBy', { by: ['settings'] }],
	['by', 'destination', 'groupBy', { by: 'settings' }],
	['having', 'destination', 'groupBy', { by: ['type'], having: { settings: { equals: {} } } }],
	['having', 'destination', 'groupBy', { by: ['type'], having: { NOT: [{ settings: {} }] } }],
	[
		'a nested orderBy',
		'organization',
		'findMany',
		{ include: { destinations: { orderBy: { settings: 'asc' } } } },
	],
	[
		'a nested distinct',
		'user',
		'findFirst',
		{ select: { createdDestinations: { distinct: ['settings'] } } },
	],
	[
		'a nested cursor',
		'user',
		'findFirst',
		{ select: { createdDestinations: { cursor: { settings: {} } } } },
	],
	[
		'a nested where',
		'organization',
		'create',
		{ data: {}, include: { destinations: { where: { settings: {} } } } },
	],
	[
		'a where three levels deep',
		'destination',
		'delete',
		{
			where: { id: randomUUID() },
			include: {
				organization: {
					select: {
						destinations: {
							include: {
								createdByUser: { include: { createdDestinations: { where: { settings: {} } } } },
							},
						},
					},
				},
			},
		},
	],
	[
		'a nested _count',
		'organization',
		'findMany',
		{ select: { _count: { select: { destinations: { where: { settings: {} } } } } } },
	],
])('%s refuses settings in %s.%s', async (_, model, operation, args) => {
	expect(await refused(model, operation, args)).toBe('UNSUPPORTED');
});

describe('settings of earlier versions', () => {
	const key = { destinationId_version: { destinationId: randomUUID(), version: 1 } };
	const settings = { path: ['ct'], equals: 'x' };
	const wheres = [
		{ settings },
		{ AND: { settings } },
		{ AND: [{ version: 1 }, { settings }] },
		{ OR: [{ settings }] },
		{ NOT: { OR: [{ NOT: [{ settings }] }] } },
	].map((where) => ({ ...key, ...where }));
	it.each<readonly [string, object]>([
		...['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'findMany'].flatMap(
			(operation) => wheres.map((where) => [operation, { where }] as const),
		),
		...['count', 'aggregate'].flatMap((operation) =>
			wheres.map((where) => [operation, { where, _count: true }] as const),
		),
		...wheres.flatMap((where) => [
			['groupBy', { where, by: ['version'] }] as const,
			['groupBy', { having: where, by: ['version'] }] as const,
			['findMany', { cursor: where }] as const,
			['aggregate', { cursor: where, _count: true }] as const,
		]),
		['groupBy', { by: ['version', 'settings'] }],
		['groupBy', { by: 'settings' }],
		['groupBy', { by: ['version'], orderBy: { settings: 'asc' } }],
		['findMany', { orderBy: { settings: 'asc' } }],
		['findMany', { orderBy: [{ version: 'asc' }, { settings: { sort: 'desc', nulls: 'last' } }] }],
		['count', { orderBy: { settings: 'asc' } }],
		['findMany', { distinct: ['settings'] }],
		['findFirst', { distinct: 'settings' }],
	])('are not filtered, ordered or grouped by, in %s of %j', async (operation, args) => {
		expect(await refused('destinationSettingsVersion', operation, args)).toBe('UNSUPPORTED');
	});

	it('are found by everything else', async () => {
		const { id } = await db.newDestination();
		await db.prisma.destination.update({ where: { id }, data: { settings: posthogSettings() } });
		const { destinationSettingsVersion } = db.prisma;
		const where = { destinationId: id, settingsEncrypted: true };
		expect(await destinationSettingsVersion.count({ where, orderBy: { version: 'asc' } })).toBe(1);
		expect(await destinationSettingsVersion.count({ select: { settings: true } })).toBeDefined();
	});
});

it.each<[Model, string, object]>([
	['organization', 'findMany', { orderBy: { destinations: { _count: 'desc' } } }],
	['user', 'findFirst', { orderBy: [{ id: 'asc' }, { createdDestinations: { _count: 'asc' } }] }],
	['destination', 'findMany', { orderBy: { organization: { destinations: { _count: 'asc' } } } }],
	[
		'destination',
		'groupBy',
		{ by: ['type'], orderBy: { createdByUser: { updatedDestinations: {} } } },
	],
])('an order by the number of destinations is refused in %s.%s', async (model, operation, args) => {
	expect(await refused(model, operation, args)).toBe('UNSUPPORTED');
});

it('an undefined filter, order or distinct is none', async () => {
	const { organizationId } = await db.newDestination();
	const args = {
		where: { organizationId, settings: undefined, organization: { is: undefined } },
		orderBy: { settings: undefined, organization: undefined },
		distinct: undefined,
		cursor: undefined,
	};
	expect(await run(db.prisma, 'destination', 'findMany', args)).toHaveLength(1);
});

describe('what the extension does not know', () => {
	it('is refused: operations of other databases', async () => {
		for (const operation of ['findRaw', 'aggregateRaw']) {
			expect(await refused('destination', operation, {})).toBe('UNSUPPORTED');
		}
		const { prisma } = db;
		const error = await errorOf(async () =>
			(prisma as unknown as { $runCommandRaw(args: object): unknown }).$runCommandRaw({}),
		);
		expect(error.name).toBe('PrismaClientValidationError');
	});

	it('lets raw queries see what is stored', async () => {
		const { id, settings } = await db.newDeletedDestination();
		const stored = await db.stored(id);
		const rows = await db.prisma
			.$queryRaw`SELECT settings FROM destinations WHERE id = ${id}::uuid`;
		expect(rows).toEqual([{ settings: stored.settings }]);
		expect(stored.settings).not.toEqual(settings);
		const unsafe = `SELECT settings FROM destinations WHERE id = '${id}'`;
		expect(await db.prisma.$queryRawUnsafe(unsafe)).toEqual(rows);
		const renamed = `UPDATE destinations SET name = 'raw' WHERE id = '${id}'`;
		expect(await db.prisma.$executeRawUnsafe(renamed)).toBe(1);
		expect(
			await db.prisma.$executeRaw`UPDATE destinations SET name = 'raw' WHERE id = ${id}::uuid`,
		).toBe(1);
	});
});

// Prisma sends what toJSON gives, which the extension has not looked at.
it('toJSON is no way around', async () => {
	const gone = await db.newDeletedDestination();
	const { id, organizationId } = await db.newDestination();
	const hidden = (value: object) => ({ toJSON: () => value });
	const inherited = (value: object) => Object.create(hidden(value));
	const data = {
		organizationId,
		type: 'console',
		name: 'x',
		settings: {},
		settingsEncrypted: false,
	};
	for (const hide of [hidden, inherited]) {
		for (const [model, operation, args] of [
			['destination', 'findMany', { where: hide({}) }],
			['destination', 'findMany', { where: { AND: hide({ id: gone.id }) } }],
			[
				'destination',
				'findMany',
				{ where: { organization: hide({ destinations: { some: {} } }) } },
			],
			['destination', 'create', { data: hide(data) }],
			['destination', 'createMany', { data: [hide(data)] }],
			['destination', 'update', { where: { id }, data: hide({ settingsEncrypted: false }) }],
			['organization', 'create', { data: { destinations: { create: hide(data) } } }],
			['organization', 'create', { data: { destinations: hide({ create: data }) } }],
			['organization', 'findMany', { include: { destinations: { where: hide({}) } } }],
		] as const) {
			expect(await refused(model, operation, args)).toBe('VALIDATION');
		}
	}
});

it('a filter that is no plain object is refused', async () => {
	class Filter {
		readonly name = 'x';
	}
	expect(await refused('destination', 'deleteMany', { where: new Date() })).toBe('VALIDATION');
	const { id } = await db.newDestination();
	// Prisma copies instances to plain objects.
	const args = { where: Object.assign(new Filter(), { id }) };
	expect(await run(db.prisma, 'destination', 'deleteMany', args)).toEqual({ count: 0 });
});
