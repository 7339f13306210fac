import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { AuditFilter } from '../../../src/index.ts';
import { metaPixel, posthog, posthogKey } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

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
		const { prisma, audit, organizationId } = await service.tenant();
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
				'created name,type,enabled,testMode,environment,requiredConsent,settingsEncrypted',
				'created name,type,enabled,testMode,environment,requiredConsent,settingsEncrypted',
				'created name,type,enabled,testMode,environment,requiredConsent,settingsEncrypted',
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
		const { destinations, audit, organizationId } = await service.tenant();
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
		const { destinations, audit, organizationId } = await service.tenant();
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
		const one = await service.tenant();
		const other = await service.tenant();
		const { id } = await other.destinations.create(posthog(other.organizationId));
		expect((await one.audit.list({ organizationId: other.organizationId })).items).toEqual([]);
		expect((await one.audit.list({ destinationId: id })).items).toEqual([]);
		expect(await collect(one.audit.export({ destinationId: id }))).toEqual([]);
		const system = service.db.asService().audit;
		expect((await system.list({ organizationId: other.organizationId })).items).toHaveLength(1);
	});
});

describe('filters', () => {
	const actors = ['0193a1b2-0000-7000-8000-0000000000a1', '0193a1b2-0000-7000-8000-0000000000a2'];
	const actions = ['created', 'updated', 'enabled'] as const;
	const days = ['2026-01-01', '2026-01-02', '2026-01-03'];
	interface Row {
		readonly id: string;
		readonly destination_id: string;
		readonly actor_id: string | null;
		readonly action: string;
		readonly day: string;
	}
	let organizationId: string;
	let rows: Row[];

	beforeAll(async () => {
		organizationId = await service.createOrganization();
		const { admin } = service;
		await admin.query('SET session_replication_role = replica');
		await admin.query(
			`INSERT INTO destination_audit_log
				(organization_id, destination_id, version, action, actor_id, role, login, recorded_at, transaction_id)
			 SELECT $1, md5((n % 3)::text)::uuid, 1, ($2::text[])[1 + n * 7 % 3], ($3::uuid[])[1 + n * 5 % 4],
			        'x', 'x', ($4::timestamptz[])[1 + n * 11 % 3], 1 FROM generate_series(1, 48) AS n`,
			[organizationId, [...actions], actors, days],
		);
		await admin.query('RESET session_replication_role');
		const found = await admin.query<Row>(
			`SELECT id, destination_id, actor_id, action, recorded_at::date::text AS day FROM destination_audit_log
			  WHERE organization_id = $1 ORDER BY id DESC`,
			[organizationId],
		);
		rows = found.rows;
	});

	const filters = fc
		.tuple(
			fc.record({
				destinationId: fc.constantFrom(0, 1, 2),
				actorId: fc.constantFrom(...actors),
				action: fc.constantFrom(...actions),
				from: fc.constantFrom(...days),
				to: fc.constantFrom(...days),
			}),
			fc.subarray(['destinationId', 'actorId', 'action', 'from', 'to'], { maxLength: 3 }),
		)
		.map(([all, names]): Partial<typeof all> => {
			return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
		});

	test('have what meets all conditions, in order, by pages and by export', async () => {
		const destinationIds = [...new Set(rows.map((row) => row.destination_id))].sort();
		const scopes = [service.db.forOrganization(organizationId), service.db.asService()];
		await fc.assert(
			fc.asyncProperty(
				filters,
				fc.integer({ min: 1, max: 20 }),
				fc.boolean(),
				async ({ destinationId: place, from, to, ...others }, limit, byService) => {
					const destinationId = place === undefined ? undefined : destinationIds[place];
					const audit = (scopes[byService ? 1 : 0] ?? service.db.asService()).audit;
					const { actorId, action } = others;
					const expected = rows.filter(
						(row) =>
							(destinationId ?? row.destination_id) === row.destination_id &&
							(actorId ?? row.actor_id) === row.actor_id &&
							(action ?? row.action) === row.action &&
							(from ?? row.day) <= row.day &&
							(to === undefined || row.day < to),
					);
					if (from !== undefined || to !== undefined) {
						expected.sort((a, b) => (a.day === b.day ? 0 : a.day < b.day ? 1 : -1));
					}
					const filter = {
						...{ organizationId, destinationId, actorId, action },
						...{ from: from && new Date(from), to: to && new Date(to) },
					} as AuditFilter; // texts that are not empty
					const found: string[] = [];
					let cursor: string | null | undefined;
					while (cursor !== null) {
						const page = await audit.list({ ...filter, limit, cursor });
						found.push(...page.items.map(({ id }) => id));
						expect(page.items.length).toBeLessThanOrEqual(limit);
						expect(new Set(found).size).toBe(found.length);
						cursor = page.nextCursor;
					}
					expect(found).toEqual(expected.map(({ id }) => id));
					const lines = await collect(audit.export(filter));
					expect(lines.map(({ id }) => id).reverse()).toEqual(found);
				},
			),
			{ numRuns: 80 },
		);
	});

	test('by a time are of one organization', async () => {
		const { audit } = service.db.asService();
		const refused = { code: 'VALIDATION', issues: [{ path: ['to'] }] };
		await expect(audit.list({ to: new Date() })).rejects.toMatchObject(refused);
		await expect(collect(audit.export({ to: new Date() }))).rejects.toMatchObject(refused);
		const cursor = (await audit.list({ limit: 1 })).nextCursor ?? '';
		await expect(audit.list({ organizationId, to: new Date(), cursor })).rejects.toMatchObject({
			issues: [{ path: ['cursor'] }],
		});
		await expect(audit.list({ cursor: 'x' })).rejects.toMatchObject({ code: 'VALIDATION' });
	});

	test('go on behind ten thousand entries that are none of those', async () => {
		const { destinations, audit, organizationId } = await service.tenant();
		const { id } = await destinations.create(posthog(organizationId));
		/** Writes so many entries past the triggers, of which the first is rare. */
		const write = async (count: number) => {
			await service.admin.query('SET session_replication_role = replica');
			await service.admin.query(
				`INSERT INTO destination_audit_log (organization_id, destination_id, version, action, role, login, transaction_id)
				 SELECT $1, $2, 1, CASE n WHEN 1 THEN 'restored' ELSE 'updated' END, 'x', 'x', 1 FROM generate_series(1, $3::int) AS n`,
				[organizationId, id, count],
			);
			await service.admin.query('RESET session_replication_role');
		};
		await write(20_100);
		const counts: number[] = [];
		let cursor: string | null | undefined;
		while (cursor !== null) {
			const page = await audit.list({ action: 'created', cursor });
			counts.push(page.items.length);
			cursor = page.nextCursor;
		}
		expect(counts).toEqual([0, 0, 1]);
		expect(await collect(audit.export({ action: 'restored' }))).toHaveLength(1);
		const all = await collect(audit.export({ action: 'updated' }));
		expect(all).toHaveLength(20_099);
		// One that is the last of those that were looked at.
		await write(10_000);
		const first = await audit.list({ action: 'restored' });
		expect([first.items.length, first.nextCursor]).toEqual([1, first.items[0]?.id]);
	});
});

describe('export', () => {
	test('gives each entry as a line of JSON, the oldest first, from a place on', async () => {
		const { destinations, audit, organizationId } = await service.tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'b' });
		await destinations.softDelete(id);
		const lines = await collect(Readable.from(audit.export()));
		expect(lines.map(({ action }) => action)).toEqual(['created', 'updated', 'soft_deleted']);
		expect(lines[0]).toMatchObject({ destinationId: id, organizationId, version: 1 });
		await expect(collect(audit.export({ cursor: 'x' }))).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});

	test('goes on over many pages, ends with what was there when it began, and holds little', async () => {
		const { destinations, audit, organizationId } = await service.tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await service.admin.query(`
			ALTER TABLE destination_audit_log DISABLE TRIGGER trigger_refuse_destination_audit_log_insert;
			INSERT INTO destination_audit_log
				(organization_id, destination_id, version, action, changes, role, login, transaction_id)
			SELECT '${organizationId}', '${id}', 1, 'updated', jsonb_build_object('x', jsonb_build_object('new', repeat('x', 20000))), 'x', 'x', 1
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
		const { destinations, prisma, organizationId } = await service.tenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { enableClientSide: false });
		expect(await prisma.destinationAuditEntry.count()).toBe(2);
		const [earlier] = await prisma.destinationSettingsVersion.findMany();
		expect(earlier).toMatchObject({ destinationId: id, version: 1, settingsEncrypted: true });
		expect(JSON.stringify(earlier)).not.toContain(posthogKey);
		const other = await service.tenant();
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
