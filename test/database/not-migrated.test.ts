import {
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsClient,
	type DestinationsLoader,
	purgeExpired,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { createDatabase, withClient, withDatabase } from '../../src/testing/databases.ts';
import { type PostgresServer, startPostgresServer } from '../../src/testing/postgres-server.ts';
import { createTestDatabase } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';

// Databases on which nobody ran the migrations. The server of one has their roles, from another database.

const keys = newKeys();
const name = `not_migrated_${process.pid}`;
const organizationId = '0193a1b2-0000-7000-8000-000000000001';
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: PostgresServer;

beforeAll(async () => {
	database = await createTestDatabase();
	await withClient(database.connectionString, (admin) => createDatabase(admin, name));
	server = await startPostgresServer('embedded');
});
afterAll(async () => {
	await withClient(database.connectionString, (admin) => admin.query(`DROP DATABASE ${name}`));
	await database.drop();
	await server.stop();
});

const places: Record<string, () => { connectionString: string; ofLoaders: string }> = {
	'a database without tables': () => ({
		connectionString: withDatabase(database.connectionString, name),
		ofLoaders: withDatabase(database.logins.loaderConnectionString, name),
	}),
	'a server without roles': () => ({
		connectionString: server.connectionString,
		ofLoaders: server.connectionString,
	}),
};

interface Parties {
	readonly db: DestinationsClient;
	readonly loader: DestinationsLoader;
	readonly connectionString: string;
}

const calls: Record<string, (parties: Parties) => Promise<unknown>> = {
	'connect()': ({ db }) => db.connect(),
	'a list': ({ db }) => db.forOrganization(organizationId).destinations.list(),
	'a create': ({ db }) =>
		db
			.forOrganization(organizationId)
			.destinations.create({ organizationId, type: 'console', name: 'x', settings: {} }),
	'a transaction': ({ db }) =>
		db.forOrganization(organizationId).transaction((tx) => tx.destinations.list()),
	'the log': ({ db }) => db.forOrganization(organizationId).audit.list(),
	verifySettings: ({ connectionString }) => verifySettings({ connectionString, keys }),
	rotateKeys: ({ connectionString }) => rotateKeys({ connectionString, keys }),
	purgeExpired: ({ connectionString }) => purgeExpired({ connectionString, settingsKeep: 1 }),
	'a loader': ({ loader }) => loader.start(),
};

describe.each(Object.keys(places))('on %s', (place) => {
	test.each(Object.keys(calls))('%s says that the migrations are to be run', async (call) => {
		const { connectionString = '', ofLoaders } = places[place]?.() ?? {};
		const db = createDestinationsClient({ connectionString, keys });
		const loader = createDestinationsLoader({ connectionString: ofLoaders, keys });
		try {
			await expect(calls[call]?.({ db, loader, connectionString })).rejects.toMatchObject({
				code: 'CONFIGURATION',
				message: expect.stringContaining('npx prisma migrate deploy'),
				cause: expect.anything(),
			});
		} finally {
			await Promise.all([db.close(), loader.close()]);
		}
	});
});
