import {
	createDestinationsClient,
	type DestinationsClient,
	destinationTypes,
	settingsSchemas,
} from '../../src/index.ts';
import {
	createTestDestination,
	createTestKeys,
	startTestDatabase,
	type TestDatabase,
} from '../../src/testing/index.ts';
import { testServer } from '../support/database.ts';
import { rowsOf } from './rows.ts';

let database: TestDatabase;
let db: DestinationsClient;
const keys = createTestKeys();
beforeAll(async () => {
	database = await startTestDatabase({ source: testServer().connectionString });
	db = createDestinationsClient({ ...database.logins, keys });
});
afterAll(async () => {
	await db.close();
	await database.stop();
});

test.each(destinationTypes)('a %s destination opens again through another client', async (type) => {
	const made = await createTestDestination(db, { type });
	expect(made.type).toBe(type);
	expect(settingsSchemas[type].parse(made.settings)).toEqual(made.settings);
	await using other = createDestinationsClient({ ...database.logins, keys });
	expect(await other.forOrganization(made.organizationId).destinations.findById(made.id)).toEqual(
		made,
	);
	const [stored] = await rowsOf(
		database.connectionString,
		'SELECT settings_encrypted FROM destinations WHERE id = $1',
		[made.id],
	);
	expect(stored).toEqual({ settings_encrypted: true });
});

test('is of PostHog, in an organization of its own, with settings of its own', async () => {
	const [one, other] = [await createTestDestination(db), await createTestDestination(db)];
	expect([one.type, other.type]).toEqual(['posthog', 'posthog']);
	expect(one.organizationId).not.toBe(other.organizationId);
	expect(one.settings.apiKey).not.toBe(other.settings.apiKey);
});

test('takes whatever create() takes', async () => {
	const { organizationId } = await createTestDestination(db);
	const [user] = await rowsOf<{ id: string }>(
		database.connectionString,
		'INSERT INTO users DEFAULT VALUES RETURNING id',
	);
	const given = {
		type: 'meta-pixel',
		organizationId,
		name: 'Shop',
		description: 'of the shop',
		environment: 'staging',
		settings: { pixelId: '1234567890', accessToken: 'EAAtoken' },
		requiredConsent: ['marketing'],
		enabled: false,
		testMode: true,
		createdBy: user?.id ?? '',
	} as const;
	expect(await createTestDestination(db, given)).toMatchObject(given);
});

test('fails as create() does', async () => {
	const { organizationId } = await createTestDestination(db);
	await expect(createTestDestination(db, { organizationId })).rejects.toMatchObject({
		code: 'ALREADY_EXISTS',
	});
	await expect(
		createTestDestination(db, { settings: { apiKey: 'phx_personal' } }),
	).rejects.toMatchObject({ code: 'VALIDATION' });
});

test.each([
	null,
	5,
	'posthog',
	[],
	new Map(),
	{ type: 'snapchat' },
	{ type: null },
	{ organizationId: 'x' },
	{ organizationId: null },
	{ createdBy: null },
	{ nane: 'Shop' },
	{ settings: null },
])('refuses %j, and makes no organization for it', async (input) => {
	const organizations = () => db.asService().prisma.organization.count();
	const before = await organizations();
	await expect(createTestDestination(db, input as never)).rejects.toMatchObject({
		code: 'VALIDATION',
	});
	expect(await organizations()).toBe(before);
});
