import {
	DestinationsError,
	isDatabaseUnavailable,
	isRetryable,
	type ScopedClient,
} from '../../src/index.ts';
import { newKeys } from '../support/encryption.ts';
import { Network } from '../support/network.ts';
import { Deployment } from '../tenancy/deployment.ts';
import { everyRoad, type Road } from './every-road.ts';

// Postgres commits, and the connection is lost before its answer arrives: nobody knows then whether it did.

const keys = newKeys();
let deployment: Deployment;
let network: Network;

beforeAll(async () => {
	deployment = await Deployment.open();
	network = await Network.before(deployment.url);
});

afterAll(async () => {
	await deployment.close();
	await network[Symbol.asyncDispose]();
});

const rename = { data: { name: 'Renamed' } };
const byPrisma = (work: (scope: ScopedClient, id: string) => Promise<unknown>): Road => {
	return ({ scope, subject }) => work(scope, subject.id);
};

const roads: Readonly<Record<string, Road>> = {
	...everyRoad,
	'update by Prisma': byPrisma(({ prisma }, id) =>
		prisma.destination.update({ where: { id }, ...rename }),
	),
	'update of settings by Prisma': byPrisma(({ prisma }, id) =>
		prisma.destination.update({ where: { id }, data: { settings: { apiKey: 'phc_fifth' } } }),
	),
	'updateMany by Prisma': byPrisma(({ prisma }, id) =>
		prisma.destination.updateMany({ where: { id }, ...rename }),
	),
	'a batch of Prisma': byPrisma(({ prisma }, id) =>
		prisma.$transaction([prisma.destination.update({ where: { id }, ...rename })]),
	),
	'a transaction of Prisma': byPrisma(({ prisma }, id) =>
		prisma.$transaction((tx) => tx.destination.update({ where: { id }, ...rename })),
	),
	'raw SQL': byPrisma(
		({ prisma }, id) =>
			prisma.$executeRaw`UPDATE destinations SET name = 'Renamed' WHERE id = ${id}::uuid`,
	),
};

/** What is lost: the answer to COMMIT, or that to a statement that commits by itself. */
const losses = { COMMIT: /COMMIT/, 'a write': /(INSERT INTO|UPDATE|DELETE FROM) / };

describe.each(Object.entries(losses))('the answer to %s', (_, loses) => {
	let lost = 0;

	test.each(Object.entries(roads))('%s', async (name, road) => {
		const tenant = await deployment.newTenant(deployment.open({ keys }));
		const address = network.url(deployment.url);
		const db = deployment.open({ connectionString: address, keys });
		const id = ['restore', 'purge'].some((of) => name.startsWith(of))
			? tenant.gone.id
			: tenant.own.id;
		const entries = async () => {
			const [row] = await deployment.rows<{ count: string }>(
				'SELECT count(*) FROM destination_audit_log WHERE organization_id = $1',
				[tenant.id],
			);
			return Number(row?.count);
		};
		const before = await entries();
		network.loseAnswersTo(loses);
		const to = {
			...{ keys, db, scope: db.asService(), connectionString: address },
			subject: { id, organizationId: tenant.id },
		};
		const error = await road(to).then(
			() => undefined,
			(reason: unknown) => reason,
		);
		const { lost: answers } = network;
		network.loseAnswersTo(undefined);
		// Whatever happened, nothing was done twice. A connection test writes when it begins and when it ends.
		const most = name.startsWith('testConnection') ? 2 : 1;
		expect(Math.abs((await entries()) - before)).toBeLessThanOrEqual(most);
		if (answers === 0) return;
		lost += 1;
		expect(error).toBeInstanceOf(Error);
		if (!/Prisma|SQL/.test(name)) expect(error).toBeInstanceOf(DestinationsError);
		expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([true, true]);
		expect(String((error as Error).message)).toMatch(
			/may have been done|^Connection terminated|has closed the connection/,
		);
		await db.close();
	});

	test('was lost on many of these roads', () => {
		expect(lost).toBeGreaterThan(10);
	});
});
