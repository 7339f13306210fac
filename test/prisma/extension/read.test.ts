import { ExtendedDatabase, errorOf, run, unusedId } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** An organization with two live destinations and a deleted one. */
async function newRows() {
	const production = await db.newDestination();
	const { organizationId } = production;
	const staging = await db.newDestination({ organizationId, environment: 'staging' });
	const deleted = await db.newDeletedDestination({ organizationId, environment: 'development' });
	return { organizationId, production, staging, deleted, where: { organizationId } };
}

describe('finding one', () => {
	it.each(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'] as const)(
		'%s gives settings in clear',
		async (operation) => {
			const { id, settings } = await db.newDestination();
			const read = await run(db.prisma, 'destination', operation, { where: { id } });
			expect(read).toMatchObject({ id, settings });
		},
	);

	it.each([
		['findUnique', undefined],
		['findUniqueOrThrow', 'P2025'],
		['findFirst', undefined],
		['findFirstOrThrow', 'P2025'],
	] as const)('%s finds neither a missing nor a deleted row', async (operation, code) => {
		const { id: deleted } = await db.newDeletedDestination();
		for (const id of [deleted, unusedId()]) {
			const read = () => run(db.prisma, 'destination', operation, { where: { id } });
			if (code === undefined) expect(await read()).toBeNull();
			else expect((await errorOf(read)).code).toBe(code);
		}
	});

	it('gives each of many calls in one tick its own row, also when they ask for the same', async () => {
		const [one, two, deleted] = [
			await db.newDestination(),
			await db.newDestination(),
			await db.newDeletedDestination(),
		];
		const asked = [one, two, one, deleted, one];
		const read = await Promise.all(
			asked.map(({ id }) => db.prisma.destination.findUnique({ where: { id } })),
		);
		expect(read).toEqual([one, two, one, null, one]);
		expect(read[0]).not.toBe(read[2]);
	});

	it('does so for relations of rows that are asked for twice', async () => {
		const { organizationId: id, settings } = await db.newDestination();
		const read = await Promise.all(
			[1, 2].map(() =>
				db.prisma.organization.findUnique({ where: { id }, include: { destinations: true } }),
			),
		);
		expect(read.map((row) => row?.destinations[0]?.settings)).toEqual([settings, settings]);
	});
});

describe('findMany', () => {
	it('gives live rows with settings in clear', async () => {
		const { production, staging, where } = await newRows();
		const read = await db.prisma.destination.findMany({ where, orderBy: { environment: 'asc' } });
		expect(read).toEqual([production, staging]);
	});

	it('gives no deleted row to a filter that asks for one', async () => {
		const { organizationId, deleted } = await newRows();
		const wanted = { deletedAt: { not: null } };
		for (const where of [
			{ organizationId, ...wanted },
			{ organizationId, AND: [wanted] },
			{ organizationId, OR: [wanted, { id: deleted.id }] },
			{ organizationId, NOT: { deletedAt: null } },
			{ id: deleted.id, deletedAt: deleted.deletedAt },
		]) {
			expect(await db.prisma.destination.findMany({ where })).toEqual([]);
		}
	});

	it('keeps every other condition beside one on deletedAt', async () => {
		const { organizationId, staging } = await newRows();
		const environment = 'staging';
		for (const AND of [{ environment }, [{ environment }], [{ environment }, { enabled: true }]]) {
			const where = { organizationId, deletedAt: null, AND };
			expect(await db.prisma.destination.findMany({ where })).toEqual([staging]);
			expect(await db.prisma.destination.updateMany({ where, data: {} })).toEqual({ count: 1 });
		}
	});

	it('pages by a cursor', async () => {
		const { deleted, production, staging, where } = await newRows();
		const page = { where, orderBy: { environment: 'asc' }, take: 2 } as const;
		const first = await db.prisma.destination.findMany({ ...page, cursor: { id: production.id } });
		expect(first).toEqual([production, staging]);
		// As for every row that the filter does not let through.
		const fromDeleted = { ...page, cursor: { id: deleted.id } };
		expect(await db.prisma.destination.findMany(fromDeleted)).toEqual([]);
		const after = { ...page, cursor: { id: production.id }, skip: 1 };
		expect(await db.prisma.destination.findMany(after)).toEqual([staging]);
	});

	it('tells rows apart by other fields, the deleted ones not among them', async () => {
		const { where } = await newRows();
		const read = await db.prisma.destination.findMany({
			where,
			distinct: ['type', 'environment'],
			orderBy: { environment: 'asc' },
			select: { environment: true, settings: true },
		});
		const settings = expect.objectContaining({ apiKey: expect.stringMatching(/^phc_/) });
		expect(read).toEqual([
			{ environment: 'production', settings },
			{ environment: 'staging', settings },
		]);
	});

	it('orders by what is not encrypted, relations included', async () => {
		const { where, organizationId } = await newRows();
		const read = await db.prisma.destination.findMany({
			where,
			orderBy: [
				{ organization: { id: 'asc' } },
				{ createdByUser: { id: 'desc' } },
				{ name: 'asc' },
			],
		});
		expect(read.map((row) => row.organizationId)).toEqual([organizationId, organizationId]);
	});

	it.each(['x', null, [], [{}], 1])('finds nothing by the filter %j', async (where) => {
		await db.newDestination();
		const error = await errorOf(() => run(db.prisma, 'destination', 'findMany', { where }));
		expect(error.name).toBe('PrismaClientValidationError');
	});

	it('reads a row of the column’s defaults as empty settings', async () => {
		const organizationId = await db.newOrganization();
		const [row] = await db.sql<{ id: string }>(
			`INSERT INTO destinations (organization_id, type, name)
			 VALUES ($1, 'posthog', 'raw') RETURNING id`,
			[organizationId],
		);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id: row?.id ?? '' } });
		expect(read.settings).toEqual({});
	});
});

describe('counting', () => {
	it('counts live rows, also with select', async () => {
		const { where } = await newRows();
		const { destination } = db.prisma;
		expect(await destination.count({ where })).toBe(2);
		const select = { _all: true, settings: true, createdBy: true } as const;
		expect(await destination.count({ where, select })).toEqual({
			_all: 2,
			settings: 2,
			createdBy: 0,
		});
		expect(await destination.count({ where, take: 1 })).toBe(1);
	});

	it('aggregates live rows', async () => {
		const { deleted, where } = await newRows();
		const result = await db.prisma.destination.aggregate({
			where,
			_count: true,
			_max: { environment: true, deletedAt: true },
			_min: { environment: true },
			_sum: { version: true },
		});
		expect(deleted.environment).toBe('development');
		expect(result).toEqual({
			_count: 2,
			_max: { environment: 'staging', deletedAt: null },
			_min: { environment: 'production' },
			_sum: { version: 2 },
		});
	});

	it('groups live rows, and filters the groups', async () => {
		const { where } = await newRows();
		const args = { by: ['type', 'environment'], where, _count: true } as const;
		const groups = await db.prisma.destination.groupBy({
			...args,
			by: ['type', 'environment'],
			orderBy: { environment: 'asc' },
		});
		expect(groups).toEqual([
			{ type: 'posthog', environment: 'production', _count: 1 },
			{ type: 'posthog', environment: 'staging', _count: 1 },
		]);
		const many = { by: ['type'], where, having: { type: { _count: { gt: 2 } } } };
		expect(await run(db.prisma, 'destination', 'groupBy', many)).toEqual([]);
	});

	it.each(['count', 'aggregate', 'groupBy'])('%s takes no malformed filter', async (operation) => {
		const args = { where: 'x', by: ['type'], _count: true };
		const error = await errorOf(() => run(db.prisma, 'destination', operation, args));
		expect(error.name).toBe('PrismaClientValidationError');
	});
});

describe.each(['organization', 'user'] as const)('%s', (model) => {
	it('is read by every operation as without the extension', async () => {
		const id = unusedId();
		await run(db.prisma, model, 'create', { data: { id } });
		const where = { id };
		for (const operation of ['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow']) {
			expect(await run(db.prisma, model, operation, { where })).toEqual({ id });
		}
		expect(await run(db.prisma, model, 'findMany', { where, cursor: where })).toEqual([{ id }]);
		expect(await run(db.prisma, model, 'count', { where })).toBe(1);
		const aggregated = await run(db.prisma, model, 'aggregate', { where, _count: true });
		expect(aggregated).toEqual({ _count: 1 });
		const grouped = await run(db.prisma, model, 'groupBy', { by: ['id'], where });
		expect(grouped).toEqual([{ id }]);
	});
});
