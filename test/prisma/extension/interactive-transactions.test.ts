import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

class Rollback extends Error {}

/** Runs work in a transaction that is rolled back. */
async function rolledBack(
	work: (tx: Parameters<Parameters<typeof db.prisma.$transaction>[0]>[0]) => Promise<unknown>,
): Promise<void> {
	const error = await errorOf(() =>
		db.prisma.$transaction(async (tx) => {
			await work(tx);
			throw new Rollback();
		}),
	);
	expect(error).toBeInstanceOf(Rollback);
}

function newData(organizationId: string, id: string = randomUUID()) {
	return { id, organizationId, type: 'posthog', name: 'EU', settings: posthogSettings() };
}

describe('a row that the same transaction created', () => {
	it('is read, updated, upserted, deleted, restored and purged', async () => {
		const data = newData(await db.newOrganization());
		const where = { id: data.id };
		const [one, two] = [posthogSettings(), posthogSettings()];
		await db.prisma.$transaction(async ({ destination, organization }) => {
			await destination.create({ data });
			const updated = await destination.update({ where, data: { settings: one } });
			expect(updated.settings).toEqual(one);
			await destination.upsert({ where, create: data, update: { settings: two } });
			const read = await organization.findUnique({
				where: { id: data.organizationId },
				include: { destinations: true },
			});
			expect(read?.destinations).toEqual([expect.objectContaining({ settings: two })]);
			await destination.delete({ where });
			expect(await destination.findUnique({ where })).toBeNull();
			expect(await destination.onlyDeleted().count({ where })).toBe(1);
			const restored = await destination.restore({ where });
			expect(restored.settings).toEqual(two);
			expect(await destination.deleteMany({ where })).toEqual({ count: 1 });
			expect(await destination.purge({ where })).toBe(1);
		});
		expect(await db.prisma.destination.withDeleted().count({ where })).toBe(0);
	});

	it('is updated in a nested write', async () => {
		const data = newData(await db.newOrganization());
		const settings = posthogSettings();
		await db.prisma.$transaction(async (tx) => {
			await tx.destination.create({ data });
			await tx.organization.update({
				where: { id: data.organizationId },
				data: { destinations: { update: { where: { id: data.id }, data: { settings } } } },
			});
		});
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id: data.id } });
		expect(read.settings).toEqual(settings);
	});
});

describe('a rollback', () => {
	it('undoes every write', async () => {
		const { id, organizationId, settings } = await db.newDestination();
		const gone = await db.newDeletedDestination({ organizationId, environment: 'staging' });
		const purged = await db.newDeletedDestination({ organizationId, environment: 'development' });
		const state = () =>
			db.sql('SELECT * FROM destinations WHERE organization_id = $1 ORDER BY id', [organizationId]);
		const before = await state();
		await rolledBack(async ({ destination, organization }) => {
			await destination.update({ where: { id }, data: { settings: posthogSettings() } });
			await destination.delete({ where: { id } });
			await destination.restore({ where: { id: gone.id } });
			await destination.purge({ where: { id: purged.id } });
			await destination.create({ data: newData(organizationId) });
			await destination.deleteMany({ where: { organizationId } });
			await organization.update({
				where: { id: organizationId },
				data: { destinations: { create: { type: 'console', name: 'new', settings: {} } } },
			});
			expect(await destination.count({ where: { organizationId } })).toBe(1);
		});
		expect(await state()).toEqual(before);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('comes from settings that are not valid', async () => {
		const { id, organizationId } = await db.newDestination();
		const error = await errorOf(() =>
			db.prisma.$transaction(async (tx) => {
				await tx.destination.delete({ where: { id } });
				await tx.destination.create({ data: { ...newData(organizationId), settings: {} } });
			}),
		);
		expect(error.code).toBe('VALIDATION');
		expect((await db.stored(id)).deleted_at).toBeNull();
	});

	it('comes from a row that does not open', async () => {
		const { id } = await db.newDestination();
		const other = await db.newDestination();
		await db.tamper(id, `settings = jsonb_set(settings, '{kc}', '"${'A'.repeat(43)}"')`);
		const error = await errorOf(() =>
			db.prisma.$transaction(async (tx) => {
				await tx.destination.delete({ where: { id: other.id } });
				await tx.destination.findFirst({ where: { id } });
			}),
		);
		expect(error.code).toBe('DECRYPTION_FAILED');
		expect((await db.stored(other.id)).deleted_at).toBeNull();
	});
});

describe('a nested transaction', () => {
	it('works as the one around it, and is rolled back alone', async () => {
		const { id, organizationId } = await db.newDestination();
		const [inner, second] = [newData(organizationId), newData(organizationId)];
		const settings = posthogSettings();
		await db.prisma.$transaction(async (tx) => {
			await tx.destination.delete({ where: { id } });
			const error = await errorOf(() =>
				tx.$transaction(async (nested) => {
					await nested.destination.create({ data: inner });
					await nested.destination.update({ where: { id: inner.id }, data: { settings } });
					await nested.destination.delete({ where: { id: inner.id } });
					throw new Rollback();
				}),
			);
			expect(error).toBeInstanceOf(Rollback);
			expect(await tx.destination.withDeleted().count({ where: { id: inner.id } })).toBe(0);
			await tx.destination.create({ data: second });
			// The transaction around is the current one again.
			await tx.destination.update({ where: { id: second.id }, data: { settings } });
		});
		expect((await db.stored(id)).deleted_at).not.toBeNull();
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id: second.id } });
		expect(read.settings).toEqual(settings);
	});
});

describe('the rows that an update of settings looks up', () => {
	it('are those of its own client, inside a transaction of another database', async () => {
		const other = await ExtendedDatabase.open();
		try {
			const data = newData(await db.newOrganization());
			const { id } = await other.newDestination();
			const [one, two] = [posthogSettings(), posthogSettings()];
			await db.prisma.$transaction(async (tx) => {
				await tx.destination.create({ data });
				await other.prisma.destination.update({ where: { id }, data: { settings: one } });
				await other.prisma.$transaction(async (inner) => {
					await inner.destination.update({ where: { id }, data: { name: 'renamed' } });
					// The inner transaction is none of this client's, the outer one is.
					await tx.destination.update({ where: { id: data.id }, data: { settings: two } });
				});
			});
			const read = await other.prisma.destination.findUniqueOrThrow({ where: { id } });
			expect(read).toMatchObject({ name: 'renamed', settings: one });
			const own = await db.prisma.destination.findUniqueOrThrow({ where: { id: data.id } });
			expect(own.settings).toEqual(two);
		} finally {
			await other.close();
		}
	});

	it('are found after the transaction from which the work was started', async () => {
		const { id } = await db.newDestination();
		const settings = posthogSettings();
		let end = () => {};
		const ended = new Promise<void>((resolve) => {
			end = resolve;
		});
		let later: Promise<unknown> = Promise.resolve();
		await db.prisma.$transaction(async () => {
			later = ended.then(() => db.prisma.destination.update({ where: { id }, data: { settings } }));
		});
		end();
		await later;
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('are those of the transaction of each of many at once', async () => {
		const rows = await Promise.all(
			[1, 2, 3, 4].map(async () => newData(await db.newOrganization())),
		);
		await Promise.all(
			rows.map((data) =>
				db.prisma.$transaction(async (tx) => {
					await tx.destination.create({ data });
					const settings = posthogSettings(`phc_${data.id}`);
					await tx.destination.update({ where: { id: data.id }, data: { settings } });
				}),
			),
		);
		for (const { id } of rows) {
			const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
			expect(read.settings).toMatchObject({ apiKey: `phc_${id}` });
		}
	});
});
