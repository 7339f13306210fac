import { randomUUID } from 'node:crypto';
import { posthog } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

const system = () => service.db.asService().destinations;

/** A soft-deleted destination with earlier settings. */
async function deleted(): Promise<{ id: string; organizationId: string }> {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	const { id } = await destinations.create(posthog(organizationId));
	await destinations.patchSettings(id, { enableClientSide: false });
	await destinations.softDelete(id);
	return { id, organizationId };
}

async function manyDeleted(wanted: number) {
	const made: Awaited<ReturnType<typeof deleted>>[] = [];
	while (made.length < wanted) made.push(await deleted());
	return made;
}

async function count(table: string, id: string): Promise<number> {
	const column = table === 'destinations' ? 'id' : 'destination_id';
	const { rowCount } = await service.admin.query(`SELECT FROM ${table} WHERE ${column} = $1`, [id]);
	return rowCount ?? 0;
}

describe('purge', () => {
	test('removes the row and its earlier settings, and leaves the log', async () => {
		const { id, organizationId } = await deleted();
		expect(await count('destination_settings_history', id)).toBe(1);
		const actorId = await service.createUser();
		await service.db.asService({ actorId }).destinations.purge(id);
		expect(await count('destinations', id)).toBe(0);
		expect(await count('destination_settings_history', id)).toBe(0);
		const { audit, destinations } = service.db.forOrganization(organizationId);
		const { items } = await audit.list({ destinationId: id });
		expect(items.map(({ action }) => action)).toEqual([
			'purged',
			'soft_deleted',
			'updated',
			'created',
		]);
		expect(items[0]).toMatchObject({ actorId, role: 'service_role', changes: {}, version: 3 });
		expect((await destinations.history(id)).items).toHaveLength(3);
	});

	test('is refused to an organization', async () => {
		const { id, organizationId } = await deleted();
		const { destinations, prisma } = service.db.forOrganization(organizationId);
		const olderThan = new Date(2100, 1);
		for (const attempt of [
			destinations.purge(id),
			destinations.purgeDeleted({ olderThan }),
			destinations.pruneSettingsHistory({ olderThan }),
		]) {
			await expect(attempt).rejects.toMatchObject({ code: 'FORBIDDEN' });
		}
		await expect(prisma.destination.purge({ where: { id } })).rejects.toThrow();
		expect(await count('destinations', id)).toBe(1);
	});

	test('is refused for a live destination and for none', async () => {
		const { id } = await deleted();
		await system().restore(id);
		for (const other of [id, randomUUID()]) {
			await expect(system().purge(other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		}
	});
});

describe('purgeDeleted', () => {
	/** Past the trigger that writes the time of a deletion. */
	async function age(id: string): Promise<void> {
		await service.admin.query('SET session_replication_role = replica');
		await service.admin.query(`UPDATE destinations SET deleted_at = '2020-01-01' WHERE id = $1`, [
			id,
		]);
		await service.admin.query('RESET session_replication_role');
	}

	test('removes what was deleted before the date, in batches, and tells how far it is', async () => {
		const old = await manyDeleted(5);
		for (const { id } of old) await age(id);
		const recent = await deleted();
		const progress: number[] = [];
		const removed = await system().purgeDeleted({
			olderThan: new Date('2021-01-01'),
			batch: 2,
			onProgress: (step) => progress.push(step.removed),
		});
		expect(removed).toBe(5);
		expect(progress).toEqual([2, 4, 5]);
		for (const { id } of old) expect(await count('destinations', id)).toBe(0);
		expect(await count('destinations', recent.id)).toBe(1);
	});

	test('stops between two batches when it is told to', async () => {
		const old = await manyDeleted(3);
		for (const { id } of old) await age(id);
		const stop = new AbortController();
		const work = system().purgeDeleted({
			olderThan: new Date('2021-01-01'),
			batch: 1,
			signal: stop.signal,
			onProgress: () => stop.abort(new Error('enough')),
		});
		await expect(work).rejects.toThrow('enough');
		let left = 0;
		for (const { id } of old) left += await count('destinations', id);
		expect(left).toBe(2);
		await system().purgeDeleted({ olderThan: new Date('2021-01-01') });
	});

	test.each([
		[{ olderThan: new Date(Number.NaN) }, 'olderThan'],
		[{ olderThan: '2021-01-01' as unknown as Date }, 'olderThan'],
		[{ olderThan: new Date(), batch: 0 }, 'batch'],
		[{ olderThan: new Date(), batch: 10_001 }, 'batch'],
		[{} as { olderThan: Date }, 'olderThan'],
	])('refuses %p', async (options, name) => {
		await expect(system().purgeDeleted(options)).rejects.toMatchObject({
			code: 'VALIDATION',
			issues: [{ path: [name] }],
		});
	});
});

describe('pruneSettingsHistory', () => {
	async function withVersions(versions: number): Promise<string> {
		const organizationId = await service.createOrganization();
		const { destinations } = service.db.forOrganization(organizationId);
		const { id } = await destinations.create(posthog(organizationId));
		for (let version = 0; version < versions; version += 1) {
			await destinations.patchSettings(id, { enableClientSide: version % 2 === 1 });
		}
		return id;
	}

	const kept = async (id: string) =>
		(
			await service.admin.query(
				'SELECT version FROM destination_settings_history WHERE destination_id = $1 ORDER BY 1',
				[id],
			)
		).rows.map(({ version }) => version);

	test('keeps the newest of each destination, and what is young enough', async () => {
		const ids = [await withVersions(4), await withVersions(2), await withVersions(3)];
		const allKept = async () => {
			const versions: number[][] = [];
			for (const id of ids) versions.push(await kept(id));
			return versions;
		};
		const progress: number[] = [];
		await system().pruneSettingsHistory({
			keep: 2,
			batch: 2,
			onProgress: ({ removed }) => progress.push(removed),
		});
		expect(await allKept()).toEqual([
			[3, 4],
			[1, 2],
			[2, 3],
		]);
		expect(progress.at(-1)).toBeGreaterThanOrEqual(3);
		await system().pruneSettingsHistory({ olderThan: new Date('2020-01-01') });
		expect(await allKept()).toEqual([
			[3, 4],
			[1, 2],
			[2, 3],
		]);
		await system().pruneSettingsHistory({ keep: 1, olderThan: new Date('2020-01-01') });
		expect(await allKept()).toEqual([[4], [2], [3]]);
		await system().pruneSettingsHistory({ olderThan: new Date('2100-01-01') });
		expect(await allKept()).toEqual([[], [], []]);
	});

	test('stops between two batches when it is told to', async () => {
		const id = await withVersions(3);
		const stop = new AbortController();
		const work = system().pruneSettingsHistory({
			keep: 0,
			batch: 1,
			signal: stop.signal,
			onProgress: ({ removed }) => removed > 0 && stop.abort(new Error('enough')),
		});
		await expect(work).rejects.toThrow('enough');
		expect(await system().pruneSettingsHistory({ keep: 0 })).toBeGreaterThan(0);
		expect(await kept(id)).toEqual([]);
	});

	test('lets nothing else of its transaction delete earlier settings', async () => {
		const id = await withVersions(2);
		const remove = 'DELETE FROM destination_settings_history';
		await expect(
			service.db.asService().transaction(async ({ destinations, prisma }) => {
				await destinations.pruneSettingsHistory({ keep: 1 });
				await prisma.$executeRawUnsafe(remove);
			}),
		).rejects.toThrow(/destination_settings_history/);
		expect(await kept(id)).toEqual([1, 2]);
	});

	test.each<[object, object]>([
		[{}, { path: [], message: 'must have `keep`, `olderThan` or both' }],
		[{ keep: -1 }, { path: ['keep'] }],
		[{ keep: 1.5 }, { path: ['keep'] }],
		[{ keep: 2 ** 31 }, { path: ['keep'] }],
		[{ keep: 1, batch: 10_001 }, { path: ['batch'] }],
		[{ keep: 1, olderThan: 'yesterday' }, { path: ['olderThan'] }],
		[{ keep: 1, signal: {} }, { path: ['signal'] }],
		[{ keep: 1, onProgress: true }, { path: ['onProgress'] }],
		[{ keep: 1, older: 1 }, {}],
	])('refuses %p', async (options, issue) => {
		await expect(system().pruneSettingsHistory(options)).rejects.toMatchObject({
			code: 'VALIDATION',
			issues: [issue],
		});
	});
});
