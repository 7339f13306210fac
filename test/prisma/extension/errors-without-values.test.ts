import { inspect } from 'node:util';
import type { Prisma } from '../../../src/generated/prisma/client.ts';
import { ExtendedDatabase, unusedId } from '../../support/extended-client.ts';

// Postgres repeats a refused row in the `detail` of its error, and Prisma hands that on. No error of a service's own
// client says what is in a row: not in its message, its members or its cause.

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db?.close());

/** In the description of the row, which no message repeats. */
const secret = 'only-in-the-row';
const blank = ' ';

type Client = Pick<
	ExtendedDatabase['prisma'],
	'destination' | 'organization' | '$executeRaw' | '$executeRawUnsafe' | '$queryRaw'
>;

/** Writes of a row that a CHECK refuses, of the row with this id in this organization. */
const writes: Record<
	string,
	(client: Client, id: string, organizationId: string) => Prisma.PrismaPromise<unknown>
> = {
	create: ({ destination }, _, organizationId) =>
		destination.create({ data: { ...refused(), organizationId } }),
	createMany: ({ destination }, _, organizationId) =>
		destination.createMany({ data: [{ ...refused(), organizationId }] }),
	createManyAndReturn: ({ destination }, _, organizationId) =>
		destination.createManyAndReturn({ data: [{ ...refused(), organizationId }] }),
	update: ({ destination }, id) => destination.update({ where: { id }, data: { name: blank } }),
	updateMany: ({ destination }, id) =>
		destination.updateMany({ where: { id }, data: { name: blank } }),
	updateManyAndReturn: ({ destination }, id) =>
		destination.updateManyAndReturn({ where: { id }, data: { name: blank } }),
	'upsert of a row': ({ destination }, id, organizationId) =>
		destination.upsert({
			where: { id },
			create: { ...refused(), id, organizationId },
			update: { name: blank },
		}),
	'upsert of none': ({ destination }, _, organizationId) => {
		const id = unusedId();
		return destination.upsert({
			where: { id },
			create: { ...refused(), id, organizationId },
			update: {},
		});
	},
	'a nested create': ({ organization }, _, organizationId) =>
		organization.update({
			where: { id: organizationId },
			data: { destinations: { create: refused() } },
		}),
	'a nested update': ({ organization }, id, organizationId) =>
		organization.update({
			where: { id: organizationId },
			data: { destinations: { update: { where: { id }, data: { name: blank } } } },
		}),
	$executeRaw: (client, id) =>
		client.$executeRaw`UPDATE destinations SET name = ' ' WHERE id = ${id}::uuid`,
	$executeRawUnsafe: (client, id) =>
		client.$executeRawUnsafe(`UPDATE destinations SET name = ' ' WHERE id = '${id}'`),
	$queryRaw: (client, id) =>
		client.$queryRaw`UPDATE destinations SET name = ' ' WHERE id = ${id}::uuid RETURNING id`,
};

function refused() {
	return {
		type: 'posthog',
		environment: 'staging',
		name: blank,
		description: secret,
		settings: { apiKey: 'phc_example' },
	};
}

const roads: Record<
	string,
	(write: (client: Client) => Prisma.PrismaPromise<unknown>) => Promise<unknown>
> = {
	alone: async (write) => write(db.prisma),
	'in a batch': (write) => db.prisma.$transaction([db.prisma.user.count(), write(db.prisma)]),
	'in an interactive transaction': (write) => db.prisma.$transaction(async (tx) => write(tx)),
};

describe.each(Object.entries(roads))('%s', (_, send) => {
	test.each(Object.entries(writes))('%s', async (_name, write) => {
		const { id, organizationId } = await db.newDestination();
		await db.prisma.destination.update({ where: { id }, data: { description: secret } });
		const error: unknown = await send((client) => write(client, id, organizationId)).then(
			() => undefined,
			(reason: unknown) => reason,
		);
		const said = inspect(error, { depth: 20, showHidden: true, getters: true });
		expect(said).toContain('23514');
		expect(said).toContain('destinations_valid_name');
		expect(said).not.toContain(secret);
		expect(said).not.toContain('Failing row');
		expect(JSON.stringify(error)).not.toContain(secret);
	});
});

describe('where a transaction fails at its end', () => {
	beforeAll(async () => {
		// Prisma knows what a UNIQUE says, and hands on the `detail` of an EXCLUDE.
		await db.sql(`
			ALTER TABLE destinations ADD CONSTRAINT late
				EXCLUDE (last_error WITH =) DEFERRABLE INITIALLY DEFERRED`);
	});

	const change = ({ destination }: Pick<Client, 'destination'>, id: string) =>
		destination.update({ where: { id }, data: { lastError: 'late secret' } });

	test.each<[string, (ids: readonly string[]) => Promise<unknown>]>([
		['a batch', (ids) => db.prisma.$transaction(ids.map((id) => change(db.prisma, id)))],
		[
			'an interactive one',
			(ids) =>
				db.prisma.$transaction(async (tx) => {
					for (const id of ids) await change(tx, id);
				}),
		],
	])('%s', async (_, run) => {
		const [{ id }, { id: other }] = [await db.newDestination(), await db.newDestination()];
		const error: unknown = await run([id, other]).catch((reason: unknown) => reason);
		const said = inspect(error, { depth: 20, showHidden: true, getters: true });
		expect(said).toMatch(/late/);
		expect(said).not.toContain('late secret');
	});
});
