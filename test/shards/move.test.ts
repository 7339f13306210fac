import { posthog } from '../support/destinations.ts';
import { Sharded } from './sharded.ts';

let sharded: Sharded;
beforeAll(async () => {
	sharded = await Sharded.open();
});
afterAll(() => sharded[Symbol.asyncDispose]());

test('an organization is moved as the guide says, with the ids of its destinations', async () => {
	const { db } = sharded;
	const organizationId = await sharded.newOrganization(0);
	const before = db.forOrganization(organizationId).destinations;
	const made = await before.create(posthog(organizationId));
	const moved = await before.update(made.id, { settings: { apiKey: 'phc_second' } });
	await before.create({ organizationId, type: 'console', name: 'Second', settings: {} });
	await sharded
		.shard(1)
		.admin.query('INSERT INTO organizations (id) VALUES ($1)', [organizationId]);
	const [from, to] = [sharded.shard(0).url, sharded.shard(1).url];
	const source = db.asService({ shard: from }).prisma;
	const target = db.asService({ shard: to }).prisma;
	const rows = await source.destination.findMany({
		where: { organizationId },
		omit: { createdAt: true, updatedAt: true, deletedAt: true, version: true },
	});
	await target.destination.createMany({ data: rows });
	sharded.places.set(organizationId, 1);
	const after = db.forOrganization(organizationId);
	const { createdAt: _, updatedAt: __, version, ...kept } = moved;
	expect(await after.destinations.findById(made.id)).toMatchObject(kept);
	expect(version).toBe(2);
	expect((await after.destinations.history(made.id)).items).toHaveLength(1);
	const { audit, destinations } = db.asService();
	const entries = (await audit.list({ destinationId: made.id })).items;
	expect(entries.map(({ action }) => action).sort()).toEqual(['created', 'created', 'updated']);
	// Whoever has not heard of the move reads what is there, and nobody else does.
	expect((await destinations.list({ limit: 1000 })).items).toHaveLength(2);
	const left = db.asService({ shard: from }).destinations;
	for (const { id } of await left.findByOrganization(organizationId)) {
		await left.softDelete(id);
		await left.purge(id);
	}
	expect(await sharded.counts('destinations')).toEqual([0, 2, 0]);
	expect((await after.destinations.findById(made.id))?.settings).toEqual(moved.settings);
});
