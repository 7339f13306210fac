import { setTimeout } from 'node:timers/promises';
import type { DestinationsClient, ScopedClient, TransactionOptions } from '../../src/index.ts';
import { UnsupportedError, ValidationError } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

const tooLong = 'The transaction took longer than its timeout of 60 ms';

describe('a transaction whose time is up says so, and saves nothing', () => {
	const ends: Record<
		string,
		(scope: Parameters<Parameters<ScopedClient['transaction']>[0]>[0]) => PromiseLike<unknown>
	> = {
		'at a call of the repository': ({ destinations }) => destinations.findById(a.own.id),
		'at a call of Prisma': ({ prisma }) => prisma.destination.findMany(),
		'at raw SQL': ({ prisma }) => prisma.$queryRaw`SELECT 1`,
		'at its end': async () => {},
	};

	test.each(Object.entries(ends))('%s', async (_, end) => {
		const late = a.client.transaction(
			async (tx) => {
				await tx.destinations.update(a.own.id, { name: 'Not saved' });
				await setTimeout(120);
				await end(tx);
			},
			{ timeout: 60 },
		);
		await expect(late).rejects.toThrow(UnsupportedError);
		await expect(late).rejects.toThrow(tooLong);
		expect(await a.client.destinations.findById(a.own.id)).toEqual(a.own);
	});
});

test('a transaction that is used after its end is not told of its time', async () => {
	const { destinations } = await a.client.transaction(async (tx) => tx, { timeout: 50 });
	await setTimeout(80);
	await expect(destinations.findById(a.own.id)).rejects.toThrow('The transaction is over');
});

test('1,500 creations fit into one that has time', async () => {
	const { rows } = await deployment.admin.query<{ id: string }>(
		'INSERT INTO organizations SELECT gen_random_uuid() FROM generate_series(1, 1500) RETURNING id',
	);
	const service = db.asService();
	await service.transaction(
		async ({ destinations }) => {
			for (const { id } of rows) {
				const settings = { apiKey: 'phc_one_of_many' };
				await destinations.create({ organizationId: id, type: 'posthog', name: 'One', settings });
			}
		},
		{ timeout: 120_000 },
	);
	const created = await deployment.rows("SELECT FROM destinations WHERE name = 'One'");
	expect(created).toHaveLength(1500);
});

test.each([
	['ReadUncommitted', 'read uncommitted'],
	['ReadCommitted', 'read committed'],
	['RepeatableRead', 'repeatable read'],
	['Serializable', 'serializable'],
] as const)('isolationLevel %s', async (isolationLevel, expected) => {
	const rows = await a.client.transaction(
		({ prisma }) => prisma.$queryRaw`SELECT current_setting('transaction_isolation') AS level`,
		{ isolationLevel },
	);
	expect(rows).toEqual([{ level: expected }]);
});

test('maxWait bounds how long a connection is waited for', async () => {
	const { transaction } = deployment.open({ pool: { max: 1 } }).forOrganization(a.id);
	const startedAt = performance.now();
	await transaction(async () => {
		const waiting = transaction(async () => {}, { maxWait: 50 });
		await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
	});
	expect(performance.now() - startedAt).toBeLessThan(1500);
});

test.each([
	{ timeout: 0 },
	{ timeout: -1 },
	{ timeout: 1.5 },
	{ timeout: 2 ** 31 },
	{ timeout: Number.NaN },
	{ timeout: '60' },
	{ timeout: null },
	{ maxWait: 0 },
	{ maxWait: Number.POSITIVE_INFINITY },
	{ isolationLevel: 'serializable' },
	{ isolationLevel: 'Snapshot' },
	{ timeOut: 60 },
	{ timeout: 60, retries: 3 },
	[],
	null,
	5000,
])('%j is refused before anything begins', async (options) => {
	let ran = false;
	const refused = a.client.transaction(async () => {
		ran = true;
	}, options as TransactionOptions);
	await expect(refused).rejects.toThrow(ValidationError);
	expect(ran).toBe(false);
});
