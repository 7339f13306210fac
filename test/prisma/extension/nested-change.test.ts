import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** A nested write of an organization. */
async function nested(organizationId: string, destinations: unknown): Promise<unknown> {
	const args = { where: { id: organizationId }, data: { destinations } };
	return run(db.prisma, 'organization', 'update', args);
}

function settingsOf(id: string) {
	return db.prisma.destination
		.withDeleted()
		.findUniqueOrThrow({ where: { id }, select: { settings: true, name: true } });
}

describe('update', () => {
	it('seals new settings to the row, one or many', async () => {
		const { id, organizationId } = await db.newDestination();
		const other = await db.newDestination({ organizationId, type: 'console', settings: {} });
		const settings = posthogSettings();
		await nested(organizationId, {
			update: [
				{ where: { id }, data: { settings } },
				{ where: { id: other.id, type: 'console' }, data: { settings: { logLevel: 'warn' } } },
			],
		});
		expect(await settingsOf(id)).toMatchObject({ settings });
		expect(await settingsOf(other.id)).toMatchObject({ settings: { logLevel: 'warn' } });
		await nested(organizationId, { update: { where: { id }, data: { name: 'renamed' } } });
		expect(await settingsOf(id)).toEqual({ settings, name: 'renamed' });
	});

	it('works from a user and from another destination', async () => {
		const updatedBy = await db.newUser();
		const { id } = await db.newDestination({ updatedBy });
		const update = (settings: object) => ({ update: { where: { id }, data: { settings } } });
		const [one, two, three] = [posthogSettings(), posthogSettings(), posthogSettings()];
		await db.prisma.user.update({
			where: { id: updatedBy },
			data: { updatedDestinations: update(one) },
		});
		expect(await settingsOf(id)).toMatchObject({ settings: one });
		const other = await db.newDestination({ createdBy: updatedBy });
		for (const [createdByUser, settings] of [
			[{ update: { updatedDestinations: update(two) } }, two],
			[{ update: { where: {}, data: { updatedDestinations: update(three) } } }, three],
			[{ upsert: { create: {}, update: { updatedDestinations: update(one) } } }, one],
		] as const) {
			const args = { where: { id: other.id }, data: { createdByUser } };
			await db.tamper(id, 'updated_by = $1', [updatedBy]);
			await run(db.prisma, 'destination', 'update', args);
			expect(await settingsOf(id)).toMatchObject({ settings });
		}
	});

	it('finds no deleted row, no missing one and none of another organization', async () => {
		const gone = await db.newDeletedDestination();
		const foreign = await db.newDestination();
		const { organizationId } = gone;
		for (const id of [gone.id, foreign.id, randomUUID()]) {
			for (const data of [{ settings: posthogSettings() }, { name: 'renamed' }]) {
				const error = await errorOf(() =>
					nested(organizationId, { update: { where: { id }, data } }),
				);
				expect(error.code).toBe('P2025');
			}
		}
		expect(await settingsOf(foreign.id)).toEqual({
			settings: foreign.settings,
			name: foreign.name,
		});
		expect(await settingsOf(gone.id)).toEqual({ settings: gone.settings, name: gone.name });
	});

	it('refuses settings that the type of the row does not have', async () => {
		const { id, organizationId } = await db.newDestination({ type: 'console', settings: {} });
		const update = { where: { id }, data: { settings: posthogSettings() } };
		expect((await errorOf(() => nested(organizationId, { update }))).code).toBe('VALIDATION');
	});

	it.each([undefined, null, 'x', {}])('refuses settings with the filter %j', async (where) => {
		const { organizationId } = await db.newDestination();
		const update = { where, data: { settings: posthogSettings() } };
		const error = await errorOf(() => nested(organizationId, { update }));
		expect(error.code).toBe('UNSUPPORTED');
		expect(error.message).not.toContain('phc_');
	});
});

describe('updateMany', () => {
	it('changes live rows', async () => {
		const { id, organizationId } = await db.newDestination();
		const gone = await db.newDeletedDestination({ organizationId, environment: 'staging' });
		await nested(organizationId, { updateMany: { where: {}, data: { name: 'renamed' } } });
		expect(await settingsOf(id)).toMatchObject({ name: 'renamed' });
		expect(await settingsOf(gone.id)).toMatchObject({ name: 'EU project' });
	});

	it('refuses settings, and a write without a filter', async () => {
		const { id, organizationId } = await db.newDestination();
		const settings = { where: { id }, data: { settings: posthogSettings() } };
		const error = await errorOf(() => nested(organizationId, { updateMany: settings }));
		expect(error.code).toBe('UNSUPPORTED');
		const everything = { updateMany: { data: { name: 'renamed' } } };
		const refused = await errorOf(() => nested(organizationId, everything));
		expect(refused.name).toBe('PrismaClientValidationError');
		expect(await settingsOf(id)).toMatchObject({ name: 'EU project' });
	});
});

describe('upsert', () => {
	it('creates and updates, each sealed to its row', async () => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const [one, two] = [posthogSettings(), posthogSettings()];
		const create = { id, type: 'posthog', name: 'created', settings: one };
		const upsert = { where: { id }, create, update: { settings: two } };
		await nested(organizationId, { upsert });
		expect(await settingsOf(id)).toEqual({ settings: one, name: 'created' });
		await nested(organizationId, { upsert: [upsert] });
		expect(await settingsOf(id)).toEqual({ settings: two, name: 'created' });
	});

	it('reaches neither a deleted row nor one of another organization', async () => {
		const gone = await db.newDeletedDestination();
		const foreign = await db.newDestination();
		for (const { id, settings } of [gone, foreign]) {
			const create = { id, type: 'posthog', name: 'created', settings: posthogSettings() };
			const upsert = { where: { id }, create, update: { settings: posthogSettings() } };
			const error = await errorOf(() => nested(gone.organizationId, { upsert }));
			expect(error.code).toBe('P2002');
			expect(await settingsOf(id)).toEqual({ settings, name: 'EU project' });
		}
	});
});

describe('delete and deleteMany', () => {
	it('soft-delete, by an id, ids and filters', async () => {
		const ids: string[] = [];
		const organizationId = await db.newOrganization();
		for (const environment of ['production', 'staging', 'development']) {
			ids.push((await db.newDestination({ organizationId, environment })).id);
		}
		const [one = '', two = '', three = ''] = ids;
		const deleted = async () => {
			const rows = [];
			for (const id of ids) rows.push(await db.stored(id));
			return rows.map((row) => row.deleted_at !== null);
		};
		await nested(organizationId, { delete: { id: one } });
		expect(await deleted()).toEqual([true, false, false]);
		await nested(organizationId, { delete: [{ id: two }], update: [] });
		expect(await deleted()).toEqual([true, true, false]);
		await nested(organizationId, { deleteMany: [{ id: one }, { environment: 'development' }] });
		expect(await deleted()).toEqual([true, true, true]);
		const error = await errorOf(() => nested(organizationId, { delete: { id: three } }));
		expect(error.code).toBe('P2025');
	});

	it('soft-delete from a user', async () => {
		const createdBy = await db.newUser();
		const { id, settings } = await db.newDestination({ createdBy });
		const args = { where: { id: createdBy }, data: { createdDestinations: { deleteMany: {} } } };
		await db.prisma.user.update(args);
		expect((await db.stored(id)).deleted_at).not.toBeNull();
		expect(await settingsOf(id)).toMatchObject({ settings });
	});

	// Prisma runs nested writes in the order in which they are written.
	it('replace what was there, before a create', async () => {
		const { organizationId } = await db.newDestination();
		const create = { type: 'posthog', name: 'new', settings: posthogSettings() };
		await nested(organizationId, { deleteMany: {}, create });
		const rows = await db.prisma.destination.findMany({ where: { organizationId } });
		expect(rows).toEqual([expect.objectContaining(create)]);
	});

	it('delete what a create before them has made', async () => {
		const organizationId = await db.newOrganization();
		const create = { type: 'posthog', name: 'new', settings: posthogSettings() };
		await nested(organizationId, { create, deleteMany: {} });
		expect(await db.prisma.destination.count({ where: { organizationId } })).toBe(0);
	});

	it('stand beside updates, which are sent with them', async () => {
		const { id, organizationId } = await db.newDestination();
		const other = await db.newDestination({ organizationId, environment: 'staging' });
		await nested(organizationId, {
			update: { where: { id }, data: { name: 'renamed' } },
			delete: { id },
			updateMany: [{ where: { environment: 'staging' }, data: { name: 'renamed' } }],
			deleteMany: { name: 'renamed' },
		});
		for (const row of [await db.stored(id), await db.stored(other.id)]) {
			expect(row).toMatchObject({ name: 'renamed', deleted_at: expect.any(Date) });
		}
	});

	it('refuse another write between them and the updates, which would change the order', async () => {
		const { id, organizationId } = await db.newDestination();
		const create = { type: 'console', name: 'new', settings: {} };
		const update = { where: { id }, data: { name: 'renamed' } };
		const error = await errorOf(() => nested(organizationId, { update, create, delete: { id } }));
		expect(error.code).toBe('UNSUPPORTED');
		expect(await db.stored(id)).toMatchObject({ name: 'EU project', deleted_at: null });
	});

	it.each([
		{ delete: true },
		{ delete: null },
		{ delete: 'x' },
		{ delete: ['x'] },
		{ deleteMany: true },
		{ deleteMany: null },
		{ deleteMany: ['x'] },
	])('refuse %j', async (destinations) => {
		const { id, organizationId } = await db.newDestination();
		const error = await errorOf(() => nested(organizationId, destinations));
		expect(error.code).toBe('UNSUPPORTED');
		expect((await db.stored(id)).deleted_at).toBeNull();
	});
});
