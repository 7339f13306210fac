import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

function newData(environment = 'production') {
	return { type: 'posthog', name: 'EU project', environment, settings: posthogSettings() };
}

/** Every destination of an organization: each must open, and be stored as an envelope. */
async function settingsOf(organizationId: string) {
	const rows = await db.prisma.destination.findMany({
		where: { organizationId },
		orderBy: { environment: 'asc' },
	});
	for (const { id } of rows) expect((await db.stored(id)).settings).toHaveProperty('ct');
	return rows.map((row) => row.settings);
}

describe('from an organization', () => {
	it('creates one and many, in a create', async () => {
		const [one, two, three] = [newData(), newData('staging'), newData('development')];
		const single = await db.prisma.organization.create({
			data: { destinations: { create: one } },
			include: { destinations: true },
		});
		expect(single.destinations).toEqual([expect.objectContaining(one)]);
		const several = await db.prisma.organization.create({
			data: { id: randomUUID(), destinations: { create: [one, two], createMany: { data: three } } },
		});
		expect(await settingsOf(several.id)).toEqual([three.settings, one.settings, two.settings]);
	});

	it('creates in an update, where the filter tells the organization', async () => {
		const [id, one, two] = [await db.newOrganization(), newData(), newData('staging')];
		const updated = await db.prisma.organization.update({
			where: { id: id.toUpperCase() },
			data: { destinations: { create: [one], createMany: { data: [two], skipDuplicates: true } } },
			select: { destinations: { select: { settings: true }, orderBy: { environment: 'asc' } } },
		});
		expect(updated.destinations).toEqual([{ settings: one.settings }, { settings: two.settings }]);
		expect(await settingsOf(id)).toEqual([one.settings, two.settings]);
	});

	it('creates in both branches of an upsert', async () => {
		const id = randomUUID();
		const [one, two] = [newData(), newData('staging')];
		const args = {
			where: { id },
			create: { id, destinations: { create: one } },
			update: { destinations: { create: two } },
		};
		await db.prisma.organization.upsert(args);
		await db.prisma.organization.upsert(args);
		expect(await settingsOf(id)).toEqual([one.settings, two.settings]);
	});

	it('connects or creates', async () => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const data = newData();
		const connectOrCreate = { where: { id }, create: { ...data, id } };
		const args = { where: { id: organizationId }, data: { destinations: { connectOrCreate } } };
		await db.prisma.organization.update(args);
		await db.prisma.organization.update(args);
		expect(await settingsOf(organizationId)).toEqual([data.settings]);
	});

	it('refuses to create where its id is changed by the same write', async () => {
		const [id, next] = [await db.newOrganization(), randomUUID()];
		for (const changed of [next, { set: next }]) {
			const data = { id: changed, destinations: { create: newData() } };
			const args = { where: { id }, data };
			const error = await errorOf(() => run(db.prisma, 'organization', 'update', args));
			expect(error.code).toBe('UNSUPPORTED');
		}
		expect(await settingsOf(id)).toEqual([]);
	});
});

describe('from a user', () => {
	it('creates and connects or creates, for any organization', async () => {
		const [own, other, id] = [await db.newOrganization(), randomUUID(), randomUUID()];
		const [one, two, three] = [newData(), newData('staging'), newData('development')];
		const user = await db.prisma.user.create({
			data: {
				createdDestinations: {
					create: [
						{ ...one, organization: { connect: { id: own } } },
						{ ...two, organization: { create: { id: other } } },
					],
					connectOrCreate: {
						where: { id },
						create: { ...three, id, organization: { connect: { id: own } } },
					},
				},
			},
			include: { createdDestinations: { orderBy: { environment: 'asc' } } },
		});
		expect(user.createdDestinations.map((row) => row.settings)).toEqual([
			three.settings,
			one.settings,
			two.settings,
		]);
		expect(await settingsOf(own)).toEqual([three.settings, one.settings]);
		expect(await settingsOf(other)).toEqual([two.settings]);
	});

	it('creates many, in an update', async () => {
		const [id, organizationId] = [await db.newUser(), await db.newOrganization()];
		const data = [{ ...newData(), organizationId }];
		await db.prisma.user.update({
			where: { id },
			data: { updatedDestinations: { createMany: { data } } },
		});
		expect(await settingsOf(organizationId)).toEqual([data[0]?.settings]);
	});

	it('refuses to create for an organization that is not told', async () => {
		const id = await db.newUser();
		const args = { where: { id }, data: { createdDestinations: { create: newData() } } };
		const error = await errorOf(() => run(db.prisma, 'user', 'update', args));
		expect(error.code).toBe('UNSUPPORTED');
	});
});

describe('from a destination', () => {
	it('creates another one through a user that is created with it', async () => {
		const organizationId = await db.newOrganization();
		const [own, other] = [newData(), newData('staging')];
		const made = await db.prisma.destination.create({
			data: {
				...own,
				organization: { connect: { id: organizationId } },
				createdByUser: {
					create: { updatedDestinations: { create: { ...other, organization: { create: {} } } } },
				},
			},
			include: { createdByUser: { include: { updatedDestinations: true } } },
		});
		expect(made.settings).toEqual(own.settings);
		const [elsewhere] = made.createdByUser?.updatedDestinations ?? [];
		expect(elsewhere?.settings).toEqual(other.settings);
		expect(await settingsOf(elsewhere?.organizationId ?? '')).toEqual([other.settings]);
	});

	it('creates users where they are connected, created or either', async () => {
		const [userId, missing] = [await db.newUser(), randomUUID()];
		for (const createdByUser of [
			{ connect: { id: userId } },
			{ create: {} },
			{ connectOrCreate: { where: { id: missing }, create: { id: missing } } },
		]) {
			const organization = { create: {} };
			const data = { ...newData(), organization, createdByUser };
			const made = await run(db.prisma, 'destination', 'create', { data });
			expect(made).toMatchObject({ settings: data.settings, createdBy: expect.any(String) });
		}
	});
});

it.each<[string, 'organization' | 'user', object]>([
	['create', 'organization', { destinations: { create: { type: 'posthog', settings: {} } } }],
	['createMany', 'organization', { destinations: { createMany: { data: [{ settings: 1 }] } } }],
	[
		'connectOrCreate',
		'organization',
		{ destinations: { connectOrCreate: [{ where: { id: randomUUID() }, create: {} }] } },
	],
	['a list as the relation', 'organization', { destinations: [{ create: newData() }] }],
	['a list in a list', 'organization', { destinations: { create: [[newData()]] } }],
	['an unknown operation', 'organization', { destinations: { createAll: newData() } }],
	['a user', 'user', { createdDestinations: { create: { organizationId: randomUUID() } } }],
	['settings of nobody', 'user', { settings: posthogSettings() }],
])('refuses a malformed nested %s, and quotes no settings', async (_, model, data) => {
	const id = randomUUID();
	const args = { data: { id, ...data } };
	const error = await errorOf(() => run(db.prisma, model, 'create', args));
	expect(error.code).toMatch(/^(VALIDATION|UNSUPPORTED)$/);
	expect(error.message).not.toContain('phc_');
	expect(await run(db.prisma, model, 'count', { where: { id } })).toBe(0);
});
