import { UnsupportedError } from '../../../src/errors.ts';
import { ExtendedDatabase, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** A destination with both of its users. */
async function newRow() {
	const [createdBy, updatedBy] = [await db.newUser(), await db.newUser()];
	const row = await db.newDestination({ createdBy, updatedBy });
	return { ...row, createdBy, updatedBy };
}

describe('settings alone', () => {
	it.each(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])(
		'%s gives them in clear and nothing beside them',
		async (operation) => {
			const { id, settings } = await newRow();
			const args = { where: { id }, select: { settings: true } };
			const read = await run(db.prisma, 'destination', operation, args);
			expect(read).toEqual({ settings });
			expect(Object.keys(Object(read))).toEqual(['settings']);
			expect(JSON.parse(JSON.stringify(read))).toEqual({ settings });
			expect(read).not.toHaveProperty('id');
		},
	);

	it('findMany gives them of every row', async () => {
		const { organizationId, settings } = await newRow();
		const read = await db.prisma.destination.findMany({
			where: { organizationId },
			select: { settings: true },
		});
		expect(read).toEqual([{ settings }]);
	});

	it('create, update, upsert and delete give them', async () => {
		const organizationId = await db.newOrganization();
		const [one, two, three] = [posthogSettings(), posthogSettings(), posthogSettings()];
		const select = { settings: true } as const;
		const data = { organizationId, type: 'posthog', name: 'EU project', settings: one };
		const { destination } = db.prisma;
		expect(await destination.create({ data, select })).toEqual({ settings: one });
		const { id } = await destination.findFirstOrThrow({ where: { organizationId } });
		const where = { id };
		const updated = await destination.update({ where, data: { settings: two }, select });
		expect(updated).toEqual({ settings: two });
		const upsert = { where, create: data, update: { settings: three }, select };
		expect(await destination.upsert(upsert)).toEqual({ settings: three });
		expect(await destination.delete({ where, select })).toEqual({ settings: three });
	});
});

describe('part of the columns', () => {
	it.each([
		{ id: true, settings: true },
		{ type: true, settings: true },
		{ id: false, settings: true },
		{ organizationId: true, settingsEncrypted: true, settings: true },
		{ settings: true, organization: { select: { id: true } } },
	])('gives what %j selects', async (select) => {
		const row = await newRow();
		const read = await run(db.prisma, 'destination', 'findUnique', {
			where: { id: row.id },
			select,
		});
		const selected = Object.entries(select).filter(([, value]) => value !== false);
		expect(Object.keys(Object(read)).sort()).toEqual(selected.map(([name]) => name).sort());
		expect(read).toHaveProperty('settings', row.settings);
	});

	it('reads no settings where none are selected', async () => {
		const { id } = await newRow();
		const select = { name: true, settings: false };
		const statements = await db.statementsOf(() =>
			db.prisma.destination.findUnique({ where: { id }, select }),
		);
		expect(statements.join()).not.toContain('"settings"');
	});

	it.each([
		{ id: true },
		{ organizationId: true, type: true, settingsEncrypted: true },
		{ id: false },
		{ settings: true },
		{ settings: true, id: true },
		{ settings: false },
	])('leaves out what %j omits', async (omit) => {
		const row = await newRow();
		const read = await run(db.prisma, 'destination', 'findUnique', { where: { id: row.id }, omit });
		const expected = Object.entries(row).filter(
			([name]) => !(omit as Record<string, boolean>)[name],
		);
		expect(Object.keys(Object(read)).sort()).toEqual(expected.map(([name]) => name).sort());
		if (!omit.settings) expect(read).toHaveProperty('settings', row.settings);
	});
});

describe('nested destinations', () => {
	it('are opened in include and select, from either model', async () => {
		const row = await newRow();
		const { id, ...withoutId } = row;
		const { settings } = row;
		const where = { id: row.organizationId };
		const select = { id: true, settings: true } as const;
		const expected = [{ id, settings }];
		const { organization, user } = db.prisma;
		expect(await organization.findUnique({ where, include: { destinations: true } })).toEqual({
			id: row.organizationId,
			destinations: [expect.objectContaining({ id, settings })],
		});
		expect(await organization.findUnique({ where, select: { destinations: { select } } })).toEqual({
			destinations: expected,
		});
		expect(
			await organization.findMany({ where, select: { id: true, destinations: { select } } }),
		).toEqual([{ id: row.organizationId, destinations: expected }]);
		expect(
			await user.findUnique({
				where: { id: row.createdBy },
				select: { createdDestinations: { select }, updatedDestinations: true },
			}),
		).toEqual({ createdDestinations: expected, updatedDestinations: [] });
		expect(
			await user.findMany({
				where: { id: row.updatedBy },
				include: { updatedDestinations: { omit: { id: true } } },
			}),
		).toEqual([{ id: row.updatedBy, updatedDestinations: [withoutId] }]);
	});

	it('hide deleted rows, whatever form the selection has', async () => {
		const { organizationId } = await db.newDeletedDestination();
		for (const destinations of [
			true,
			{},
			1,
			[],
			'x',
			{ where: { deletedAt: { not: null } } },
			{ where: { NOT: { deletedAt: null } } },
			{ where: undefined },
			{ select: { settings: true } },
			{ omit: { settings: true } },
		]) {
			for (const how of ['include', 'select']) {
				const args = { where: { id: organizationId }, [how]: { destinations } };
				const read = await run(db.prisma, 'organization', 'findUnique', args);
				expect(read).toHaveProperty('destinations', []);
			}
		}
	});

	it('take a filter, an order, a page and distinct of their own', async () => {
		const { organizationId } = await newRow();
		const staging = await db.newDestination({ organizationId, environment: 'staging' });
		const read = await db.prisma.organization.findUniqueOrThrow({
			where: { id: organizationId },
			include: {
				destinations: {
					where: { enabled: true },
					orderBy: { environment: 'desc' },
					distinct: ['type'],
					take: 1,
				},
			},
		});
		expect(read.destinations).toEqual([staging]);
	});

	it('are opened three levels deep and back, and are each an object of its own', async () => {
		const row = await newRow();
		const { organizationId, settings } = row;
		const other = await db.newDestination({ organizationId, environment: 'staging' });
		await db.newDeletedDestination({ organizationId, environment: 'development' });
		const read = await db.prisma.destination.findMany({
			where: { organizationId },
			orderBy: { environment: 'asc' },
			select: {
				settings: true,
				organization: {
					include: {
						destinations: {
							orderBy: { environment: 'asc' },
							include: {
								createdByUser: { select: { createdDestinations: { select: { settings: true } } } },
							},
						},
					},
				},
			},
		});
		const nested = [
			{ ...row, createdByUser: { createdDestinations: [{ settings }] } },
			{ ...other, createdByUser: null },
		];
		const organization = { id: organizationId, destinations: nested };
		expect(read).toEqual([
			{ settings, organization },
			{ settings: other.settings, organization },
		]);
		expect(read[0]?.organization).not.toBe(read[1]?.organization);
	});

	it('give a destination’s own relations without a trace of it', async () => {
		const row = await newRow();
		const read = await db.prisma.destination.findUnique({
			where: { id: row.id },
			select: { organization: true, createdByUser: true, updatedByUser: { select: { id: true } } },
		});
		expect(read).toEqual({
			organization: { id: row.organizationId },
			createdByUser: { id: row.createdBy },
			updatedByUser: { id: row.updatedBy },
		});
	});
});

it('works for a client that omits settings everywhere', async () => {
	const { id, settings } = await newRow();
	const prisma = db.extend(db.connectBase({ destination: { settings: true } }));
	const where = { id };
	const plain = await run(prisma, 'destination', 'findUnique', { where });
	expect(plain).toMatchObject({ id });
	expect(plain).not.toHaveProperty('settings');
	for (const args of [{ select: { settings: true } }, { omit: { settings: false } }]) {
		const read = await run(prisma, 'destination', 'findUnique', { where, ...args });
		expect(read).toHaveProperty('settings', settings);
	}
});

it('opens no settings for a client that omits what they are bound to, and fails no write for that', async () => {
	const { id } = await newRow();
	const where = { id };
	const prisma = db.extend(db.connectBase({ destination: { organizationId: true } }));
	await expect(run(prisma, 'destination', 'findUnique', { where })).rejects.toMatchObject({
		code: 'UNSUPPORTED',
	});
	const [found] = (await run(prisma, 'destination', 'findMany', { where })) as [typeof where];
	expect(() => JSON.stringify(found)).toThrow(UnsupportedError);
	const data = { name: 'renamed' };
	expect(await run(prisma, 'destination', 'update', { where, data })).toHaveProperty('id', id);
	expect(await db.stored(id)).toMatchObject(data);
});
