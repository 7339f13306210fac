import { Client } from 'pg';
import { createDestinationsClient } from '../../src/index.ts';
import {
	createTestDestination,
	createTestKeys,
	startTestDatabase,
} from '../../src/testing/index.ts';
import { testServer } from '../support/database.ts';
import { rowsOf } from './rows.ts';

const source = testServer().connectionString;

/** Runs SQL as a service's own migrations do. */
const migrateBy = (sql: string) => async (connectionString: string) => {
	const client = new Client({ connectionString });
	await client.connect();
	try {
		await client.query(sql);
	} finally {
		await client.end();
	}
};

const hosts = `
	CREATE TYPE plan AS ENUM ('free', 'paid');
	CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z0-9]+$');
	CREATE TABLE organizations (
		id uuid PRIMARY KEY, name text NOT NULL, code varchar(8) NOT NULL UNIQUE, slug slug NOT NULL,
		plan plan NOT NULL, seats integer NOT NULL, active boolean NOT NULL, since timestamptz NOT NULL,
		tags text[] NOT NULL, extra jsonb NOT NULL, key uuid NOT NULL, note text, made timestamptz NOT NULL DEFAULT now(),
		number bigint NOT NULL GENERATED ALWAYS AS IDENTITY
	);
	CREATE TABLE rates (currency text PRIMARY KEY);
	INSERT INTO rates VALUES ('EUR');
	CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY);
	INSERT INTO _prisma_migrations VALUES ('of the host')`;

test('a service has its own tables first, and destinations in its own organizations', async () => {
	await using database = await startTestDatabase({ source, migrate: migrateBy(hosts) });
	await using db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
	const made = [await createTestDestination(db), await createTestDestination(db)];
	const sql = (text: string) => rowsOf(database.connectionString, text);
	expect(
		await sql('SELECT plan, active, tags, extra, length(code) AS length FROM organizations'),
	).toEqual(made.map(() => ({ plan: 'free', active: false, tags: [], extra: {}, length: 8 })));
	await database.reset();
	expect(await sql('SELECT FROM organizations')).toEqual([]);
	expect(await sql('SELECT FROM destinations')).toEqual([]);
	expect(await sql('SELECT currency FROM rates')).toEqual([{ currency: 'EUR' }]);
	// Prisma's history of the service is the service's.
	expect(await sql('SELECT id FROM _prisma_migrations')).toEqual([{ id: 'of the host' }]);
	expect(
		(await sql('SELECT FROM destinations_migrations._prisma_migrations')).length,
	).toBeGreaterThan(5);
	await using clone = await database.clone();
	expect(await rowsOf(clone.connectionString, 'SELECT FROM rates')).toHaveLength(1);
	// Another service's database on the same server.
	await using other = await startTestDatabase({ source });
	const found = `SELECT to_regclass('rates') AS rates, to_regclass('_prisma_migrations') IS NULL AS missing`;
	expect(await rowsOf(other.connectionString, found)).toEqual([{ rates: null, missing: false }]);
});

test('an organization that needs more is the service’s to create', async () => {
	const migrate = migrateBy(`
		CREATE TABLE owners (id integer PRIMARY KEY);
		CREATE TABLE organizations (id uuid PRIMARY KEY, owner integer NOT NULL REFERENCES owners);
		INSERT INTO owners VALUES (-1)`);
	await using database = await startTestDatabase({ source, migrate });
	await using db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
	await expect(createTestDestination(db)).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message: expect.stringMatching(/organizationId/),
	});
	const [row] = await rowsOf(
		database.connectionString,
		'INSERT INTO organizations VALUES (gen_random_uuid(), -1) RETURNING id',
	);
	const { id: organizationId } = row as { id: string };
	expect(await createTestDestination(db, { organizationId })).toMatchObject({ organizationId });
});

test('migrations that fail, leave connections open or are no function are refused', async () => {
	await expect(startTestDatabase({ source, migrate: migrateBy('SELECT 1/0') })).rejects.toThrow(
		'division by zero',
	);
	await expect(startTestDatabase({ source, migrate: 'x' as never })).rejects.toMatchObject({
		code: 'CONFIGURATION',
	});
	let open: Client | undefined;
	const migrate = async (connectionString: string) => {
		open = new Client({ connectionString });
		open.on('error', () => {});
		await open.connect();
	};
	await expect(startTestDatabase({ source, migrate })).rejects.toThrow(/left connections open/);
	await open?.end().catch(() => {});
});
