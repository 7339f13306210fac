import { PrismaPg } from '@prisma/adapter-pg';
import { setTextForm } from '../../src/database/text-form.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import type { ScopedPrismaClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { type Sent, Wire } from './wire.ts';

// A client waits for the server after each Sync, and after each Query of the simple protocol.

let deployment: Deployment;
let wire: Wire;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	wire = await Wire.before(deployment.url);
	a = await deployment.newTenant(deployment.open());
});

afterAll(async () => {
	await deployment.close();
	await wire.close();
});

/** What is sent for some work on a client that has done it before. */
async function sentFor(work: () => PromiseLike<unknown>): Promise<Sent> {
	for (let warmUp = 0; warmUp < 3; warmUp += 1) await work();
	wire.take();
	await work();
	return wire.take();
}

function open(namedStatements: boolean) {
	const db = deployment.open({
		connectionString: wire.through(deployment.url),
		namedStatements,
		pool: { max: 1 },
	});
	return db.forOrganization(a.id, { actorId: a.actorId });
}

/** Prisma as it comes, without row level security, on one connection as well. */
function openBare() {
	return new PrismaClient({
		adapter: new PrismaPg({ connectionString: wire.through(deployment.superuserUrl), max: 1 }),
	});
}

describe.each([true, false])('with namedStatements: %s', (namedStatements) => {
	let client: ReturnType<typeof open>;

	beforeAll(() => {
		client = open(namedStatements);
	});

	const single: Record<string, (client: ReturnType<typeof open>) => PromiseLike<unknown>> = {
		findUnique: ({ prisma }) => prisma.destination.findUnique({ where: { id: a.own.id } }),
		findMany: ({ prisma }) => prisma.destination.findMany(),
		count: ({ prisma }) => prisma.destination.count(),
		groupBy: ({ prisma }) => prisma.destination.groupBy({ by: ['type'], _count: true }),
		'a filter by a relation': ({ prisma }) =>
			prisma.organization.findMany({ where: { destinations: { some: { id: a.own.id } } } }),
		updateMany: ({ prisma }) => prisma.destination.updateMany({ data: { testMode: true } }),
		'the repository, by id': ({ destinations }) => destinations.findById(a.own.id),
		'the repository, by type': ({ destinations }) => destinations.findByType('posthog'),
		'the repository, another name': ({ destinations }) =>
			destinations.update(a.own.id, { name: 'Renamed' }),
	};

	test.each(Object.entries(single))('%s takes one round trip and one write', async (_, work) => {
		const sent = await sentFor(() => work(client));
		expect(sent).toMatchObject({ roundTrips: 1, writes: 1, simpleQueries: [] });
		expect(sent.types).toMatch(/^[PBDE]+S$/);
		// Named statements are parsed once a connection.
		expect(sent.types.includes('P')).toBe(!namedStatements);
	});

	const roads: Record<string, (client: ReturnType<typeof open>) => (key: string) => unknown> = {
		'the repository': ({ destinations }) => {
			return (apiKey) => destinations.update(a.own.id, { settings: { apiKey } });
		},
		Prisma: ({ prisma }) => {
			return (apiKey) =>
				prisma.destination.update({
					where: { id: a.own.id },
					data: { name: apiKey, settings: { apiKey } },
				});
		},
	};
	let change = 0;
	const newSettings = (road: string, of: ReturnType<typeof open>) => async () => {
		change += 1;
		await roads[road]?.(of)(`phc_new_${namedStatements}_${change}`);
	};

	test.each(Object.keys(roads))(
		'new settings by %s take one, where the client knows what they change',
		async (road) => {
			const sent = await sentFor(newSettings(road, client));
			expect(sent).toMatchObject({ roundTrips: 1, writes: 1, simpleQueries: [] });
		},
	);

	const readings: Record<string, (client: ReturnType<typeof open>) => PromiseLike<unknown>> = {
		'the repository': ({ destinations }) => destinations.findById(a.own.id),
		Prisma: ({ prisma }) => prisma.destination.findUnique({ where: { id: a.own.id } }),
	};
	test.each(
		Object.keys(roads).flatMap((road) => Object.keys(readings).map((read) => [road, read])),
	)('new settings by %s take one after a read by %s', async (road, read) => {
		const reading = open(namedStatements);
		await readings[read]?.(reading);
		wire.take();
		await newSettings(road, reading)();
		expect(wire.take().roundTrips).toBe(1);
	});

	// By Prisma, an update says no more than that there is no such row.
	test.each([
		['the repository', 2],
		['Prisma', 3],
	])(
		'new settings by %s take %i, where others changed the destination since, and two where nobody read it',
		async (road, roundTrips) => {
			const connected = open(namedStatements);
			await connected.destinations.findByType('console');
			const [changed, unread] = [newSettings(road, client), newSettings(road, connected)];
			const other = deployment.open().forOrganization(a.id).destinations;
			let rename = 0;
			const sent = await sentFor(async () => {
				rename += 1;
				await other.update(a.own.id, { name: `Renamed ${rename}` });
				await changed();
			});
			expect(sent).toMatchObject({ roundTrips, writes: roundTrips, simpleQueries: [] });
			wire.take();
			await unread();
			expect(wire.take().roundTrips).toBe(2);
		},
	);

	test('what is read in a transaction is looked up again', async () => {
		const reading = open(namedStatements);
		await reading.transaction(async (tx) => {
			for (const read of Object.values(readings)) await read({ ...reading, ...tx });
		});
		wire.take();
		await newSettings('Prisma', reading)();
		expect(wire.take().roundTrips).toBe(2);
	});

	test('raw SQL is answered after one; its cleaning is nothing that the caller waits for', async () => {
		const sent = await sentFor(async () => {
			await client.prisma.$queryRaw`SELECT id FROM destinations`;
			await client.prisma.destination.count();
		});
		expect(sent.types).toMatch(/^[PBDE]+SQ+[PBDE]+S$/);
		// Statements without a name bring the form of texts along.
		expect(sent.simpleQueries).toEqual(['DISCARD ALL', ...(namedStatements ? [setTextForm] : [])]);
	});

	const transactions: Record<
		string,
		(
			prisma: Pick<ScopedPrismaClient, 'destination' | 'organization' | '$transaction'>,
		) => Promise<unknown>
	> = {
		'of one read': (prisma) => prisma.$transaction(async (tx) => tx.organization.count()),
		'of five reads': (prisma) =>
			prisma.$transaction(async (tx) => {
				for (let read = 0; read < 5; read += 1) await tx.organization.findMany();
			}),
		'of reads and a write': (prisma) =>
			prisma.$transaction(async (tx) => {
				await tx.organization.findFirst();
				await tx.destination.updateMany({ where: { id: a.own.id }, data: { enabled: true } });
			}),
		'of an isolation level': (prisma) =>
			prisma.$transaction(async (tx) => tx.organization.count(), {
				isolationLevel: 'Serializable',
			}),
		'that is rolled back': (prisma) =>
			prisma
				.$transaction(async (tx) => {
					await tx.organization.count();
					throw new Error('changed my mind');
				})
				.catch(() => {}),
		'inside another': (prisma) =>
			prisma.$transaction((outer) =>
				outer.$transaction(async (inner) => inner.organization.count()),
			),
	};

	test.each(Object.entries(transactions))(
		'a transaction %s takes as many round trips as bare Prisma',
		async (_, work) => {
			const bare = openBare();
			// The bare client has the same methods but for settings, which are not touched here.
			const expected = await sentFor(() => work(bare as unknown as ScopedPrismaClient));
			await bare.$disconnect();
			const sent = await sentFor(() => work(client.prisma));
			expect(sent.roundTrips).toBe(expected.roundTrips);
			expect(sent.roundTrips).toBeGreaterThan(2);
			expect(sent.writes).toBe(sent.roundTrips);
		},
	);

	test('a batch takes a round trip for each operation, one for BEGIN and one for COMMIT', async () => {
		const { prisma } = client;
		const sent = await sentFor(() =>
			prisma.$transaction([prisma.destination.count(), prisma.organization.count()]),
		);
		expect(sent.roundTrips).toBe(4);
		expect(sent.simpleQueries).toEqual(['BEGIN', 'COMMIT']);
	});

	test('times are read in UTC, whatever zone the login, the URL or the database asks for', async () => {
		const url = new URL(deployment.url);
		url.searchParams.set('options', '-c TimeZone=Asia/Tokyo -c application_name=by-url');
		const db = deployment.open({ connectionString: url.href, namedStatements });
		const { prisma, destinations } = db.forOrganization(a.id);
		const [row] = await destinations.findByType('posthog');
		expect(row?.createdAt).toEqual(a.own.createdAt);
		const [{ name } = {}] = await prisma.$queryRaw<{ name?: string }[]>`
			SELECT current_setting('application_name') AS name`;
		expect(name).toBe('by-url');
		const database = url.pathname.slice(1);
		await deployment.rows(`ALTER DATABASE ${database} SET TimeZone = 'Asia/Tokyo'`);
		const again = deployment.open({ namedStatements });
		const found = await again.forOrganization(a.id).destinations.findById(a.own.id);
		expect(found?.createdAt).toEqual(a.own.createdAt);
		await deployment.rows(`ALTER DATABASE ${database} RESET TimeZone`);
	});
});

test('a statement that is prepared on one connection is prepared anew on another', async () => {
	const db = deployment.open({ connectionString: wire.through(deployment.url), pool: { max: 1 } });
	const { prisma } = db.forOrganization(a.id);
	const find = () => prisma.destination.findMany();
	expect((await sentFor(find)).types).not.toContain('P');
	wire.cut();
	await new Promise((resolve) => setTimeout(resolve, 50));
	wire.take();
	expect(await find()).toMatchObject([{ id: a.own.id }]);
	expect(wire.take().types).toContain('P');
	// `DISCARD ALL` forgets them too.
	await prisma.$queryRaw`SELECT 1`;
	expect(await find()).toMatchObject([{ id: a.own.id }]);
});
