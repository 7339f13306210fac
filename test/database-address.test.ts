import { createDestinationsClient, rotateKeys, verifySettings } from '../src/index.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

const keys = `test:${'4f'.repeat(31)}50`;
const { DATABASE_URL } = process.env;

let database: TestDatabase;
beforeAll(async () => {
	database = await createTestDatabase();
});
beforeEach(() => {
	delete process.env.DATABASE_URL;
});
afterAll(async () => {
	if (DATABASE_URL !== undefined) process.env.DATABASE_URL = DATABASE_URL;
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
