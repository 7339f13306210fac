import { setTimeout as sleep } from 'node:timers/promises';
import { posthog } from '../../support/destinations.ts';
import { destinationOfManyVersions, many } from '../../support/many-versions.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

const olderThan = new Date('2021-01-01');

async function deletedLongAgo(): Promise<string> {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	const { id } = await destinations.create(posthog(organizationId));
	await service.admin.query(
		`SET session_replication_role = replica; UPDATE destinations SET deleted_at = '2020-01-01' WHERE id = '${id}';
		 RESET session_replication_role`,
	);
	return id;
}

test('purging neither waits for a destination that is being restored, nor removes it', async () => {
	const [restored, gone] = [await deletedLongAgo(), await deletedLongAgo()];
	const { admin } = service;
	await admin.query('BEGIN');
	await admin.query('UPDATE destinations SET deleted_at = NULL WHERE id = $1', [restored]);
	const purging = service.db.asService().destinations.purgeDeleted({ olderThan });
	const first = await Promise.race([purging, sleep(3_000, 'waits')]);
	await admin.query('COMMIT');
	expect(first).toBe(1);
	await purging;
	const { rows } = await admin.query('SELECT id FROM destinations WHERE id = ANY ($1)', [
		[restored, gone],
	]);
	expect(rows).toEqual([{ id: restored }]);
});

test('two that purge at once share the work, and count each destination once', async () => {
	for (let made = 0; made < 12; made += 1) await deletedLongAgo();
	const purge = () => service.db.asService().destinations.purgeDeleted({ olderThan, batch: 1 });
	const removed = await Promise.all([purge(), purge(), purge()]);
	expect(removed.reduce((sum, count) => sum + count)).toBe(12);
});

test('pruning removes at most a batch a statement, and counts from one to the next', async () => {
	const ids = [await destinationOfManyVersions(service), await destinationOfManyVersions(service)];
	const steps: number[] = [];
	let before = 0;
	await service.db.asService().destinations.pruneSettingsHistory({
		keep: 1_200,
		batch: 500,
		onProgress: ({ removed }) => {
			steps.push(removed - before);
			before = removed;
		},
	});
	expect(before).toBe(2 * (many - 1_200));
	expect(Math.max(...steps)).toBeLessThanOrEqual(500);
	for (const { id } of ids) {
		const { rows } = await service.admin.query(
			'SELECT min(version), count(*)::integer FROM destination_settings_history WHERE destination_id = $1',
			[id],
		);
		expect(rows).toEqual([{ min: many - 1_199, count: 1_200 }]);
	}
});

test('pruning in a transaction ends with it, and leaves nothing that lets others delete', async () => {
	const { id } = await destinationOfManyVersions(service);
	await service.db.asService().transaction(async ({ destinations, prisma }) => {
		await destinations.pruneSettingsHistory({ keep: 10, batch: 10_000 });
		await expect(
			prisma.$transaction(
				(nested) =>
					nested.$executeRaw`DELETE FROM public.destination_settings_history WHERE destination_id = ${id}::uuid`,
			),
		).rejects.toThrow();
	});
	const { rowCount } = await service.admin.query(
		'SELECT FROM destination_settings_history WHERE destination_id = $1',
		[id],
	);
	expect(rowCount).toBe(10);
});
