import { setTimeout } from 'node:timers/promises';
import type { ScopedClient, ScopedTransaction } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';
import {
	expectClean,
	openSingle,
	type Session,
	type SingleConnection,
} from './single-connection.ts';
import { Wire } from './wire.ts';

let deployment: Deployment;
let single: SingleConnection;
let a: Tenant;
let b: Tenant;
let untouched: Session;

beforeAll(async () => {
	deployment = await Deployment.open();
	single = openSingle(deployment);
	a = await deployment.newTenant(single.db);
	b = await deployment.newTenant(single.db);
	untouched = await single.rest();
});

afterAll(() => deployment.close());

afterEach(() => expectClean(single, untouched, [a, b]));

/** Waits until a backend of the database sleeps, and does something to it. */
async function whenAsleep(
	command: 'pg_cancel_backend' | 'pg_terminate_backend' | '' = '',
): Promise<void> {
	for (let attempt = 0; attempt < 200; attempt += 1) {
		const rows = await deployment.rows(
			`SELECT ${command}(pid) FROM pg_stat_activity
			 WHERE datname = current_database() AND wait_event = 'PgSleep'`,
		);
		if (rows.length > 0) return;
		await setTimeout(10);
	}
	throw new Error('no backend slept');
}

/** A statement that changes the session and then takes long. */
const sleep = ({ prisma }: ScopedTransaction) =>
	prisma.$queryRaw`SELECT set_config('search_path', 'mine', false), pg_advisory_lock(7)::text,
		set_config('role', 'service_role', false), pg_sleep(20)::text`;

const ways: Record<string, (client: ScopedClient) => PromiseLike<unknown>> = {
	alone: (client) => sleep(client),
	'in a transaction': (client) =>
		client.transaction(
			async (transaction) => {
				await transaction.prisma.destination.updateMany({ data: { name: 'Not saved' } });
				await sleep(transaction);
			},
			// Longer than anything takes on a machine that does other things as well.
			{ timeout: 60_000 },
		),
	'in a batch': ({ prisma, ...client }) =>
		prisma.$transaction([
			prisma.destination.updateMany({ data: { name: 'Not saved' } }),
			sleep({ prisma, ...client }),
		]),
};

describe.each(Object.entries(ways))('a statement %s', (way, run) => {
	/** A transaction of the package's own has its word for a database that is away, whatever ran in it. */
	const isOwn = way === 'in a transaction';

	test('that is cancelled leaves its backend clean', async () => {
		const pid = await single.pid();
		const [code] = await Promise.all([refusal(run(a.client)), whenAsleep('pg_cancel_backend')]);
		expect(code).toBe(isOwn ? 'RETRY' : 'P2010 57014');
		expect(await single.pid()).toBe(pid);
	});

	test('whose backend is killed fails, and the next scope gets another backend', async () => {
		const pid = await single.pid();
		const [code] = await Promise.all([refusal(run(a.client)), whenAsleep('pg_terminate_backend')]);
		expect(code).toBe(isOwn ? 'UNAVAILABLE' : 'P2010 57P01');
		expect(await single.pid()).not.toBe(pid);
	});

	test('that exceeds query_timeout gives up its connection', async () => {
		const hasty = openSingle(deployment, { pool: { query_timeout: 300 } });
		const pid = await hasty.pid();
		const client = hasty.db.forOrganization(a.id);
		expect(await refusal(run(client))).toBe(isOwn ? 'UNAVAILABLE' : 'Query read timeout');
		expect(await hasty.pid()).not.toBe(pid);
		expect(await client.prisma.destination.findMany()).toEqual([a.own]);
		await whenAsleep('pg_terminate_backend');
	});

	test.each(['close', 'reset'] as const)(
		'whose wire is cut (%s) fails, and nothing else does',
		async (how) => {
			const wire = await Wire.before(deployment.url);
			const far = openSingle(deployment, { connectionString: wire.through(deployment.url) });
			const client = far.db.forOrganization(a.id);
			await far.db.connect();
			const failed = refusal(run(client));
			await whenAsleep();
			wire.cut(how);
			expect(await failed).toMatch(
				isOwn ? /^UNAVAILABLE$/ : /^(Connection terminated unexpectedly|P2010.*)$/,
			);
			expect(await client.prisma.destination.findMany()).toEqual([a.own]);
			await far.db.close();
			await wire.close();
			await whenAsleep('pg_terminate_backend');
		},
	);
});

test('a connection that is lost while it is idle is replaced', async () => {
	const pid = await single.pid();
	await deployment.rows('SELECT pg_terminate_backend($1)', [pid]);
	await setTimeout(50);
	expect(await single.pid()).not.toBe(pid);
});

test('a connection that is lost inside a transaction takes the whole transaction along', async () => {
	const pid = await single.pid();
	const failed = a.client.transaction(async ({ destinations }) => {
		await destinations.update(a.own.id, { name: 'Not saved' });
		await deployment.rows('SELECT pg_terminate_backend($1)', [pid]);
		await setTimeout(50);
		// A statement on another connection would be saved.
		await destinations.update(a.own.id, { name: 'Not saved' }).catch(() => {});
	});
	await expect(failed).rejects.toThrow();
});

test('a connection that is lost while it is cleaned is replaced', async () => {
	const wire = await Wire.before(deployment.url);
	const far = openSingle(deployment, { connectionString: wire.through(deployment.url) });
	const client = far.db.forOrganization(a.id);
	for (const how of ['close', 'reset'] as const) {
		await client.prisma.$queryRaw`SELECT set_config('search_path', 'mine', false)`;
		wire.cut(how);
		expect(await client.prisma.$queryRaw`SELECT count(*)::int FROM destinations`).toEqual([
			{ count: 2 },
		]);
	}
	await far.db.close();
	await wire.close();
});

// From one scope to the next nobody holds the connection for a moment, and Node ends the process when a
// connection is lost to which nobody listens.
test.each([1, 2, 3, 4, 5])(
	'a connection that ends together with its answer no. %s is replaced, and the process goes on',
	async (which) => {
		const wire = await Wire.before(deployment.url);
		const far = openSingle(deployment, { connectionString: wire.through(deployment.url) });
		const { prisma } = far.db.forOrganization(a.id);
		wire.endWithAnswer(which);
		const results = await Promise.allSettled([
			prisma.$queryRaw<{ id: string }[]>`SELECT id FROM destinations WHERE deleted_at IS NULL`,
			prisma.$queryRaw<{ id: string }[]>`SELECT id FROM destinations WHERE deleted_at IS NULL`,
			prisma.destination.findMany(),
			prisma.destination.findMany(),
		]);
		for (const result of results) {
			if (result.status === 'fulfilled') expect(result.value).toMatchObject([{ id: a.own.id }]);
		}
		expect(results.filter(({ status }) => status === 'rejected').length).toBeLessThanOrEqual(1);
		expect(await prisma.destination.findMany()).toEqual([a.own]);
		await far.db.close();
		await wire.close();
	},
);
