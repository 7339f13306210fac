import { inspect } from 'node:util';
import type { PoolConfig } from 'pg';
import { diagnose } from '../src/doctor/diagnose.ts';
import {
	ConfigurationError,
	createDestinationsClient,
	createDestinationsLoader,
	EnvelopeKeyProvider,
	purgeExpired,
	rotateKeys,
	verifySettings,
} from '../src/index.ts';
import { createTestDatabase } from './support/database.ts';

const keys = `test:${'4f'.repeat(31)}50`;
const { DATABASE_URL, DATABASE_SERVICE_URL } = process.env;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
	database = await createTestDatabase();
});
beforeEach(() => {
	delete process.env.DATABASE_URL;
	delete process.env.DATABASE_SERVICE_URL;
});
afterAll(async () => {
	delete process.env.DATABASE_SERVICE_URL;
	Object.assign(process.env, DATABASE_URL && { DATABASE_URL });
	Object.assign(process.env, DATABASE_SERVICE_URL && { DATABASE_SERVICE_URL });
	await database.drop();
});

test.each([{}, { connectionString: '' }, { pool: {} }, { pool: { max: 2 } }])(
	'without a place to connect to, %j is refused, and not a server on this machine',
	async (options) => {
		for (const variable of [undefined, '']) {
			if (variable !== undefined) process.env.DATABASE_URL = variable;
			expect(() => createDestinationsClient({ ...options, keys })).toThrow('DATABASE_URL');
		}
	},
);

test('an empty second login is refused, and not the first one used for both', () => {
	const { connectionString } = database;
	const open = () =>
		createDestinationsClient({ connectionString, serviceConnectionString: '', keys });
	expect(open).toThrow('serviceConnectionString');
});

test('options of the pool that name no host go with DATABASE_URL', async () => {
	process.env.DATABASE_URL = database.connectionString;
	await using db = createDestinationsClient({ pool: { max: 2 }, keys });
	await expect(db.connect()).resolves.toBeUndefined();
	await expect(verifySettings({ connection: { keepAlive: true }, keys })).resolves.toMatchObject({
		checked: 0,
	});
});

test('options of the pool that name a host go without it', async () => {
	process.env.DATABASE_URL = 'postgresql://127.0.0.1:1/none';
	const { hostname, port, username, password, pathname } = new URL(database.connectionString);
	const place = {
		host: hostname,
		port: Number(port),
		user: username,
		password,
		database: pathname.slice(1),
	};
	await using db = createDestinationsClient({ pool: place, keys });
	await expect(db.connect()).resolves.toBeUndefined();
	await expect(rotateKeys({ connection: place, keys })).resolves.toMatchObject({ failed: 0 });
});

describe('with the two logins of the environment', () => {
	const bounds = { settingsKeep: 100 };
	beforeEach(() => {
		process.env.DATABASE_URL = database.logins.connectionString;
		process.env.DATABASE_SERVICE_URL = database.logins.serviceConnectionString;
	});

	test('a client uses each for its scope', async () => {
		await using db = createDestinationsClient({ keys });
		await expect(db.connect()).resolves.toBeUndefined();
		const [row] = await db.asService().prisma.$queryRaw<[{ login: string }]>`
			SELECT session_user::text AS login`;
		expect(row.login).toBe(new URL(database.logins.serviceConnectionString).username);
	});

	test('a client whose first login was passed uses that one alone', async () => {
		await using db = createDestinationsClient({ connectionString: process.env.DATABASE_URL, keys });
		await expect(db.connect()).rejects.toThrow('may not switch to the role service_role');
	});

	test('what works as the service alone uses that login, with or without the other', async () => {
		for (const tenants of [process.env.DATABASE_URL, undefined]) {
			if (tenants === undefined) delete process.env.DATABASE_URL;
			await expect(verifySettings({ keys })).resolves.toMatchObject({ checked: 0 });
			await expect(rotateKeys({ keys })).resolves.toMatchObject({ failed: 0 });
			await expect(purgeExpired(bounds)).resolves.toMatchObject({ failed: 0 });
		}
	});

	test('nothing works on another database than DATABASE_URL names', async () => {
		process.env.DATABASE_URL = 'postgresql://u:s3cret@localhost:1/backup';
		const different = /^DATABASE_URL leads to localhost:1\/backup, and DATABASE_SERVICE_URL to /;
		expect(() => createDestinationsClient({ keys })).toThrow(different);
		for (const run of [verifySettings({ keys }), rotateKeys({ keys }), purgeExpired(bounds)]) {
			await expect(run).rejects.toThrow(different);
		}
	});
});

describe('an address that leads to several servers, or cannot be read, is refused at the start', () => {
	const several = /Name one host that leads to the primary/;
	const unreadable = /^The URL of the database cannot be read/;
	const addresses: Record<string, [PoolConfig, RegExp]> = {
		'two hosts with ports': [
			{ connectionString: 'postgresql://u:s3cret@one:5432,two:5433/x' },
			several,
		],
		'two addresses of IPv6': [{ connectionString: 'postgresql://u:s3cret@[::1],[::2]/x' }, several],
		'a comma in a password with a slash': [
			{ connectionString: 'postgresql://u:s3,cret/s3cret@one:5432/x' },
			unreadable,
		],
		'two hosts': [{ connectionString: 'postgresql://u:s3cret@one,two/x' }, several],
		'two hosts as a parameter': [
			{ connectionString: 'postgresql://u:s3cret@/x?host=one,two' },
			several,
		],
		'two hosts as an option': [{ host: 'one,two', password: 's3cret' }, several],
		target_session_attrs: [
			{ connectionString: 'postgresql://u:s3cret@one/x?target_session_attrs=read-write' },
			several,
		],
		load_balance_hosts: [
			{ connectionString: 'postgresql://u:s3cret@one/x?load_balance_hosts=random' },
			several,
		],
		'a slash in the password': [
			{ connectionString: 'postgresql://u:s3cret/s3cret@one:5432/x' },
			unreadable,
		],
		'no URL': [{ connectionString: 's3cret' }, unreadable],
		'a URL of something else': [{ connectionString: 'mysql://u:s3cret@one/x' }, unreadable],
		'a file that is not there': [
			{ connectionString: 'postgresql://u:s3cret@one/x?sslrootcert=/none/here.pem' },
			/^A file that the URL of the database names cannot be read: ENOENT/,
		],
	};
	const wrap = async () => new Uint8Array(32);
	const starts: Record<string, (address: PoolConfig) => unknown> = {
		createDestinationsClient: (pool) => createDestinationsClient({ pool, keys }),
		"createDestinationsClient, the service's": ({ connectionString }) =>
			createDestinationsClient({
				connectionString: database.connectionString,
				serviceConnectionString: connectionString ?? 'postgresql://u:s3cret@one,two/x',
				keys,
			}),
		createDestinationsLoader: (pool) => createDestinationsLoader({ pool, keys }),
		EnvelopeKeyProvider: (pool) =>
			new EnvelopeKeyProvider({ wrap, unwrap: wrap, cacheSeconds: 60, pool }),
		rotateKeys: (connection) => rotateKeys({ connection, keys }),
		verifySettings: (connection) => verifySettings({ connection, keys }),
		diagnose: (connection) => diagnose({ connection }),
	};
	const cases = Object.entries(addresses).flatMap(([what, [address, message]]) =>
		Object.entries(starts).map(([name, start]) => ({ what, name, start, address, message })),
	);

	test.each(cases)('$what: $name', async ({ start, address, message }) => {
		const started = async () => start(address);
		const refused = await started().catch((error: unknown) => error);
		expect(refused).toBeInstanceOf(ConfigurationError);
		expect((refused as ConfigurationError).message).toMatch(message);
		expect(inspect(refused)).not.toContain('s3cret');
	});
});
