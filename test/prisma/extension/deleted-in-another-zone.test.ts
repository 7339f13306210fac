import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../../src/generated/prisma/client.ts';
import { createDestinationsClient } from '../../../src/index.ts';
import { destinationsExtension } from '../../../src/prisma/extension/destinations-extension.ts';
import { ExtendedDatabase } from '../../support/extended-client.ts';

// `@prisma/adapter-pg` sends times as if every session were in UTC. A client of a service's own may be in another
// zone, and a row that counts as deleted hours ago is purged hours too early.

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

function openOwnClient() {
	const adapter = new PrismaPg({ connectionString: db.connectionString });
	return new PrismaClient({ adapter }).$extends(destinationsExtension({ keys: db.keys }));
}

type OwnClient = ReturnType<typeof openOwnClient>;

interface Made {
	readonly id: string;
	readonly organizationId: string;
}

const deletions: Record<string, (client: OwnClient, made: Made) => PromiseLike<unknown>> = {
	delete: ({ destination }, { id }) => destination.delete({ where: { id } }),
	deleteMany: ({ destination }, { id }) => destination.deleteMany({ where: { id } }),
	'a nested delete': ({ organization }, { id, organizationId }) =>
		organization.update({
			where: { id: organizationId },
			data: { destinations: { delete: { id } } },
		}),
	'a nested deleteMany': ({ organization }, { organizationId }) =>
		organization.update({
			where: { id: organizationId },
			data: { destinations: { deleteMany: {} } },
		}),
	'an update of deletedAt': ({ destination }, { id }) =>
		destination.update({ where: { id }, data: { deletedAt: new Date() } }),
	'an update of many': ({ destination }, { id }) =>
		destination.updateMany({ where: { id }, data: { deletedAt: new Date('2001-01-01') } }),
};

describe.each(['Asia/Tokyo', 'America/Los_Angeles'])('on a server in %s', (zone) => {
	let own: OwnClient;

	beforeAll(async () => {
		const [row] = await db.sql<{ name: string }>('SELECT current_database() AS name');
		await db.sql(`ALTER DATABASE ${row?.name} SET TimeZone = '${zone}'`);
		own = openOwnClient();
	});

	afterAll(() => own.$disconnect());

	test.each(Object.entries(deletions))('what %s deleted is as old as it is', async (_, remove) => {
		await using service = createDestinationsClient({
			connectionString: db.connectionString,
			keys: db.keys,
		});
		const { destinations } = service.asService();
		const made = await db.newDestination();
		const minute = 60_000;
		const purge = (distance: number) =>
			destinations.purgeDeleted({ olderThan: new Date(Date.now() + distance) });

		await remove(own, made);
		expect(await purge(-minute)).toBe(0);
		expect(await purge(minute)).toBe(1);
	});
});
