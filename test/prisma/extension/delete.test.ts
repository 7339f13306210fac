import {
	ExtendedDatabase,
	errorOf,
	posthogSettings,
	run,
	unusedId,
} from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

describe('delete', () => {
	it('keeps the row and its envelope, and gives the row as it was deleted', async () => {
		const made = await db.newDestination();
		const before = await db.stored(made.id);
		const deleted = await db.prisma.destination.delete({ where: { id: made.id } });
		expect(deleted).toMatchObject({ id: made.id, settings: made.settings });
		expect(deleted.deletedAt).toBeInstanceOf(Date);
		expect(await db.stored(made.id)).toMatchObject({
			settings: before.settings,
			deleted_at: deleted.deletedAt,
		});
	});

	it('honours select, include and omit', async () => {
		const [one, two, three] = [
			await db.newDestination(),
			await db.newDestination(),
			await db.newDestination(),
		];
		const { destination } = db.prisma;
		expect(await destination.delete({ where: { id: one.id }, select: { settings: true } })).toEqual(
			{ settings: one.settings },
		);
		const included = await destination.delete({
			where: { id: two.id },
			include: { organization: { include: { destinations: true, _count: true } } },
		});
		expect(included).toMatchObject({ id: two.id, settings: two.settings });
		expect(included.organization).toMatchObject({
			id: two.organizationId,
			destinations: [],
			_count: { destinations: 0 },
		});
		const { id: _, deletedAt: __, ...rest } = { ...three };
		const omitted = await destination.delete({
			where: { id: three.id },
			omit: { id: true, deletedAt: true, updatedAt: true, version: true },
		});
		expect(omitted).toEqual(
			expect.not.objectContaining({ id: expect.anything(), deletedAt: expect.anything() }),
		);
		expect(rest).toMatchObject(omitted);
	});

	it('fails with P2025 on a row that is missing or deleted already', async () => {
		const { id } = await db.newDeletedDestination();
		const { deleted_at } = await db.stored(id);
		for (const where of [{ id }, { id: unusedId() }, { id, name: 'another' }]) {
			const error = await errorOf(() => db.prisma.destination.delete({ where }));
			expect(error.code).toBe('P2025');
		}
		expect((await db.stored(id)).deleted_at).toEqual(deleted_at);
	});

	it('frees the place for another destination of the type and environment', async () => {
		const { organizationId } = await db.newDeletedDestination();
		const again = await db.newDestination({ organizationId });
		expect(again.settings).toHaveProperty('apiKey');
	});

	it.each([undefined, {}, { where: {} }, { where: { name: 'EU project' } }])(
		'leaves %j to Prisma to refuse',
		async (args) => {
			const error = await errorOf(() => run(db.prisma, 'destination', 'delete', args));
			expect(error.name).toBe('PrismaClientValidationError');
		},
	);

	it('takes no data', async () => {
		const { id } = await db.newDestination();
		const args = { where: { id }, data: { name: 'renamed' } };
		await run(db.prisma, 'destination', 'delete', args);
		expect(await db.stored(id)).toMatchObject({ name: 'EU project', deleted_at: expect.any(Date) });
	});
});

describe('deleteMany', () => {
	it('deletes live rows, by the filter, and counts them', async () => {
		const { id, organizationId } = await db.newDestination();
		const other = await db.newDestination({ organizationId, environment: 'staging' });
		const deleted = await db.newDeletedDestination({
			organizationId,
			environment: 'development',
		});
		const where = { organizationId, environment: { in: ['production', 'development'] } };
		expect(await db.prisma.destination.deleteMany({ where })).toEqual({ count: 1 });
		expect((await db.stored(id)).deleted_at).toEqual(expect.any(Date));
		expect((await db.stored(other.id)).deleted_at).toBeNull();
		expect((await db.stored(deleted.id)).deleted_at).toEqual(deleted.deletedAt);
	});

	it('honours the limit', async () => {
		const { organizationId } = await db.newDestination();
		await db.newDestination({ organizationId, environment: 'staging' });
		const where = { organizationId };
		expect(await db.prisma.destination.deleteMany({ where, limit: 1 })).toEqual({ count: 1 });
		expect(await db.prisma.destination.count({ where })).toBe(1);
	});

	it.each(['x', null, [], 1, true])('deletes nothing by the filter %p', async (where) => {
		const { id } = await db.newDestination();
		const error = await errorOf(() => run(db.prisma, 'destination', 'deleteMany', { where }));
		expect(error.name).toBe('PrismaClientValidationError');
		expect((await db.stored(id)).deleted_at).toBeNull();
	});

	it('deletes every live row without a filter, as Prisma does', async () => {
		const own = await ExtendedDatabase.open();
		try {
			await own.newDestination();
			await own.newDestination();
			expect(await own.prisma.destination.deleteMany()).toEqual({ count: 2 });
			expect(await own.sql('SELECT FROM destinations')).toHaveLength(2);
		} finally {
			await own.close();
		}
	});
});

describe('withDeleted and onlyDeleted', () => {
	it.each([
		['withDeleted', 2],
		['onlyDeleted', 1],
	] as const)('%s reach deleted rows in every read', async (name, expected) => {
		const live = await db.newDestination();
		const { organizationId } = live;
		const gone = await db.newDeletedDestination({ organizationId, environment: 'staging' });
		const { prisma } = db;
		const reads = prisma.destination[name]();
		const where = { organizationId };
		expect(await reads.findMany({ where })).toHaveLength(expected);
		expect(await reads.count({ where })).toBe(expected);
		expect(await reads.aggregate({ where, _count: true })).toEqual({ _count: expected });
		const groups = await reads.groupBy({ by: ['organizationId'], where, _count: true });
		expect(groups).toEqual([{ organizationId, _count: expected }]);
		const found = { id: gone.id, settings: gone.settings };
		const { id } = gone;
		expect(await reads.findUnique({ where: { id } })).toMatchObject(found);
		expect(await reads.findUniqueOrThrow({ where: { id } })).toMatchObject(found);
		expect(await reads.findFirst({ where: { id } })).toMatchObject(found);
		expect(await reads.findFirstOrThrow({ where: { id } })).toMatchObject(found);
		const alive = await reads.findUnique({ where: { id: live.id } });
		expect(alive?.id).toBe(name === 'withDeleted' ? live.id : undefined);
	});

	it('keep deleted rows out of what is nested', async () => {
		const { id, organizationId } = await db.newDeletedDestination();
		const include = { organization: { include: { destinations: true } } };
		const read = await db.prisma.destination.onlyDeleted().findUnique({ where: { id }, include });
		expect(read?.organization).toEqual({ id: organizationId, destinations: [] });
	});

	it('cannot be asked for by an argument of one’s own', async () => {
		await db.newDeletedDestination();
		for (const rows of ['live', 'x', null]) {
			const error = await errorOf(() => run(db.prisma, 'destination', 'findMany', { $rows: rows }));
			expect(error.code).toBe('UNSUPPORTED');
		}
	});
});

describe('restore', () => {
	it('brings a deleted row back, with its settings', async () => {
		const { id, settings } = await db.newDeletedDestination();
		const restored = await db.prisma.destination.restore({ where: { id } });
		expect(restored).toMatchObject({ id, settings, deletedAt: null });
		expect(await db.prisma.destination.count({ where: { id } })).toBe(1);
	});

	it('honours select', async () => {
		const { id, settings } = await db.newDeletedDestination();
		const select = { settings: true } as const;
		expect(await db.prisma.destination.restore({ where: { id }, select })).toEqual({ settings });
	});

	it('fails with P2025 on a row that is live or missing', async () => {
		const { id } = await db.newDestination();
		for (const where of [{ id }, { id: unusedId() }]) {
			const error = await errorOf(() => db.prisma.destination.restore({ where }));
			expect(error.code).toBe('P2025');
		}
	});

	it('fails with P2002 where a live one has taken the place', async () => {
		const { id, organizationId } = await db.newDeletedDestination();
		await db.newDestination({ organizationId });
		const error = await errorOf(() => db.prisma.destination.restore({ where: { id } }));
		expect(error.code).toBe('P2002');
		expect((await db.stored(id)).deleted_at).not.toBeNull();
	});

	it('takes no data', async () => {
		const { id, settings } = await db.newDeletedDestination();
		await run(db.prisma, 'destination', 'restore', {
			where: { id },
			data: { name: 'renamed', settings: posthogSettings() },
		});
		const read = await db.prisma.destination.findUnique({ where: { id } });
		expect(read).toMatchObject({ name: 'EU project', settings });
	});
});

describe('purge', () => {
	it('removes a deleted row for good, and no live one', async () => {
		const [gone, live] = [await db.newDeletedDestination(), await db.newDestination()];
		expect(await db.prisma.destination.purge({ where: { id: gone.id } })).toBe(1);
		expect(await db.prisma.destination.purge({ where: { id: live.id } })).toBe(0);
		expect(await db.prisma.destination.purge({ where: { id: unusedId() } })).toBe(0);
		await expect(db.stored(gone.id)).rejects.toThrow('no destination');
		expect((await db.stored(live.id)).deleted_at).toBeNull();
	});

	it('takes the organization for a condition', async () => {
		const { id, organizationId } = await db.newDeletedDestination();
		const purge = (of: string) =>
			run(db.prisma, 'destination', 'purge', { where: { id, organizationId: of } });
		expect(await purge(unusedId())).toBe(0);
		expect(await db.stored(id)).toMatchObject({ id });
		expect(await purge(organizationId)).toBe(1);
	});

	it('refuses every other condition', async () => {
		const { id } = await db.newDeletedDestination();
		const organizationId = unusedId();
		for (const args of [
			undefined,
			{},
			{ where: {} },
			{ where: { id: { in: [id] } } },
			{ where: { id, type: 'posthog' } },
			{ where: { id, organizationId: { not: unusedId() } } },
			{ where: { organizationId } },
		]) {
			const error = await errorOf(async () => run(db.prisma, 'destination', 'purge', args));
			expect(error.code).toBe('VALIDATION');
		}
		expect(await db.stored(id)).toMatchObject({ id });
	});
});

describe.each(['organization', 'user'] as const)('%s', (model) => {
	it('is deleted for good, as without the extension', async () => {
		const ids = [unusedId(), unusedId()];
		await run(db.prisma, model, 'createMany', { data: ids.map((id) => ({ id })) });
		const [id, other] = ids;
		expect(await run(db.prisma, model, 'delete', { where: { id } })).toEqual({ id });
		expect(await run(db.prisma, model, 'deleteMany', { where: { id: other } })).toEqual({
			count: 1,
		});
		expect(await db.sql(`SELECT FROM ${model}s WHERE id = ANY ($1)`, [ids])).toEqual([]);
	});
});

it('gives the destinations of an organization that is deleted with them', async () => {
	const { id, organizationId, settings } = await db.newDestination();
	await db.newDeletedDestination({ organizationId, environment: 'staging' });
	const deleted = await db.prisma.organization.delete({
		where: { id: organizationId },
		include: { destinations: { select: { id: true, settings: true } } },
	});
	expect(deleted).toEqual({ id: organizationId, destinations: [{ id, settings }] });
});
