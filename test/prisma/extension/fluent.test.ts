import { ExtendedDatabase, posthogSettings, run, unusedId } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

type Fluent = PromiseLike<unknown> & Record<string, () => PromiseLike<unknown>>;

/** A live and a deleted destination of one organization and one user. */
async function newRows() {
	const createdBy = await db.newUser();
	const row = await db.newDestination({ createdBy });
	const { organizationId } = row;
	await db.newDeletedDestination({ organizationId, createdBy, environment: 'staging' });
	return { row, organizationId, createdBy };
}

it.each(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow'])(
	'%s().destinations() gives live rows with settings in clear',
	async (operation) => {
		const { row, organizationId, createdBy } = await newRows();
		const read = (model: 'organization' | 'user', id: string, relation: string) =>
			// A promise of Prisma, with a method for each relation.
			(run(db.prisma, model, operation, { where: { id } }) as Fluent)[relation]?.();
		expect(await read('organization', organizationId, 'destinations')).toEqual([row]);
		expect(await read('user', createdBy, 'createdDestinations')).toEqual([row]);
		expect(await read('user', createdBy, 'updatedDestinations')).toEqual([]);
	},
);

it('takes arguments of the relation', async () => {
	const { row, organizationId } = await newRows();
	const call = () => db.prisma.organization.findUnique({ where: { id: organizationId } });
	const { settings, environment, createdBy } = row;
	expect(await call().destinations({ select: { settings: true } })).toEqual([{ settings }]);
	expect(await call().destinations({ select: { environment: true } })).toEqual([{ environment }]);
	expect(await call().destinations({ include: { createdByUser: true } })).toEqual([
		{ ...row, createdByUser: { id: createdBy } },
	]);
	expect(await call().destinations({ where: { deletedAt: { not: null } } })).toEqual([]);
	expect(await call().destinations({ where: { environment: 'staging' } })).toEqual([]);
	await expect(call().destinations({ where: { settings: { equals: {} } } })).rejects.toMatchObject({
		code: 'UNSUPPORTED',
	});
});

it('goes on from a destination, and to destinations again', async () => {
	const { row, organizationId, createdBy } = await newRows();
	const call = () => db.prisma.destination.findUnique({ where: { id: row.id } });
	expect(await call().organization()).toEqual({ id: organizationId });
	expect(await call().createdByUser()).toEqual({ id: createdBy });
	expect(await call().updatedByUser()).toBeNull();
	expect(await call().organization().destinations()).toEqual([row]);
	expect(await call().createdByUser().createdDestinations()).toEqual([row]);
	expect(await call().updatedByUser().createdDestinations()).toBeFalsy();
	expect(await call().organization({ include: { destinations: true } })).toEqual({
		id: organizationId,
		destinations: [row],
	});
	expect(await call().organization({ select: { destinations: true } })).toEqual({
		destinations: [row],
	});
	const { settings } = row;
	expect(
		await call().organization({ select: { destinations: { select: { settings: true } } } }),
	).toEqual({ destinations: [{ settings }] });
	expect(
		await call()
			.organization()
			.destinations({ select: { settings: true } }),
	).toEqual([{ settings }]);
});

it('gives null for a row that is missing or deleted', async () => {
	const { organizationId } = await newRows();
	const gone = await db.prisma.destination.onlyDeleted().findFirstOrThrow({
		where: { organizationId },
	});
	for (const id of [gone.id, unusedId()]) {
		const where = { id };
		expect(await db.prisma.destination.findUnique({ where }).organization()).toBeNull();
		expect(await db.prisma.destination.findUnique({ where }).organization().destinations()).toBe(
			null,
		);
		expect(await db.prisma.organization.findUnique({ where }).destinations()).toBeNull();
	}
});

it('follows create, update, upsert, delete and restore', async () => {
	const organizationId = await db.newOrganization();
	const settings = posthogSettings();
	const data = { organizationId, type: 'posthog', name: 'EU project', settings };
	const { destination, organization } = db.prisma;
	const { id } = await destination.create({ data, select: { id: true } });
	const where = { id };
	const expected = [expect.objectContaining({ id, settings })];
	const renamed = destination.update({ where, data: { name: 'renamed' } });
	expect(await renamed.organization().destinations()).toEqual(expected);
	const upserted = destination.upsert({ where, create: data, update: { name: 'again' } });
	expect(await upserted.organization().destinations()).toEqual(expected);
	expect(await destination.delete({ where }).organization().destinations()).toEqual([]);
	expect(await destination.restore({ where }).organization().destinations()).toEqual(expected);
	const made = destination.create({ data: { ...data, environment: 'staging' } });
	expect(await made.organization().destinations({ where })).toEqual(expected);
	const { name, type } = data;
	const nested = organization.create({
		data: { destinations: { create: { name, type, settings } } },
	});
	expect(await nested.destinations()).toEqual([expect.objectContaining({ settings })]);
});

it('works inside both kinds of transactions', async () => {
	const { row, organizationId, createdBy } = await newRows();
	const organization = { where: { id: organizationId } };
	const user = { where: { id: createdBy } };
	const batch = await db.prisma.$transaction([
		db.prisma.organization.findUnique(organization).destinations(),
		db.prisma.user.findUnique(user).createdDestinations({ select: { settings: true } }),
		db.prisma.destination
			.findUnique({ where: { id: row.id } })
			.organization()
			.destinations(),
	]);
	expect(batch).toEqual([[row], [{ settings: row.settings }], [row]]);
	const interactive = await db.prisma.$transaction((tx) =>
		tx.destination
			.findUnique({ where: { id: row.id } })
			.organization()
			.destinations(),
	);
	expect(interactive).toEqual([row]);
});

it('gives each of many calls in one tick its own rows', async () => {
	const [one, two] = [await newRows(), await newRows()];
	const read = await Promise.all(
		[one, two, one].map(({ organizationId: id }) =>
			db.prisma.organization.findUnique({ where: { id } }).destinations(),
		),
	);
	expect(read).toEqual([[one.row], [two.row], [one.row]]);
});
