import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { PoolConfig } from 'pg';
import {
	DestinationsError,
	isDatabaseUnavailable,
	isRetryable,
	UnavailableError,
} from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { newKeys } from '../support/encryption.ts';
import { Deployment, type Tenant } from '../tenancy/deployment.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { type Destined, everyCommand, everyRoadThatConnects } from './every-road.ts';

// Where no session begins, every call says so by the same error.

const keys = newKeys();
let deployment: Deployment;
let a: Tenant;
let silent: Server;
const sockets: Socket[] = [];

beforeAll(async () => {
	deployment = await Deployment.open();
	a = await deployment.newTenant(deployment.open({ keys }));
	silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
	await once(silent, 'listening');
});

afterAll(async () => {
	for (const socket of sockets) socket.destroy();
	silent.close();
	await deployment.close();
});

function at(change: { port?: string; pathname?: string }): string {
	return Object.assign(new URL(deployment.url), change).href;
}

interface Place {
	readonly connectionString: string;
	readonly pool?: PoolConfig;
}

/** Each with what pg says of it. */
const places: Readonly<Record<string, [find: () => Promise<Place>, cause: RegExp]>> = {
	'nobody listens': [
		async () => {
			const closed = createServer().listen(0, '127.0.0.1');
			await once(closed, 'listening');
			const { port } = closed.address() as AddressInfo;
			closed.close();
			return { connectionString: at({ port: String(port) }) };
		},
		/^ECONNREFUSED/,
	],
	'there is no socket': [
		async () => ({ connectionString: '', pool: { host: '/nonexistent' } }),
		/^ENOENT/,
	],
	'somebody listens and never answers': [
		async () => {
			const { port } = silent.address() as AddressInfo;
			const connectionString = at({ port: String(port) });
			return { connectionString, pool: { connectionTimeoutMillis: 30 } };
		},
		/^(timeout expired|Connection terminated due to connection timeout|timeout exceeded)/,
	],
	'the server has no TLS': [
		async () => ({ connectionString: deployment.url, pool: { ssl: true } }),
		/^The server does not support SSL connections/,
	],
	'the password is wrong': [
		async () => {
			const { username } = new URL(deployment.url);
			return { connectionString: withLogin(deployment.url, username, 'wrong') };
		},
		/^28P01$/,
	],
	'the database is not there': [
		async () => ({ connectionString: at({ pathname: '/not_there' }) }),
		/^3D000$/,
	],
	'the login has no connection left': [
		async () => {
			const connectionString = await deployment.newLogin('authenticated', 'service_role');
			const { username } = new URL(connectionString);
			await deployment.rows(`ALTER ROLE ${username} CONNECTION LIMIT 0`);
			return { connectionString };
		},
		/^53300$/,
	],
	'the login may not connect': [
		async () => {
			const { pathname } = new URL(deployment.url);
			await deployment.rows(`REVOKE CONNECT ON DATABASE ${pathname.slice(1)} FROM PUBLIC`);
			return { connectionString: deployment.url };
		},
		/^42501$/,
	],
};

const errorOf = (work: PromiseLike<unknown>): Promise<unknown> =>
	Promise.resolve(work).then(
		() => 'no error',
		(error: unknown) => error,
	);

describe.each(Object.entries(places))('%s', (_name, [find, says]) => {
	let to: Destined;

	beforeAll(async () => {
		const place = await find();
		const db = deployment.open({ ...place, keys });
		const subject = { id: a.own.id, organizationId: a.id };
		to = { ...place, keys, db, scope: db.asService(), subject };
	});

	test.each(Object.entries(everyRoadThatConnects))('%s', async (_, road) => {
		const error = await errorOf(road(to));
		expect(error).toBeInstanceOf(UnavailableError);
		expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
		const cause = codesOf((error as Error).cause);
		// What begins a transaction is Prisma, which has codes of its own.
		expect(/^P(10\d\d|20(10|28|37|39))\b/.test(cause) || says.test(cause)).toBe(true);
		expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([true, true]);
	});

	test('Prisma has an error of its own, which says the same of itself', async () => {
		const error = await errorOf(to.scope.prisma.destination.findMany());
		expect(error).not.toBeInstanceOf(DestinationsError);
		expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([true, true]);
	});

	test('the commands print it', async () => {
		// They take the URL alone.
		if (to.pool !== undefined) return;
		for (const command of Object.values(everyCommand)) {
			const { status, stderr } = await command(to);
			expect(stderr).toMatch(
				/^UNAVAILABLE: (The database cannot be reached|The database refuses the login|The server does not have|No connection to|The server, .* accepts no more connections).*\nThe database says: ./,
			);
			expect(status).toBe(1);
		}
	});
});
