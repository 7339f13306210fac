import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

function newRow(organizationId: string, id: string = randomUUID()) {
	return { id, organizationId, type: 'posthog', name: 'created', settings: posthogSettings() };
}

it('creates a row that is missing, sealed to itself', async () => {
	const create = newRow(await db.newOrganization());
	const where = { id: create.id };
	const update = { settings: posthogSettings() };
	const made = await db.prisma.destination.upsert({ where, create, update });
	expect(made).toMatchObject({ name: 'created', settings: create.settings });
	const read = await db.prisma.destination.findUniqueOrThrow({ where });
	expect(read.settings).toEqual(create.settings);
});

it('creates a row with an id of its own where the data names none', async () => {
	const { id, ...create } = newRow(await db.newOrganization());
	const update = { settings: posthogSettings() };
	const made = await db.prisma.destination.upsert({ where: { id }, create, update });
	expect(made.id).not.toBe(id);
	expect(made.settings).toEqual(create.settings);
});

it('updates a row that is there, sealed to it', async () => {
	const { id, organizationId } = await db.newDestination();
	const update = { name: 'updated', settings: posthogSettings() };
	const create = newRow(organizationId, id);
	const updated = await db.prisma.destination.upsert({ where: { id }, create, update });
	expect(updated).toMatchObject({ name: 'updated', settings: update.settings });
	expect(JSON.stringify(await db.stored(id))).not.toContain(update.settings.apiKey);
});

it('updates without settings and leaves the envelope', async () => {
	const { id, organizationId, settings } = await db.newDestination();
	const create = newRow(organizationId, id);
	const update = { name: 'updated' };
	const updated = await db.prisma.destination.upsert({ where: { id }, create, update });
	expect(updated).toMatchObject({ name: 'updated', settings });
});

it('neither revives nor replaces a deleted row of the id', async () => {
	const { id, organizationId } = await db.newDeletedDestination();
	const before = await db.stored(id);
	const error = await errorOf(() =>
		db.prisma.destination.upsert({
			where: { id },
			create: newRow(organizationId, id),
			update: { settings: posthogSettings() },
		}),
	);
	expect(error.code).toBe('P2002');
	expect(await db.stored(id)).toEqual(before);
});

it('creates beside a deleted row, with an id of its own', async () => {
	const deleted = await db.newDeletedDestination();
	const { id: _, ...create } = newRow(deleted.organizationId);
	const where = { id: deleted.id };
	const update = { settings: posthogSettings() };
	const made = await db.prisma.destination.upsert({ where, create, update });
	expect(made.id).not.toBe(deleted.id);
	expect(made.settings).toEqual(create.settings);
	expect((await db.stored(deleted.id)).deleted_at).not.toBeNull();
});

it('seals an update to the type and organization of the row, whatever the data of the create say', async () => {
	const settings = { logLevel: 'warn' };
	const { id, organizationId } = await db.newDestination({ type: 'console', settings: {} });
	const create = newRow(await db.newOrganization(), id);
	const updated = await db.prisma.destination.upsert({
		where: { id },
		create,
		update: { settings },
	});
	expect(updated).toMatchObject({ type: 'console', organizationId, settings });
	const error = await errorOf(() =>
		db.prisma.destination.upsert({
			where: { id },
			create,
			update: { settings: posthogSettings() },
		}),
	);
	expect(error.code).toBe('VALIDATION');
});

it('creates where the filter names another type than that of the row', async () => {
	const { id, organizationId } = await db.newDestination({ type: 'console', settings: {} });
	const { id: _, ...create } = newRow(organizationId);
	const made = await db.prisma.destination.upsert({
		where: { id, organizationId, type: 'posthog' },
		create,
		update: { settings: posthogSettings() },
	});
	expect(made.id).not.toBe(id);
	expect(made.settings).toEqual(create.settings);
	expect(await db.stored(id)).toMatchObject({ type: 'console', version: 1 });
});

it('does not give a row that another call made meanwhile settings that are not sealed to it', async () => {
	const id = randomUUID();
	const [organizationId, other] = [await db.newOrganization(), await db.newOrganization()];
	const settings = posthogSettings();
	// A later extension runs nearer to the database. It stands for another process, whose write lands
	// after the look-up.
	const late = db.prisma.$extends({
		query: {
			destination: {
				async upsert({ args, query }) {
					await db.newDestination({ id, organizationId: other, settings });
					return query(args);
				},
			},
		},
	});
	const create = newRow(organizationId, id);
	const error = await errorOf(() =>
		run(late, 'destination', 'upsert', {
			where: { id },
			create,
			update: { settings: posthogSettings() },
		}),
	);
	expect(error.code).toBe('P2002');
	const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
	expect(read).toMatchObject({ organizationId: other, settings });
});

it.each([
	['no id', { name: 'EU project' }],
	['no filter', undefined],
])('neither writes nor quotes settings with %s', async (_, where) => {
	const create = newRow(await db.newOrganization());
	const update = { settings: posthogSettings() };
	const args = { where, create, update };
	const error = await errorOf(() => run(db.prisma, 'destination', 'upsert', args));
	expect(error.code).toBe('UNSUPPORTED');
	expect(error.message).not.toContain('phc_');
	expect(await db.prisma.destination.count({ where: { id: create.id } })).toBe(0);
});

it.each([
	['create', { create: [{ settings: posthogSettings() }], update: {} }],
	['update', { create: {}, update: [{ settings: posthogSettings() }] }],
	['create', { update: { settings: posthogSettings() } }],
])('does not quote settings of a malformed %s', async (_, args) => {
	const where = { id: randomUUID() };
	const error = await errorOf(() => run(db.prisma, 'destination', 'upsert', { where, ...args }));
	expect(error.message).not.toContain('phc_');
});

describe.each(['organization', 'user'] as const)('%s', (model) => {
	it('is upserted as without the extension', async () => {
		const id = randomUUID();
		const args = { where: { id }, create: { id }, update: {} };
		expect(await run(db.prisma, model, 'upsert', args)).toEqual({ id });
		expect(await run(db.prisma, model, 'upsert', args)).toEqual({ id });
	});
});
