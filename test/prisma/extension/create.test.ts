import { randomUUID } from 'node:crypto';
import {
	ExtendedDatabase,
	errorOf,
	loose,
	posthogSettings,
	run,
	unusedId,
} from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

async function newData(environment = 'production') {
	const organizationId = await db.newOrganization();
	return { organizationId, type: 'posthog', name: 'EU project', environment };
}

describe('create', () => {
	it('stores an envelope and gives settings in clear', async () => {
		const settings = posthogSettings();
		const made = await db.prisma.destination.create({ data: { ...(await newData()), settings } });
		expect(made.settings).toEqual(settings);
		const stored = await db.stored(made.id);
		expect(Object.keys(stored.settings).sort()).toEqual(['alg', 'ct', 'iv', 'kc', 'kid', 'v']);
		expect(stored.settings_encrypted).toBe(true);
		expect(JSON.stringify(stored.settings)).not.toContain(settings.apiKey);
	});

	it('fills in the defaults of the type', async () => {
		const { apiKey } = posthogSettings();
		const made = await db.prisma.destination.create({
			data: { ...(await newData()), settings: { apiKey } },
		});
		expect(made.settings).toEqual(posthogSettings(apiKey));
	});

	it('seals the defaults where a type needs no settings and none are given', async () => {
		const made = await db.prisma.destination.create({
			data: { ...(await newData()), type: 'console' },
		});
		expect(made.settings).toMatchObject({ logLevel: 'info' });
		expect((await db.stored(made.id)).settings).toHaveProperty('ct');
	});

	it('keeps the id that is given', async () => {
		const id = randomUUID();
		const made = await db.newDestination({ id });
		expect(made.id).toBe(id);
	});

	// Settings that were sealed to the spelling, not to the uuid, would never open again.
	it.each([
		['in capitals', (id: string) => id.toUpperCase()],
		['without hyphens', (id: string) => id.replaceAll('-', '')],
		['in braces', (id: string) => `{${id}}`],
		['with fewer hyphens', (id: string) => id.replace('-', '')],
	])('opens what was created with ids written %s', async (_, spell) => {
		const id = randomUUID();
		const organizationId = await db.newOrganization();
		const settings = posthogSettings();
		await db.newDestination({ id: spell(id), organizationId: spell(organizationId), settings });
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ id, organizationId, settings });
	});

	it('takes the organization by connect, create and connectOrCreate', async () => {
		const [connected, created, missing] = [await db.newOrganization(), randomUUID(), randomUUID()];
		for (const [organization, organizationId] of [
			[{ connect: { id: connected } }, connected],
			[{ create: { id: created } }, created],
			[{ connectOrCreate: { where: { id: created }, create: {} } }, created],
			[{ connectOrCreate: { where: { id: missing }, create: {} } }, missing],
			[{ connectOrCreate: { where: { id: missing }, create: { id: missing } } }, missing],
		] as const) {
			const made = await db.prisma.destination.create({
				data: {
					organization,
					type: 'posthog',
					name: 'EU project',
					settings: posthogSettings(),
				},
			});
			// Out of the way of the next one.
			await db.prisma.destination.delete({ where: { id: made.id } });
			expect(made.organizationId).toBe(organizationId);
			expect(made.settings).toHaveProperty('apiKey');
		}
	});

	it('refuses an organization that is only known after the write', async () => {
		const where = { id: unusedId() };
		const error = await errorOf(() =>
			db.prisma.destination.create({
				data: {
					organization: { connectOrCreate: { where, create: { id: unusedId() } } },
					type: 'posthog',
					name: 'EU project',
					settings: posthogSettings(),
				},
			}),
		);
		expect(error.code).toBe('UNSUPPORTED');
		expect(await db.prisma.organization.count({ where })).toBe(0);
	});

	it('leaves an organization that does not exist to Postgres', async () => {
		const error = await errorOf(() => db.newDestination({ organizationId: unusedId() }));
		expect(error.code).toBe('P2003');
	});

	it.each([12, null, {}])('leaves the id %p to Prisma to refuse', async (id) => {
		const data = { ...(await newData()), settings: posthogSettings(), id };
		const error = await errorOf(() => run(db.prisma, 'destination', 'create', { data }));
		expect(error.name).toBe('PrismaClientValidationError');
	});

	it('refuses settings that its type does not have, and names no value', async () => {
		const secret = 'secret-in-the-wrong-place';
		const error = await errorOf(() => db.newDestination({ settings: { apiKey: secret } }));
		expect(error).toMatchObject({ code: 'VALIDATION', issues: [{ path: ['settings', 'apiKey'] }] });
		expect(error.message).not.toContain(secret);
	});

	it.each([
		['null', null],
		['a text', 'x'],
		['a list', []],
		['a number', 1],
	])('refuses %s as settings', async (_, settings) => {
		const data = { ...(await newData()), type: 'console', settings };
		const error = await errorOf(() => run(db.prisma, 'destination', 'create', { data }));
		expect(error).toMatchObject({ code: 'VALIDATION', issues: [{ path: ['settings'] }] });
	});

	it('refuses to store settings in clear', async () => {
		for (const settingsEncrypted of [false, { set: false }, null]) {
			const data = { ...(await newData()), settings: posthogSettings(), settingsEncrypted };
			const error = await errorOf(() => run(db.prisma, 'destination', 'create', { data }));
			expect(error.code).toBe('UNSUPPORTED');
		}
	});
});

describe('createMany', () => {
	it('seals each row to itself and counts them', async () => {
		const data = await newData();
		const [one, two] = [posthogSettings(), posthogSettings()];
		const result = await db.prisma.destination.createMany({
			data: [
				{ ...data, settings: one },
				{ ...data, settings: two, environment: 'staging' },
			],
		});
		expect(result).toEqual({ count: 2 });
		const rows = await db.prisma.destination.findMany({
			where: { organizationId: data.organizationId },
			orderBy: { environment: 'asc' },
		});
		expect(rows.map((row) => row.settings)).toEqual([one, two]);
	});

	it('takes one row that stands in no list, and none at all', async () => {
		const data = { ...(await newData()), settings: posthogSettings() };
		expect(await db.prisma.destination.createMany({ data })).toEqual({ count: 1 });
		expect(await db.prisma.destination.createMany({ data: [] })).toEqual({ count: 0 });
	});

	it('leaves out duplicates where it is told to', async () => {
		const data = { ...(await newData()), id: randomUUID(), settings: posthogSettings() };
		await db.prisma.destination.createMany({ data });
		const again = { data: { ...data, settings: posthogSettings() }, skipDuplicates: true };
		expect(await db.prisma.destination.createMany(again)).toEqual({ count: 0 });
		const kept = await db.prisma.destination.findUniqueOrThrow({ where: { id: data.id } });
		expect(kept.settings).toEqual(data.settings);
	});

	it('writes none where the settings of one are not valid', async () => {
		const data = await newData();
		const error = await errorOf(() =>
			db.prisma.destination.createMany({
				data: [
					{ ...data, settings: posthogSettings() },
					{ ...data, environment: 'staging', settings: { host: 'nope' } },
				],
			}),
		);
		expect(error.code).toBe('VALIDATION');
		const { organizationId } = data;
		expect(await db.prisma.destination.count({ where: { organizationId } })).toBe(0);
	});
});

describe('createManyAndReturn', () => {
	it('gives settings in clear, with what was selected and nothing else', async () => {
		const data = { ...(await newData()), settings: posthogSettings() };
		const rows = await db.prisma.destination.createManyAndReturn({
			data: [data],
			select: { settings: true, organization: { select: { id: true } } },
		});
		expect(rows).toEqual([{ settings: data.settings, organization: { id: data.organizationId } }]);
		expect(Object.keys(rows[0] ?? {})).toEqual(['settings', 'organization']);
	});

	it('includes relations', async () => {
		const user = await db.newUser();
		const data = { ...(await newData()), settings: posthogSettings(), createdBy: user };
		const [row] = await db.prisma.destination.createManyAndReturn({
			data: [data],
			include: { createdByUser: true },
		});
		expect(row).toMatchObject({ settings: data.settings, createdByUser: { id: user } });
	});
});

describe.each(['organization', 'user'] as const)('%s', (model) => {
	it('is created by every operation as without the extension', async () => {
		const { [model]: delegate } = loose(db.prisma);
		const ids = [randomUUID(), randomUUID()];
		const data = ids.map((id) => ({ id }));
		expect(await delegate.createMany?.({ data })).toEqual({ count: 2 });
		const [id] = [randomUUID()];
		expect(await delegate.create?.({ data: { id } })).toEqual({ id });
		expect(await delegate.create?.()).toEqual({ id: expect.any(String) });
		expect(await delegate.createManyAndReturn?.({ data: [{}] })).toEqual([
			{ id: expect.any(String) },
		]);
	});
});
