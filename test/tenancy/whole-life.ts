import type { DestinationsClient } from '../../src/index.ts';
import type { Deployment, Tenant } from './deployment.ts';

/** Everything that a tenant does with a destination, on whatever connection the client has, each call once. */
export async function liveWholeLife(
	deployment: Deployment,
	db: DestinationsClient,
	{ id: organizationId, actorId, own }: Tenant,
): Promise<void> {
	const scope = db.forOrganization(organizationId, { actorId });
	const { destinations, audit, prisma, transaction } = scope;

	const made = await destinations.create({
		organizationId,
		type: 'posthog',
		name: 'Über uns – “東京”',
		environment: 'staging',
		settings: { apiKey: 'phc_whole_life' },
		requiredConsent: ['measurement', 'marketing'],
	});
	expect(await destinations.findById(made.id)).toEqual(made);
	const [stored] = await deployment.rows<Record<string, unknown>>(
		'SELECT name, required_consent, created_at, created_by FROM destinations WHERE id = $1',
		[made.id],
	);
	expect(stored).toEqual({
		name: made.name,
		required_consent: ['measurement', 'marketing'],
		created_at: made.createdAt,
		created_by: actorId,
	});

	expect(await destinations.findByType('posthog', 'staging')).toEqual([made]);
	expect(await destinations.findByOrganization(organizationId)).toEqual([made, own]);
	const { items } = await destinations.list({ limit: 1 });
	expect(items).toEqual([made]);

	await destinations.update(made.id, { name: 'Renamed' });
	await destinations.update(made.id, { settings: { apiKey: 'phc_replaced' } });
	await destinations.patchSettings(made.id, { host: 'https://us.i.posthog.com' });
	expect((await destinations.history(made.id)).items).toHaveLength(4);
	const reverted = await destinations.revert(made.id, 1);
	expect(reverted).toMatchObject({ name: made.name, settings: made.settings, version: 5 });

	await transaction(async (tx) => {
		await tx.destinations.update(made.id, { enabled: true });
		await tx.prisma.destination.update({ where: { id: made.id }, data: { testMode: true } });
	});
	const read = await prisma.destination.findUniqueOrThrow({ where: { id: made.id } });
	expect(read).toMatchObject({ enabled: true, testMode: true, createdAt: made.createdAt });
	expect(await prisma.destination.findMany({ orderBy: { createdAt: 'asc' } })).toEqual([own, read]);
	expect(await prisma.$queryRaw`SELECT count(*)::int FROM destinations`).toEqual([{ count: 3 }]);

	await destinations.softDelete(made.id);
	await destinations.restore(made.id);
	await prisma.destination.delete({ where: { id: made.id } });
	await db.asService({ actorId }).destinations.purge(made.id);

	const { items: entries } = await audit.list({ destinationId: made.id, limit: 3 });
	expect(entries.map(({ action }) => action)).toEqual(['purged', 'soft_deleted', 'restored']);
	const [entry] = await deployment.rows<{ recorded_at: Date }>(
		'SELECT recorded_at FROM destination_audit_log WHERE id = $1',
		[entries[0]?.id],
	);
	expect(entries[0]?.recordedAt).toEqual(entry?.recorded_at);
	let lines = 0;
	for await (const _ of audit.export({ destinationId: made.id })) lines += 1;
	expect(lines).toBeGreaterThan(5);
}
