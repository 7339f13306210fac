import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { metaPixel, posthog, posthogKey } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

async function tenant() {
	const organizationId = await service.createOrganization();
	return { organizationId, ...service.db.forOrganization(organizationId) };
}

/** Bytes that are in use, garbage left out. */
function heapUsed(): number {
	setFlagsFromString('--expose-gc');
	runInNewContext('gc')();
	return process.memoryUsage().heapUsed;
}

async function collect(lines: AsyncIterable<string>) {
	const entries: Record<string, unknown>[] = [];
	for await (const line of lines) {
		expect(line.endsWith('\n')).toBe(true);
		entries.push(JSON.parse(line));
	}
	return entries;
}

describe('every operation of Prisma', () => {
	test('gives its entries and no others', async () => {
		const { prisma, audit, organizationId } = await tenant();
		const type = 'posthog';
		const settings = { apiKey: posthogKey };
		const data = { organizationId, type, name: 'a', settings };
		const { destination } = prisma;
		const { id } = await destination.create({ data });
		const both = [
			{ ...data, environment: 'staging' },
			{ ...data, environment: 'development' },
		];
		await destination.createMany({ data: both.slice(0, 1) });
		await destination.createManyAndReturn({ data: both.slice(1) });
		await destination.update({ where: { id }, data: { name: 'b' } });
		await destination.update({ where: { id }, data: { name: 'b' } });
		await destination.updateMany({ where: { organizationId }, data: { testMode: true } });
		await destination.updateManyAndReturn({ where: { id }, data: { enabled: false } });
		await destination.upsert({ where: { id }, create: data, update: { name: 'c' } });
		await prisma.organization
			.update({
				where: { id: organizationId },
				data: { destinations: { update: { where: { id }, data: { name: 'd' } } } },
			})
			.catch(() => undefined); // refused where tenants may not write organizations
		await destination.delete({ where: { id } });
		await destination.restore({ where: { id } });
		await destination.deleteMany({ where: { environment: 'staging' } });
		await destination.findMany({ where: { organizationId } });
		await prisma.$executeRaw`UPDATE public.destinations SET name = 'raw' WHERE id = ${id}::uuid`;
		await expect(
			prisma.$transaction(async (transaction) => {
				await transaction.destination.update({ where: { id }, data: { name: 'lost' } });
				throw new Error('rolled back');
			}),
		).rejects.toThrow('rolled back');
		await expect(destination.create({ data })).rejects.toThrow();
		const { items } = await audit.list({ limit: 500 });
		expect(items.map(({ action, changes }) => `${action} ${Object.keys(changes).join()}`)).toEqual(
			[
				'created name,type,enabled,testMode,environment,requiredConsent,connectionStatus,settingsEncrypted',
				'created name,type,enabled,testMode,environment,requiredConsent,connectionStatus,settingsEncrypted',
				'created name,type,enabled,testMode,environment,requiredConsent,connectionStatus,settingsEncrypted',
				'updated name',
				'updated testMode',
				'updated testMode',
				'updated testMode',
				'disabled enabled',
				'updated name',
				...(items.some(({ changes }) => changes.name?.new === 'd') ? ['updated name'] : []),
				'soft_deleted deletedAt',
				'restored deletedAt',
				'soft_deleted deletedAt',
				'updated name',
			].reverse(),
		);
		expect(JSON.stringify(await collect(audit.export()))).not.toContain(posthogKey);
	});
});

describe('list', () => {
	test('comes in pages, the newest first, filtered by destination', async () => {
		const { destinations, audit, organizationId } = await tenant();
		const first = await destinations.create(posthog(organizationId));
		const second = await destinations.create(metaPixel(organizationId));
		for (const name of ['a', 'b', 'c']) {
			await destinations.update(first.id, { name });
			await destinations.update(second.id, { name });
		}
		const one = await audit.list({ destinationId: first.id, limit: 3 });
		await destinations.update(first.id, { name: 'meanwhile' });
		const two = await audit.list({
			destinationId: first.id,
			limit: 3,
			cursor: one.nextCursor ?? undefined,
		});
		const names = [...one.items, ...two.items].map(({ changes }) => changes.name?.new);
		expect(names).toEqual(['c', 'b', 'a', 'EU project']);
		expect(two.nextCursor).toBeNull();
		expect((await audit.list()).items).toHaveLength(9);
	});

	test('tells which settings the repository changed', async () => {
		const { destinations, audit, organizationId } = await tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { enableServerSide: false });
		await destinations.update(id, { settings: { apiKey: posthogKey } });
		await destinations.update(id, { name: 'x' });
		const told = (await audit.list()).items.map(({ settings }) => settings);
		expect(told).toEqual([
			{ changed: false, fields: [] },
			{ changed: true, fields: ['enableServerSide'] },
			{ changed: true, fields: ['enableServerSide'] },
			{ changed: true, fields: [] },
		]);
	});

	test('is an organization’s own, also where it asks for another’s', async () => {
		const one = await tenant();
		const other = await tenant();
		const { id } = await other.destinations.create(posthog(other.organizationId));
		expect((await one.audit.list({ organizationId: other.organizationId })).items).toEqual([]);
		expect((await one.audit.list({ destinationId: id })).items).toEqual([]);
		expect(await collect(one.audit.export({ destinationId: id }))).toEqual([]);
		const system = service.db.asService().audit;
		expect((await system.list({ organizationId: other.organizationId })).items).toHaveLength(1);
	});
});

describe('export', () => {
	test('gives each entry as a line of JSON, the oldest first, from a place on', async () => {
		const { destinations, audit, organizationId } = await tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'b' });
		await destinations.softDelete(id);
		const lines = await collect(Readable.from(audit.export()));
		expect(lines.map(({ action }) => action)).toEqual(['created', 'updated', 'soft_deleted']);
		expect(lines[0]).toMatchObject({ destinationId: id, organizationId, version: 1 });
		const rest = await collect(audit.export({ after: String(lines[1]?.id) }));
		expect(rest).toEqual(lines.slice(2));
		await expect(collect(audit.export({ after: 'x' }))).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});

	test('goes on over many pages, ends with what was there when it began, and holds little', async () => {
		const { destinations, audit, organizationId } = await tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await service.admin.query(`
			ALTER TABLE destination_audit_log DISABLE TRIGGER trigger_refuse_destination_audit_log_insert;
			INSERT INTO destination_audit_log
				(organization_id, destination_id, version, action, changes, role, login, transaction_id)
			SELECT '${organizationId}', '${id}', 1, 'tested', jsonb_build_object('x', jsonb_build_object('new', repeat('x', 20000))), 'x', 'x', 1
			  FROM generate_series(1, 10000);
			ALTER TABLE destination_audit_log ENABLE TRIGGER trigger_refuse_destination_audit_log_insert`);
		let lines = 0;
		let most = 0;
		const before = heapUsed();
		for await (const _ of audit.export()) {
			lines += 1;
			if (lines % 2500 === 0) {
				await destinations.update(id, { name: `meanwhile ${lines}` });
				most = Math.max(most, heapUsed());
			}
		}
		expect(lines).toBe(10_001);
		// Of 200 MB.
		expect(most - before).toBeLessThan(100e6);
	});
});

describe('the models of Prisma', () => {
	test('are read in scope, and refuse writes', async () => {
		const { destinations, prisma, organizationId } = await tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { enableClientSide: false });
		expect(await prisma.destinationAuditEntry.count()).toBe(2);
		const [earlier] = await prisma.destinationSettingsVersion.findMany();
		expect(earlier).toMatchObject({ destinationId: id, version: 1, settingsEncrypted: true });
		expect(JSON.stringify(earlier)).not.toContain(posthogKey);
		const other = await tenant();
		expect(await other.prisma.destinationAuditEntry.findMany()).toEqual([]);
		expect(await other.prisma.destinationSettingsVersion.findMany()).toEqual([]);
		await expect(prisma.destinationAuditEntry.deleteMany()).rejects.toMatchObject({
			code: 'UNSUPPORTED',
		});
		await expect(
			prisma.destinationSettingsVersion.updateMany({ data: { settings: {} } }),
		).rejects.toMatchObject({ code: 'UNSUPPORTED' });
	});
});
