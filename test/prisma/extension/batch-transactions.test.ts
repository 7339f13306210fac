import { randomUUID } from 'node:crypto';
import { settingsError } from '../../../src/destinations/unopened.ts';
import { DecryptionFailedError } from '../../../src/errors.ts';
import { createDestinationsClient } from '../../../src/index.ts';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

function newData(organizationId: string, environment = 'production') {
	return { organizationId, type: 'posthog', name: 'EU', environment, settings: posthogSettings() };
}

/** Every destination of an organization, deleted ones included. */
function rowsOf(organizationId: string) {
	return db.prisma.destination.withDeleted().findMany({
		where: { organizationId },
		orderBy: { environment: 'asc' },
	});
}

it('runs every kind of operation, in order, and gives the result of each', async () => {
	const organizationId = await db.newOrganization();
	const [made, changed, purged] = [randomUUID(), randomUUID(), randomUUID()];
	const [production, staging] = [newData(organizationId), newData(organizationId, 'staging')];
	const gone = await db.newDeletedDestination({ organizationId, environment: 'development' });
	await db.newDeletedDestination({ organizationId, id: purged });
	await db.prisma.destination.create({ data: { ...staging, id: changed } });
	const { destination, organization } = db.prisma;
	const settings = posthogSettings();
	const where = { organizationId };
	const results = await db.prisma.$transaction([
		destination.create({ data: { ...production, id: made } }),
		destination.update({ where: { id: changed }, data: { settings }, select: { settings: true } }),
		destination.count({ where }),
		destination.findMany({ where, select: { settings: true }, orderBy: { environment: 'asc' } }),
		organization.findUnique({ where: { id: organizationId }, include: { _count: true } }),
		destination.delete({ where: { id: made }, select: { id: true } }),
		destination.restore({ where: { id: gone.id }, select: { id: true } }),
		destination.purge({ where: { id: purged } }),
		destination.updateMany({ where, data: { name: 'renamed' } }),
		destination.deleteMany({ where: { id: changed } }),
		destination.withDeleted().count({ where }),
		destination.onlyDeleted().count({ where }),
		db.prisma.$queryRaw`SELECT count(*)::int FROM destinations WHERE id = ${purged}::uuid`,
	]);
	expect(results).toEqual([
		expect.objectContaining({ id: made, settings: production.settings }),
		{ settings },
		2,
		[{ settings: production.settings }, { settings }],
		{ id: organizationId, _count: { destinations: 2 } },
		{ id: made },
		{ id: gone.id },
		1,
		{ count: 2 },
		{ count: 1 },
		3,
		2,
		[{ count: 0 }],
	]);
});

it('undoes everything where one fails in the database', async () => {
	const live = await db.newDestination();
	const { organizationId } = live;
	const gone = await db.newDeletedDestination({ organizationId, environment: 'staging' });
	const before = await rowsOf(organizationId);
	const { destination } = db.prisma;
	const error = await errorOf(() =>
		db.prisma.$transaction([
			destination.delete({ where: { id: live.id } }),
			destination.restore({ where: { id: gone.id } }),
			destination.updateMany({ where: { organizationId }, data: { name: 'renamed' } }),
			destination.deleteMany({ where: { organizationId } }),
			destination.purge({ where: { id: live.id } }),
			destination.create({ data: newData(organizationId, 'development') }),
			destination.create({ data: newData(organizationId, 'development') }),
		]),
	);
	expect(error.code).toBe('P2002');
	expect(await rowsOf(organizationId)).toEqual(before);
});

it.each<[string, (id: string) => [string, unknown], string]>([
	[
		'settings that are not valid',
		(id) => ['update', { where: { id }, data: { settings: {} } }],
		'VALIDATION',
	],
	[
		'an operation that is refused',
		() => ['findMany', { orderBy: { settings: 'asc' } }],
		'UNSUPPORTED',
	],
	['a row that is not there', () => ['delete', { where: { id: randomUUID() } }], 'P2025'],
])('does nothing at all where one fails by %s', async (_, failing, code) => {
	const { id, organizationId } = await db.newDestination();
	const before = await rowsOf(organizationId);
	const [operation, args] = failing(id);
	const error = await errorOf(() =>
		db.prisma.$transaction([
			db.prisma.destination.update({ where: { id }, data: { name: 'renamed' } }),
			run(db.prisma, 'destination', operation, args) as never,
			db.prisma.destination.delete({ where: { id } }),
		]),
	);
	expect(error.code).toBe(code);
	expect(await rowsOf(organizationId)).toEqual(before);
});

it('refuses what contains itself as part of a batch, not when it is written down', async () => {
	const { id, organizationId } = await db.newDestination();
	const settings: Record<string, unknown> = posthogSettings();
	settings.self = settings;
	const args = { where: { id }, data: { settings } };
	const bad = run(db.prisma, 'destination', 'update', args) as never;
	const good = db.prisma.destination.delete({ where: { id } });
	const error = await errorOf(() => db.prisma.$transaction([good, bad]));
	expect(error.code).toBe('VALIDATION');
	expect(await rowsOf(organizationId)).toMatchObject([{ id, deletedAt: null }]);
});

it('marks a row that does not open: the batch is committed before that is known', async () => {
	const { id, organizationId } = await db.newDestination();
	const other = await db.newDestination();
	await db.tamper(id, `settings = jsonb_set(settings, '{ct}', '"${'A'.repeat(80)}"')`);
	const read = () => db.prisma.destination.findUniqueOrThrow({ where: { id } });
	const [deleted, found] = await db.prisma.$transaction([
		db.prisma.destination.delete({ where: { id: other.id } }),
		read(),
	]);
	expect(deleted.settings).toEqual(other.settings);
	expect(settingsError(found)).toMatchObject({ destinationId: id, organizationId });
	expect(() => found.settings).toThrow(DecryptionFailedError);
	expect((await db.stored(other.id)).deleted_at).not.toBeNull();
	// By itself it is refused, as ever.
	await expect(read()).rejects.toThrow(DecryptionFailedError);
});

it.each(['id', 'id, organization and type'])(
	'updates settings of a row that the same batch creates, found by its %s',
	async (by) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const [data, settings] = [newData(organizationId), posthogSettings()];
		const where = by === 'id' ? { id } : { id, organizationId, type: 'posthog' };
		const [, updated] = await db.prisma.$transaction([
			db.prisma.destination.create({ data: { ...data, id } }),
			db.prisma.destination.update({ where, data: { settings } }),
		]);
		expect(updated.settings).toEqual(settings);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ settings, version: 2 });
	},
);

it.each(['an organization', 'the service'])(
	'updates settings of a row that the same batch of the scope of %s creates',
	async (whose) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const [data, settings] = [newData(organizationId), posthogSettings()];
		const service = createDestinationsClient({
			connectionString: db.connectionString,
			keys: db.keys,
		});
		try {
			const { prisma } =
				whose === 'the service' ? service.asService() : service.forOrganization(organizationId);
			const [created, updated] = await prisma.$transaction([
				prisma.destination.create({ data: { ...data, id } }),
				prisma.destination.update({ where: { id }, data: { settings } }),
			]);
			expect(created).toMatchObject({ id, settings: data.settings });
			expect(updated).toMatchObject({ id, settings });
		} finally {
			await service.close();
		}
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ settings, version: 2 });
	},
);

it('updates no row that the same batch creates later, or that another one creates', async () => {
	const [id, organizationId] = [randomUUID(), await db.newOrganization()];
	const [data, settings] = [newData(organizationId), posthogSettings()];
	const update = () => db.prisma.destination.update({ where: { id }, data: { settings } });
	const create = () => db.prisma.destination.create({ data: { ...data, id } });
	const late = await errorOf(() => db.prisma.$transaction([update(), create()]));
	expect(late.code).toBe('P2025');
	const [one, other] = await Promise.allSettled([
		db.prisma.$transaction([create()]),
		db.prisma.$transaction([update()]),
	]);
	expect(one.status).toBe('fulfilled');
	expect(other).toMatchObject({ status: 'rejected', reason: { code: 'P2025' } });
});

it('goes back to settings that are stored after it has changed them', async () => {
	const { id, settings } = await db.newDestination();
	const update = (to: object) =>
		db.prisma.destination.update({ where: { id }, data: { settings: to } });
	await db.prisma.$transaction([update(posthogSettings()), update(settings)]);
	const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
	expect(read).toMatchObject({ settings, version: 3 });
});

it('can be made twice of the same promises', async () => {
	const { id, settings } = await db.newDestination();
	const read = db.prisma.destination.findUnique({ where: { id }, select: { settings: true } });
	expect(await db.prisma.$transaction([read, read])).toEqual([{ settings }, { settings }]);
	expect(await db.prisma.$transaction([read])).toEqual([{ settings }]);
});

it('runs nothing that is not awaited', async () => {
	const { id } = await db.newDestination();
	db.prisma.destination.delete({ where: { id } });
	db.prisma.destination.purge({ where: { id } });
	await new Promise((resolve) => setTimeout(resolve, 20));
	expect((await db.stored(id)).deleted_at).toBeNull();
});
