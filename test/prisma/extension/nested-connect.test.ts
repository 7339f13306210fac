import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** A nested write of a user to the destinations that it changed last. */
function write(id: string, updatedDestinations: object): PromiseLike<unknown> {
	const include = { updatedDestinations: true };
	return run(db.prisma, 'user', 'update', {
		where: { id },
		data: { updatedDestinations },
		include,
	});
}

describe('lists of destinations', () => {
	it('are connected and disconnected', async () => {
		const [user, row] = [await db.newUser(), await db.newDestination()];
		const { id, settings } = row;
		const connected = {
			id: user,
			updatedDestinations: [expect.objectContaining({ id, settings })],
		};
		expect(await write(user, { connect: { id } })).toEqual(connected);
		expect(await write(user, { connect: [{ id, name: 'EU project' }] })).toEqual(connected);
		expect((await db.stored(id)).updated_by).toBe(user);
		expect(await write(user, { disconnect: { id } })).toEqual({
			id: user,
			updatedDestinations: [],
		});
		expect((await db.stored(id)).updated_by).toBeNull();
	});

	it('are not connected to deleted ones, nor disconnected from them', async () => {
		const user = await db.newUser();
		const { id } = await db.newDeletedDestination({ updatedBy: user });
		const before = await db.stored(id);
		const other = await db.newUser();
		for (const where of [{ id }, { id, deletedAt: { not: null } }]) {
			expect((await errorOf(() => write(other, { connect: where }))).code).toBe('P2018');
			await write(user, { disconnect: where });
		}
		expect(await db.stored(id)).toEqual(before);
	});

	it('are not found by a filter on settings', async () => {
		const [user, { id }] = [await db.newUser(), await db.newDestination()];
		const where = { id, settings: { equals: {} } };
		for (const operation of ['connect', 'disconnect', 'delete']) {
			const error = await errorOf(() => write(user, { [operation]: where }));
			expect(error.code).toBe('UNSUPPORTED');
		}
		for (const args of [
			{ connectOrCreate: { where, create: {} } },
			{ update: { where, data: {} } },
			{ updateMany: { where, data: {} } },
			{ upsert: { where, create: {}, update: {} } },
			{ deleteMany: [where] },
		]) {
			expect((await errorOf(() => write(user, args))).code).toBe('UNSUPPORTED');
		}
	});

	it.each([[], [{ id: randomUUID() }], {}])('are not set to %j', async (set) => {
		const user = await db.newUser();
		const { id } = await db.newDestination({ updatedBy: user });
		const error = await errorOf(() => write(user, { set }));
		expect(error.code).toBe('UNSUPPORTED');
		expect((await db.stored(id)).updated_by).toBe(user);
	});

	it('do not move to another organization', async () => {
		const [{ id, organizationId }, other] = [await db.newDestination(), await db.newOrganization()];
		const args = { where: { id: other }, data: { destinations: { connect: { id } } } };
		const error = await errorOf(() => db.prisma.organization.update(args));
		expect(error.message).toContain('organization_id of a destination cannot be changed');
		expect((await db.stored(id)).organization_id).toBe(organizationId);
	});

	it('leave out what is undefined', async () => {
		const user = await db.newUser();
		const nested = { set: undefined, create: undefined, connect: undefined, delete: undefined };
		expect(await write(user, nested)).toEqual({ id: user, updatedDestinations: [] });
	});
});

describe('the user of a destination', () => {
	async function change(id: string, updatedByUser: object) {
		const args = { where: { id }, data: { updatedByUser }, include: { updatedByUser: true } };
		return run(db.prisma, 'destination', 'update', args);
	}

	it('is connected, created, either, and disconnected', async () => {
		const { id, settings } = await db.newDestination();
		const [one, two, three] = [await db.newUser(), randomUUID(), randomUUID()];
		for (const [nested, user] of [
			[{ connect: { id: one } }, { id: one }],
			[{ create: { id: two } }, { id: two }],
			[{ connectOrCreate: { where: { id: one }, create: {} } }, { id: one }],
			[{ connectOrCreate: { where: { id: three }, create: {} } }, { id: three }],
			[{ disconnect: true }, null],
			[{ upsert: { create: {}, update: {} } }, { id: expect.any(String) }],
			[{ disconnect: { createdDestinations: { none: {} } } }, null],
		]) {
			expect(await change(id, nested ?? {})).toMatchObject({ id, settings, updatedByUser: user });
		}
	});

	it('is updated and deleted', async () => {
		const [user, next] = [await db.newUser(), randomUUID()];
		const { id } = await db.newDestination({ updatedBy: user });
		const own = await db.newDestination();
		for (const update of [
			{ createdDestinations: { connect: [] } },
			{ where: { id: user }, data: {} },
		]) {
			await change(id, { update });
		}
		await change(id, { delete: { id: user } });
		expect(await db.prisma.user.count({ where: { id: user } })).toBe(0);
		await change(id, { create: { id: next } });
		await change(id, { delete: true });
		expect(await db.prisma.user.count({ where: { id: next } })).toBe(0);
		expect(await db.stored(own.id)).toMatchObject({ deleted_at: null });
	});

	it('has destinations that are written with it, each sealed to itself', async () => {
		const user = await db.newUser();
		const other = await db.newDestination({ createdBy: user });
		const { id } = await db.newDestination({ updatedBy: user });
		const [one, two] = [posthogSettings(), posthogSettings()];
		const organization = { create: {} };
		await change(id, {
			update: {
				createdDestinations: {
					update: { where: { id: other.id }, data: { settings: one } },
					create: { type: 'posthog', name: 'new', settings: two, organization },
				},
			},
		});
		const rows = await db.prisma.destination.findMany({ where: { createdBy: user } });
		expect(rows.map((row) => row.settings)).toEqual(expect.arrayContaining([one, two]));
		await change(id, { update: { createdDestinations: { deleteMany: {} } } });
		expect(await db.prisma.destination.count({ where: { createdBy: user } })).toBe(0);
		expect((await db.stored(other.id)).deleted_at).not.toBeNull();
	});

	it('is not found by settings of destinations', async () => {
		const { id } = await db.newDestination();
		const where = { createdDestinations: { some: { settings: { equals: {} } } } };
		for (const nested of [
			{ connect: { id, ...where } },
			{ connectOrCreate: { where, create: {} } },
			{ disconnect: where },
			{ delete: where },
			{ update: { where, data: {} } },
			{ upsert: { where, create: {}, update: {} } },
		]) {
			expect((await errorOf(() => change(id, nested))).code).toBe('UNSUPPORTED');
		}
	});

	it('takes no write that is not known', async () => {
		const { id } = await db.newDestination();
		expect((await errorOf(() => change(id, { replace: {} }))).code).toBe('UNSUPPORTED');
	});
});
