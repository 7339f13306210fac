import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { isNativeError } from 'node:util/types';
import {
	type DestinationsClient,
	DestinationsError,
	isDatabaseUnavailable,
	UnsupportedError,
} from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { codesOf } from './refusal.ts';

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

/** Waits for a session of this database that sleeps, and selects something of it. */
async function sleepers(selection = 'pid'): Promise<void> {
	const select = `SELECT ${selection} FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event = 'PgSleep'`;
	while ((await deployment.rows(select)).length === 0);
}

// By the repository: test/database/no-session.test.ts.
describe('a database that cannot be used gives the error of Prisma by its API', () => {
	const expectForeign = async (connectionString: string, codes: RegExp) => {
		const down = deployment.open({ connectionString, pool: { connectionTimeoutMillis: 60_000 } });
		const { prisma } = down.forOrganization(a.id);
		for (const call of [
			() => prisma.destination.findMany(),
			() => prisma.$queryRaw`SELECT 1`,
			() => prisma.$transaction(async () => {}),
		]) {
			const error: unknown = await Promise.resolve(call()).then(
				() => undefined,
				(reason: unknown) => reason,
			);
			// Node's own are of another realm than Jest's.
			expect(isNativeError(error)).toBe(true);
			expect(error).not.toBeInstanceOf(DestinationsError);
			expect(codesOf(error)).toMatch(codes);
			expect(isDatabaseUnavailable(error)).toBe(true);
		}
	};

	test('nobody listens', async () => {
		const server = createServer().listen(0, '127.0.0.1');
		await new Promise((resolve) => server.once('listening', resolve));
		const url = new URL(deployment.url);
		url.port = String((server.address() as { port: number }).port);
		await new Promise((resolve) => server.close(resolve));
		await expectForeign(url.href, /^(P1001|P2010|ECONNREFUSED)/);
	});

	test('the database is not there', async () => {
		const url = new URL(deployment.url);
		url.pathname = '/not_there';
		await expectForeign(url.href, /^((P1003|P2010) )?3D000$/);
	});

	test('the password is wrong', async () => {
		const { username } = new URL(deployment.url);
		await expectForeign(withLogin(deployment.url, username, 'wrong'), /^((P1000|P2010) )?28P01$/);
	});
});

describe('isDatabaseUnavailable', () => {
	const errorOf = (work: PromiseLike<unknown>): Promise<unknown> =>
		Promise.resolve(work).then(
			() => undefined,
			(error: unknown) => error,
		);

	test('knows a pool without a free connection', async () => {
		const busy = deployment.open({ pool: { max: 1, connectionTimeoutMillis: 500 } });
		const { destinations, prisma, transaction } = busy.forOrganization(a.id);
		// The limit is for a new connection too, which a busy machine may not open in that time.
		while ((await errorOf(busy.connect())) !== undefined);
		await transaction(async () => {
			const errors = await Promise.all([
				errorOf(destinations.findById(a.own.id)),
				errorOf(prisma.destination.findMany()),
				errorOf(prisma.$transaction(async () => {}, { maxWait: 50 })),
				errorOf(transaction(async () => {})),
			]);
			expect(errors.map(isDatabaseUnavailable)).toEqual([true, true, true, true]);
		});
	});

	test.each([
		['pg_terminate_backend', true],
		['pg_cancel_backend', false],
	])('of a statement that was stopped by %s says %s', async (stop, unavailable) => {
		const stopped = async (sleeping: PromiseLike<unknown>) => {
			const error = errorOf(sleeping);
			await sleepers(`${stop}(pid)`);
			return error;
		};
		const { prisma, transaction } = db.forOrganization(a.id);
		const errors = [
			await stopped(prisma.$queryRaw`SELECT pg_sleep(600)::text`),
			await errorOf(
				transaction(
					async (tx) => {
						await stopped(tx.prisma.$queryRaw`SELECT pg_sleep(600)::text`);
						await tx.destinations.findById(a.own.id);
					},
					{ timeout: 60_000 },
				),
			),
		];
		expect(errors.map(isDatabaseUnavailable)).toEqual([unavailable, unavailable]);
	});

	test('tells what is wrong with a call, or is no error at all, from it', async () => {
		const { destinations, prisma } = db.forOrganization(a.id);
		const errors = [
			await errorOf(destinations.findById('none')),
			await errorOf(prisma.destination.findFirstOrThrow({ where: { name: 'none' } })),
			await errorOf(prisma.$queryRaw`SELEC`),
			undefined,
			'ECONNREFUSED',
		];
		expect(errors.map(isDatabaseUnavailable)).toEqual(errors.map(() => false));
	});
});

describe('after close()', () => {
	test('everything is refused, with what to do', async () => {
		const closed = deployment.open();
		const { prisma, destinations, transaction } = closed.forOrganization(a.id);
		expect(await destinations.findById(a.own.id)).toEqual(a.own);
		await closed.close();
		for (const call of [
			() => closed.connect(),
			() => destinations.findById(a.own.id),
			() => prisma.destination.findMany(),
			() => prisma.$queryRaw`SELECT 1`,
			() => prisma.$transaction([prisma.destination.findMany()]),
			() => transaction(async () => {}),
			() => closed.asService().destinations.findById(a.own.id),
		]) {
			await expect(call()).rejects.toThrow('The client was closed');
			await expect(call()).rejects.toThrow(UnsupportedError);
		}
	});

	test('statements under way are waited for, and closing twice is no error', async () => {
		const closing = deployment.open();
		const { prisma } = closing.forOrganization(a.id);
		await closing.connect();
		const slow = Promise.resolve(
			prisma.$queryRaw`SELECT count(*)::int FROM destinations, pg_sleep(0.5)`,
		);
		await sleepers();
		await Promise.all([closing.close(), closing.close()]);
		expect(await slow).toEqual([{ count: 2 }]);
		await closing.close();
	});

	test('what waits for a connection then gets one, and what comes later does not', async () => {
		const closing = deployment.open({ pool: { max: 1 } });
		const { destinations, prisma } = closing.forOrganization(a.id);
		const slow = Promise.resolve(prisma.$queryRaw`SELECT pg_sleep(0.5)::text`);
		await sleepers();
		const waiting = Array.from({ length: 5 }, () => destinations.findById(a.own.id));
		const closed = closing.close();
		await slow;
		expect(await Promise.all(waiting)).toEqual(waiting.map(() => a.own));
		await closed;
		await expect(destinations.findById(a.own.id)).rejects.toThrow('The client was closed');
	});

	test('no connection is left', async () => {
		const name = `closed_${randomUUID().slice(0, 8)}`;
		const closed = deployment.open({ pool: { application_name: name } });
		await closed.connect();
		await closed.close();
		// A session ends after its client is gone.
		const sessions = 'SELECT FROM pg_stat_activity WHERE application_name = $1';
		while ((await deployment.rows(sessions, [name])).length > 0);
	});
});
