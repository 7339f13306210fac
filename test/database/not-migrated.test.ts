import {
	createDestinationsClient,
	createDestinationsLoader,
	purgeExpired,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { createDatabase, withClient, withDatabase } from '../../src/testing/databases.ts';
import { createTestDatabase } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';

// A database on which nobody ran the migrations.

const keys = newKeys();
const name = `not_migrated_${process.pid}`;
const organizationId = '0193a1b2-0000-7000-8000-000000000001';
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let connectionString: string;

beforeAll(async () => {
	database = await createTestDatabase();
	await withClient(database.connectionString, (admin) => createDatabase(admin, name));
	connectionString = withDatabase(database.connectionString, name);
});
afterAll(async () => {
	await withClient(database.connectionString, (admin) => admin.query(`DROP DATABASE ${name}`));
	await database.drop();
});

test.each([
	'a list',
	'a create',
	'a transaction',
	'the log',
	'verifySettings',
	'rotateKeys',
	'purgeExpired',
	'a loader',
])('%s says that the migrations are to be run', async (call) => {
	const db = createDestinationsClient({ connectionString, keys });
	const loader = createDestinationsLoader({
		connectionString: withDatabase(database.logins.loaderConnectionString, name),
		keys,
	});
	const acme = db.forOrganization(organizationId);
	const calls: Record<string, () => Promise<unknown>> = {
		'a list': () => acme.destinations.list(),
		'a create': () =>
			acme.destinations.create({ organizationId, type: 'console', name: 'x', settings: {} }),
		'a transaction': () => acme.transaction((tx) => tx.destinations.list()),
		'the log': () => acme.audit.list(),
		verifySettings: () => verifySettings({ connectionString, keys }),
		rotateKeys: () => rotateKeys({ connectionString, keys }),
		purgeExpired: () => purgeExpired({ connectionString, settingsKeep: 1 }),
		'a loader': () => loader.start(),
	};
	try {
		await expect(calls[call]?.()).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringContaining('npx prisma migrate deploy'),
			cause: { code: '42P01' },
		});
	} finally {
		await Promise.all([db.close(), loader.close()]);
	}
});
