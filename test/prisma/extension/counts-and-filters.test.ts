import { ExtendedDatabase, errorOf, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** An organization with as many live and deleted destinations, all created by one user. */
async function newOwner(live: number, deleted: number) {
	const [organizationId, createdBy] = [await db.newOrganization(), await db.newUser()];
	const types = ['console', 'console', 'console'];
	const environments = ['production', 'staging', 'development'] as const;
	for (const [index, type] of types.slice(0, live + deleted).entries()) {
		const environment = environments[index] ?? 'production';
		const given = { organizationId, createdBy, updatedBy: createdBy, type, environment };
		const settings = { logLevel: 'warn' };
		if (index < live) await db.newDestination({ ...given, settings, name: 'live' });
		else await db.newDeletedDestination({ ...given, settings, name: 'deleted' });
	}
	return { organizationId, createdBy };
}

describe('_count', () => {
	it.each([
		['true', true],
		['a selection', { select: { destinations: true } }],
		['a selection with an object', { select: { destinations: {} } }],
		['a truthy value', { select: { destinations: 1 } }],
		['a filter', { select: { destinations: { where: { type: 'console' } } } }],
		['an empty filter', { select: { destinations: { where: {} } } }],
		[
			'a filter for deleted ones or not',
			{ select: { destinations: { where: { OR: [{ deletedAt: null }, { name: 'deleted' }] } } } },
		],
	])('counts live destinations, by %s', async (_, count) => {
		const { organizationId: id } = await newOwner(1, 2);
		for (const how of ['select', 'include']) {
			const args = { where: { id }, [how]: { _count: count } };
			const read = await run(db.prisma, 'organization', 'findUnique', args);
			expect(read).toHaveProperty('_count', { destinations: 1 });
		}
	});

	it('counts none for a filter that asks for deleted ones', async () => {
		const { organizationId: id } = await newOwner(1, 2);
		const destinations = { where: { deletedAt: { not: null } } };
		const read = await db.prisma.organization.findUnique({
			where: { id },
			select: { _count: { select: { destinations } } },
		});
		expect(read).toEqual({ _count: { destinations: 0 } });
	});

	it('counts each relation of a user', async () => {
		const { createdBy: id } = await newOwner(2, 1);
		const where = { id };
		const counts = { createdDestinations: 2, updatedDestinations: 2 };
		expect(await db.prisma.user.findUnique({ where, select: { _count: true } })).toEqual({
			_count: counts,
		});
		expect(
			await db.prisma.user.findMany({
				where,
				include: { _count: { select: { updatedDestinations: true, createdDestinations: false } } },
			}),
		).toEqual([{ id, _count: { updatedDestinations: 2 } }]);
	});

	it('counts live destinations where it is nested, and beside the destinations', async () => {
		const { organizationId, createdBy } = await newOwner(2, 1);
		const read = await db.prisma.user.findUniqueOrThrow({
			where: { id: createdBy },
			select: {
				createdDestinations: {
					take: 1,
					select: {
						organization: { select: { _count: true, destinations: { select: { name: true } } } },
					},
				},
			},
		});
		const destinations = [{ name: 'live' }, { name: 'live' }];
		const organization = { _count: { destinations: 2 }, destinations };
		expect(read).toEqual({ createdDestinations: [{ organization }] });
		const written = await db.prisma.organization.update({
			where: { id: organizationId },
			data: {},
			select: { _count: true },
		});
		expect(written).toEqual({ _count: { destinations: 2 } });
	});

	it.each([{}, { select: {} }, { select: true }, { select: { nothing: true } }, 1])(
		'leaves %j to Prisma to refuse',
		async (count) => {
			const { organizationId: id } = await newOwner(0, 1);
			const args = { where: { id }, select: { _count: count } };
			const error = await errorOf(() => run(db.prisma, 'organization', 'findUnique', args));
			expect(error.name).toBe('PrismaClientValidationError');
		},
	);
});

describe('relation filters', () => {
	/** Of organizations with live ones only, deleted ones only, both and none: which are found. */
	async function found(where: (name: string) => object) {
		const owners = {
			live: await newOwner(1, 0),
			deleted: await newOwner(0, 1),
			both: await newOwner(1, 1),
			none: await newOwner(0, 0),
		};
		const names = new Map(Object.entries(owners).map(([name, owner]) => [owner, name]));
		const result = [];
		for (const [owner, name] of names) {
			const byOrganization = await run(db.prisma, 'organization', 'findMany', {
				where: { AND: [{ id: owner.organizationId }, where('destinations')] },
			});
			const byUser = await run(db.prisma, 'user', 'findMany', {
				where: { AND: [{ id: owner.createdBy }, where('createdDestinations')] },
			});
			expect(byUser).toHaveLength((byOrganization as unknown[]).length);
			if ((byOrganization as unknown[]).length > 0) result.push(name);
		}
		return result;
	}

	it.each<[string, object, string[]]>([
		['some', { some: {} }, ['live', 'both']],
		['some by a field', { some: { name: 'deleted' } }, []],
		['some by deletedAt', { some: { deletedAt: { not: null } } }, []],
		['none', { none: {} }, ['deleted', 'none']],
		['none by a field', { none: { name: 'live' } }, ['deleted', 'none']],
		['every', { every: { name: 'live' } }, ['live', 'deleted', 'both', 'none']],
		['every that no live one meets', { every: { name: 'deleted' } }, ['deleted', 'none']],
		['some and every', { some: {}, every: { type: 'console' } }, ['live', 'both']],
		['some and none', { some: {}, none: { name: 'deleted' } }, ['live', 'both']],
	])('%s looks at live destinations alone', async (_, filter, expected) => {
		expect(await found((name) => ({ [name]: filter }))).toEqual(expected);
	});

	it.each<[string, (filter: object) => object, string[]]>([
		['AND', (filter) => ({ AND: filter }), ['live', 'both']],
		['a list of AND', (filter) => ({ AND: [filter, {}] }), ['live', 'both']],
		['OR', (filter) => ({ OR: [filter] }), ['live', 'both']],
		['NOT', (filter) => ({ NOT: filter }), ['deleted', 'none']],
		['a list of NOT', (filter) => ({ NOT: [{ NOT: [filter] }] }), ['live', 'both']],
		['all of them', (f) => ({ AND: [{ OR: [{ NOT: { NOT: f } }] }] }), ['live', 'both']],
	])('looks at live destinations alone inside %s', async (_, wrap, expected) => {
		expect(await found((name) => wrap({ [name]: { some: {} } }))).toEqual(expected);
	});

	it.each<[string, (organization: object) => object]>([
		['the relation itself', (organization) => ({ organization })],
		['is', (organization) => ({ organization: { is: organization } })],
		['isNot', (organization) => ({ organization: { isNot: { NOT: organization } } })],
		['an undefined is', (organization) => ({ organization: { is: undefined, ...organization } })],
	])('see live destinations alone behind a to-one relation, by %s', async (_, through) => {
		const { organizationId } = await newOwner(1, 1);
		const where = (name: string) => ({
			organizationId,
			...through({ destinations: { some: { name } } }),
		});
		for (const [name, count] of [
			['live', 1],
			['deleted', 0],
		] as const) {
			expect(await run(db.prisma, 'destination', 'count', { where: where(name) })).toBe(count);
			const args = { where: where(name), data: { enabled: false } };
			expect(await run(db.prisma, 'destination', 'updateMany', args)).toEqual({ count });
		}
	});

	it('see live destinations alone behind users, to any depth', async () => {
		const { organizationId, createdBy } = await newOwner(1, 1);
		const depth = (name: string) => ({
			createdByUser: {
				is: {
					createdDestinations: { some: { organization: { destinations: { some: { name } } } } },
				},
			},
			updatedByUser: { isNot: null },
		});
		const count = (name: string) =>
			db.prisma.destination.count({ where: { organizationId, ...depth(name) } });
		expect(await count('live')).toBe(1);
		expect(await count('deleted')).toBe(0);
		const users = await db.prisma.user.findMany({
			where: { id: createdBy, createdDestinations: { every: depth('deleted') } },
		});
		expect(users).toEqual([]);
	});

	it('do so in filters of nested reads, of writes and of counts', async () => {
		const { organizationId: id } = await newOwner(0, 1);
		const some = { destinations: { some: {} } };
		const { organization } = db.prisma;
		expect(await organization.count({ where: { id, ...some } })).toBe(0);
		expect(await organization.updateMany({ where: { id, ...some }, data: {} })).toEqual({
			count: 0,
		});
		expect(await organization.deleteMany({ where: { id, ...some } })).toEqual({ count: 0 });
		for (const operation of ['update', 'delete']) {
			const args = { where: { id, ...some }, data: operation === 'update' ? {} : undefined };
			const error = await errorOf(() => run(db.prisma, 'organization', operation, args));
			expect(error.code).toBe('P2025');
		}
		expect(await organization.findUnique({ where: { id, ...some } })).toBeNull();
		const grouped = await organization.groupBy({ by: ['id'], where: { id, ...some } });
		expect(grouped).toEqual([]);
	});
});
