import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { type DestinationsClient, DestinationsError, UnsupportedError } from '../../src/index.ts';
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

describe('a database that cannot be used gives the error of Prisma or pg', () => {
	const expectForeign = async (connectionString: string, codes: RegExp) => {
		const down = deployment.open({ connectionString, pool: { connectionTimeoutMillis: 2000 } });
		const { prisma, destinations, transaction } = down.forOrganization(a.id);
		for (const call of [
			() => down.connect(),
			() => destinations.findById(a.own.id),
			() => destinations.findByType('posthog'),
			() => destinations.update(a.own.id, { name: 'x' }),
			() => prisma.$queryRaw`SELECT 1`,
			() => transaction(async () => {}),
		]) {
			const error: unknown = await call().then(
				() => undefined,
				(reason: unknown) => reason,
			);
			expect(error).toBeInstanceOf(Error);
			expect(error).not.toBeInstanceOf(DestinationsError);
			expect(codesOf(error)).toMatch(codes);
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
		await expectForeign(url.href, /^(P1003|P2010).*3D000$/);
	});

	test('the password is wrong', async () => {
		const { username } = new URL(deployment.url);
		await expectForeign(withLogin(deployment.url, username, 'wrong'), /^(P1000|P2010).*28P01$/);
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
			prisma.$queryRaw`SELECT count(*)::int FROM destinations, pg_sleep(0.2)`,
		);
		await new Promise((resolve) => setTimeout(resolve, 50));
		await Promise.all([closing.close(), closing.close()]);
		expect(await slow).toEqual([{ count: 2 }]);
		await closing.close();
	});

	test('no connection is left', async () => {
		const name = `closed_${randomUUID().slice(0, 8)}`;
		const closed = deployment.open({ pool: { application_name: name } });
		await closed.connect();
		await closed.close();
		await new Promise((resolve) => setTimeout(resolve, 100));
		expect(
			await deployment.rows('SELECT FROM pg_stat_activity WHERE application_name = $1', [name]),
		).toEqual([]);
	});
});
