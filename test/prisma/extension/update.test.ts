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

describe('update', () => {
	it('seals new settings to the row that it finds by id', async () => {
		const { id, organizationId } = await db.newDestination();
		const settings = posthogSettings();
		const updated = await db.prisma.destination.update({ where: { id }, data: { settings } });
		expect(updated).toMatchObject({ id, organizationId, settings });
		expect(JSON.stringify(await db.stored(id))).not.toContain(settings.apiKey);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('leaves the envelope alone where no settings are given', async () => {
		const { id, settings } = await db.newDestination();
		const before = await db.stored(id);
		const args = { where: { id }, data: { name: 'renamed', settings: undefined } };
		const updated = await run(db.prisma, 'destination', 'update', args);
		expect(updated).toMatchObject({ name: 'renamed', settings });
		expect((await db.stored(id)).settings).toEqual(before.settings);
	});

	it('validates settings by the type of the row, not by that of the data', async () => {
		const { id, settings } = await db.newDestination({ type: 'console', settings: {} });
		const error = await errorOf(() =>
			db.prisma.destination.update({
				where: { id },
				data: { type: 'posthog', settings: posthogSettings() },
			}),
		);
		expect(error.code).toBe('VALIDATION');
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ type: 'console', settings });
	});

	it.each([
		['in capitals', (id: string) => id.toUpperCase()],
		['without hyphens', (id: string) => id.replaceAll('-', '')],
	])('finds the row by an id that is written %s', async (_, spell) => {
		const { id } = await db.newDestination();
		const settings = posthogSettings();
		await db.prisma.destination.update({ where: { id: spell(id) }, data: { settings } });
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('asks once for the row that it compares settings with, also where the filter names its type and organization', async () => {
		const { id, organizationId } = await db.newDestination();
		const where = { id, organizationId, type: 'posthog' };
		const settings = posthogSettings();
		const statements = await db.statementsOf(() =>
			db.prisma.destination.update({ where, data: { settings }, select: { id: true } }),
		);
		expect(statements.filter((sql) => sql.startsWith('SELECT'))).toHaveLength(1);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('does not seal to a type that the row does not have', async () => {
		const { id, organizationId, settings } = await db.newDestination();
		const error = await errorOf(() =>
			db.prisma.destination.update({
				where: { id, organizationId, type: 'console' },
				data: { settings: { logLevel: 'warn' } },
			}),
		);
		expect(error.code).toBe('P2025');
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it('fails with P2025 on a row that is missing or deleted', async () => {
		const { id: deleted } = await db.newDeletedDestination();
		for (const id of [unusedId(), deleted]) {
			for (const data of [{ settings: posthogSettings() }, { name: 'renamed' }]) {
				const error = await errorOf(() => db.prisma.destination.update({ where: { id }, data }));
				expect(error.code).toBe('P2025');
			}
		}
		expect(await db.stored(deleted)).toMatchObject({ name: 'EU project' });
	});

	it('does not touch a row of the id that another call made meanwhile', async () => {
		const id = unusedId();
		const organizationId = await db.newOrganization();
		const settings = posthogSettings();
		// A later extension runs nearer to the database. It stands for another process, whose write lands
		// after the look-up.
		const late = db.prisma.$extends({
			query: {
				destination: {
					async update({ args, query }) {
						await db.newDestination({ id, organizationId, settings });
						return query(args);
					},
				},
			},
		});
		const data = { name: 'renamed', settings: posthogSettings() };
		const error = await errorOf(() => late.destination.update({ where: { id }, data }));
		expect(error.code).toBe('P2025');
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ name: 'EU project', settings, version: 1 });
	});

	it('cannot bring a deleted row back', async () => {
		const { id } = await db.newDeletedDestination();
		const data = { deletedAt: null };
		for (const where of [{ id }, { id, deletedAt: { not: null } }]) {
			const error = await errorOf(() => db.prisma.destination.update({ where, data }));
			expect(error.code).toBe('P2025');
		}
		expect((await db.stored(id)).deleted_at).not.toBeNull();
	});

	it('keeps the other conditions of the filter', async () => {
		const { id } = await db.newDestination();
		const where = { id, version: 7, AND: { name: 'EU project' } };
		const data = { settings: posthogSettings() };
		expect((await errorOf(() => db.prisma.destination.update({ where, data }))).code).toBe('P2025');
		const updated = await db.prisma.destination.update({ where: { ...where, version: 1 }, data });
		expect(updated.settings).toEqual(data.settings);
	});

	it.each([
		['no filter', undefined],
		['null', null],
		['a text', 'x'],
		['a list', []],
		['an empty filter', {}],
		['a filter without the id', { name: 'EU project' }],
	])('neither writes nor quotes settings with %s', async (_, where) => {
		const { id, settings } = await db.newDestination();
		const data = { settings: posthogSettings() };
		const error = await errorOf(() => run(db.prisma, 'destination', 'update', { where, data }));
		expect(error.code).toBe('UNSUPPORTED');
		expect(`${error.message}${error.stack}`).not.toContain(data.settings.apiKey);
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});

	it.each([
		['null', null],
		['{ set }', { set: {} }],
		['a list', []],
	])('refuses %s as settings', async (_, settings) => {
		const { id } = await db.newDestination({ type: 'console', settings: { logLevel: 'warn' } });
		const args = { where: { id }, data: { settings } };
		const error = await errorOf(() => run(db.prisma, 'destination', 'update', args));
		expect(error.code).toBe('VALIDATION');
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toMatchObject({ logLevel: 'warn' });
	});

	it('refuses to mark settings as not encrypted', async () => {
		const { id } = await db.newDestination();
		for (const settingsEncrypted of [false, { set: false }]) {
			for (const [operation, where] of [
				['update', { id }],
				['updateMany', { id }],
				['updateManyAndReturn', { id }],
			] as const) {
				const args = { where, data: { settingsEncrypted } };
				const error = await errorOf(() => run(db.prisma, 'destination', operation, args));
				expect(error.code).toBe('UNSUPPORTED');
			}
		}
		expect((await db.stored(id)).settings_encrypted).toBe(true);
	});

	it('leaves what never changes to the database to refuse', async () => {
		const { id } = await db.newDestination();
		const organizationId = await db.newOrganization();
		for (const data of [
			{ organizationId },
			{ organization: { connect: { id: organizationId } } },
			{ type: 'console' },
			{ id: unusedId() },
		]) {
			const error = await errorOf(() => db.prisma.destination.update({ where: { id }, data }));
			expect(error.message).toContain('of a destination cannot be changed');
		}
	});
});

describe('updateMany', () => {
	it('changes live rows and counts them', async () => {
		const { id, organizationId, settings } = await db.newDestination();
		await db.newDeletedDestination({ organizationId, environment: 'staging' });
		const where = { organizationId };
		const result = await db.prisma.destination.updateMany({ where, data: { name: 'renamed' } });
		expect(result).toEqual({ count: 1 });
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ name: 'renamed', settings });
	});

	it('honours the limit', async () => {
		const { organizationId } = await db.newDestination();
		await db.newDestination({ organizationId, environment: 'staging' });
		const args = { where: { organizationId }, data: { name: 'renamed' }, limit: 1 };
		expect(await db.prisma.destination.updateMany(args)).toEqual({ count: 1 });
	});

	it.each(['x', null, [], 1])('changes nothing by the filter %p', async (where) => {
		const { id } = await db.newDestination();
		const args = { where, data: { name: 'renamed' } };
		const error = await errorOf(() => run(db.prisma, 'destination', 'updateMany', args));
		expect(error.name).toBe('PrismaClientValidationError');
		expect((await db.stored(id)).name).toBe('EU project');
	});

	it.each(['updateMany', 'updateManyAndReturn'])('%s refuses settings', async (operation) => {
		const { id, settings } = await db.newDestination();
		const args = { where: { id }, data: { settings: posthogSettings() } };
		const error = await errorOf(() => run(db.prisma, 'destination', operation, args));
		expect(error.code).toBe('UNSUPPORTED');
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read.settings).toEqual(settings);
	});
});

describe('updateManyAndReturn', () => {
	it('gives the live rows with settings in clear', async () => {
		const { organizationId, settings } = await db.newDestination();
		await db.newDeletedDestination({ organizationId, environment: 'staging' });
		const rows = await db.prisma.destination.updateManyAndReturn({
			where: { organizationId },
			data: { name: 'renamed' },
			select: { name: true, settings: true, organization: true },
		});
		expect(rows).toEqual([{ name: 'renamed', settings, organization: { id: organizationId } }]);
	});
});

describe.each(['organization', 'user'] as const)('%s', (model) => {
	it('is updated by every operation as without the extension', async () => {
		const [id, next] = [unusedId(), unusedId()];
		await run(db.prisma, model, 'create', { data: { id } });
		const updated = await run(db.prisma, model, 'update', { where: { id }, data: { id: next } });
		expect(updated).toEqual({ id: next });
		const args = { where: { id: next }, data: { id } };
		expect(await run(db.prisma, model, 'updateMany', args)).toEqual({ count: 1 });
		const back = { where: { id }, data: { id: next } };
		expect(await run(db.prisma, model, 'updateManyAndReturn', back)).toEqual([{ id: next }]);
	});
});
