import type { DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { type Read, reads, rowsIn, rowsOf } from './reads.ts';

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

const each = Object.entries(reads);

/** Every way of running one read in a scope. */
const ways: Record<string, (read: Read, reader: Tenant, target: Tenant) => PromiseLike<unknown>> = {
	alone: (read, { client }, target) => read(client.prisma, target),
	'in a transaction': (read, { client }, target) =>
		client.transaction(async ({ prisma }) => read(prisma, target)),
	'in an interactive transaction': (read, { client }, target) =>
		client.prisma.$transaction(async (prisma) => read(prisma, target)),
	'in a nested transaction': (read, { client }, target) =>
		client.prisma.$transaction((outer) => outer.$transaction(async (inner) => read(inner, target))),
	'in a batch': (read, { client }, target) =>
		client.prisma.$transaction([read(client.prisma, target)]).then(([result]) => result),
};

describe.each(Object.entries(ways))('a read %s', (_, run) => {
	test.each(each)('of the own organization finds its row: %s', async (_, read) => {
		expect(rowsIn(await run(read, a, a))).toBe(1);
	});

	test.each(each)('of another organization finds nothing: %s', async (_, read) => {
		expect(await rowsOf(run(read, a, b))).toBe(0);
	});
});

test.each(each)(
	'a read of an organization that is not there finds nothing: %s',
	async (_, read) => {
		const stranger = db.forOrganization('00000000-0000-0000-0000-000000000000').prisma;
		expect(await rowsOf(read(stranger, a))).toBe(0);
	},
);

test.each(each)('the service reads every organization: %s', async (_, read) => {
	for (const tenant of [a, b]) {
		expect(rowsIn(await read(db.asService().prisma, tenant))).toBe(1);
	}
});

test('a read without any filter sees the own rows, and all of them', async () => {
	const { prisma, destinations } = a.client;
	expect(await prisma.destination.findMany()).toMatchObject([{ id: a.own.id }]);
	expect(await prisma.destination.withDeleted().count()).toBe(2);
	expect(await prisma.organization.findMany()).toEqual([{ id: a.id }]);
	expect(await prisma.user.findMany()).toEqual([{ id: a.actorId }]);
	expect(await prisma.$queryRaw`SELECT count(*)::int AS rows FROM destinations`).toEqual([
		{ rows: 2 },
	]);
	expect(await destinations.findByType('posthog')).toMatchObject([{ id: a.own.id }]);
});

test('what the own row includes is of the own organization', async () => {
	const row = await a.client.prisma.destination.findFirstOrThrow({
		include: { organization: { include: { destinations: true } }, createdByUser: true },
	});
	expect(row.organization.destinations).toMatchObject([{ id: a.own.id }]);
	expect(row.createdByUser).toEqual({ id: a.actorId });
});
