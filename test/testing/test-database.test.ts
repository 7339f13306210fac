import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { createDestinationsClient } from '../../src/index.ts';
import {
	createTestDestination,
	createTestKeys,
	startTestDatabase,
	type TestDatabase,
} from '../../src/testing/index.ts';
import { rowsOf } from './rows.ts';

const tables = [
	'destinations',
	'destination_audit_log',
	'destination_data_keys',
	'destination_settings_history',
	'organizations',
	'users',
];

const countRows = (connectionString: string) =>
	rowsOf<{ name: string; rows: number }>(
		connectionString,
		tables
			.map((name) => `SELECT '${name}' AS name, count(*)::int AS rows FROM ${name}`)
			.join(' UNION ALL '),
	);

const open = (database: TestDatabase) =>
	createDestinationsClient({ ...database.logins, keys: createTestKeys() });

describe('a database for tests', () => {
	let database: TestDatabase;
	beforeAll(async () => {
		database = await startTestDatabase({ source: 'embedded' });
	});
	afterAll(() => database.stop());
	afterEach(() => database.reset());

	test('serves a client with the logins of production', async () => {
		await using db = open(database);
		await db.connect();
		const { connectionString, serviceConnectionString, loaderConnectionString } = database.logins;
		// The options of a client, which has no use for the third.
		expect({ ...database.logins }).toEqual({ connectionString, serviceConnectionString });
		for (const [url, mayBecome, mayNot] of [
			[connectionString, 'authenticated', 'service_role'],
			[serviceConnectionString, 'service_role', 'authenticated'],
			[loaderConnectionString, 'destinations_loader', 'authenticated'],
			[loaderConnectionString, 'destinations_loader', 'service_role'],
		] as const) {
			const [login] = await rowsOf(
				url,
				`SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
				        pg_has_role('${mayBecome}', 'SET') AS becomes, pg_has_role('${mayNot}', 'MEMBER') AS other
				   FROM pg_roles WHERE rolname = current_user`,
			);
			expect(login).toEqual({
				rolsuper: false,
				rolinherit: false,
				rolcreaterole: false,
				rolcreatedb: false,
				rolbypassrls: false,
				rolreplication: false,
				becomes: true,
				other: false,
			});
			await expect(rowsOf(url, 'SELECT FROM destinations')).rejects.toMatchObject({
				code: '42501',
			});
		}
	});

	test('is emptied by reset(), while clients stay connected and the audit log stays protected', async () => {
		await using db = open(database);
		for (let round = 0; round < 3; round += 1) {
			const { id, organizationId } = await createTestDestination(db);
			const { destinations } = db.forOrganization(organizationId);
			await destinations.update(id, { settings: { apiKey: 'phc_changed' } });
			await destinations.softDelete(id);
			await rowsOf(
				database.connectionString,
				`INSERT INTO users DEFAULT VALUES;
				 INSERT INTO destination_data_keys (organization_id, generation, wrapped_key)
				 VALUES ('${organizationId}', 1, 'x')`,
			);
			for (const { name, rows } of await countRows(database.connectionString)) {
				expect([name, rows]).toEqual([name, expect.any(Number)]);
				expect(rows).toBeGreaterThan(0);
			}
			await database.reset();
			for (const { name, rows } of await countRows(database.connectionString)) {
				expect([name, rows]).toEqual([name, 0]);
			}
			expect(await destinations.findById(id)).toBeNull();
		}
		await createTestDestination(db);
		await expect(
			rowsOf(database.connectionString, 'DELETE FROM destination_audit_log'),
		).rejects.toMatchObject({ code: '42501' });
	});

	test("reset() keeps to the foreign keys of a service's own tables", async () => {
		await using clone = await database.clone();
		await rowsOf(
			clone.connectionString,
			`WITH made AS (INSERT INTO organizations DEFAULT VALUES RETURNING id)
			 SELECT id INTO orders FROM made;
			 ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES organizations`,
		);
		await expect(clone.reset()).rejects.toMatchObject({ code: '23503' });
		expect(await countRows(clone.connectionString)).toContainEqual({
			name: 'organizations',
			rows: 1,
		});
	});

	test('reset() says so when a transaction that was left open keeps it waiting', async () => {
		await using clone = await database.clone();
		const client = new Client({ connectionString: clone.connectionString });
		await client.connect();
		await client.query('BEGIN; LOCK TABLE destinations');
		await expect(clone.reset()).rejects.toMatchObject({ code: '55P03' });
		await client.end();
	});

	test('clones are new, and apart from each other', async () => {
		await using db = open(database);
		const mine = await createTestDestination(db);
		await using first = await database.clone();
		await using second = await first.clone();
		const names = [database, first, second].map((one) => new URL(one.connectionString).pathname);
		expect(new Set(names).size).toBe(3);
		await using inFirst = open(first);
		await createTestDestination(inFirst);
		await createTestDestination(inFirst);
		const counts = await Promise.all(
			[database, first, second].map(async (one) => {
				const [row] = await rowsOf(one.connectionString, 'SELECT count(*)::int FROM destinations');
				return row?.count;
			}),
		);
		expect(counts).toEqual([1, 2, 0]);
		await first.reset();
		expect(await db.asService().destinations.findById(mine.id)).toEqual(mine);
	});

	test('a clone that is stopped is gone, under its clients too; the others are not', async () => {
		const clone = await database.clone();
		const client = new Client({ connectionString: clone.connectionString });
		const lost = new Promise((resolve) => client.on('error', resolve));
		await client.connect();
		await clone.stop();
		await clone.stop();
		expect(await lost).toMatchObject({ code: '57P01' });
		await expect(rowsOf(clone.connectionString, 'SELECT')).rejects.toMatchObject({ code: '3D000' });
		await rowsOf(database.connectionString, 'SELECT');
	});

	test('many clones can be made at once', async () => {
		const clones = await Promise.all(Array.from({ length: 8 }, () => database.clone()));
		for (const clone of clones) await rowsOf(clone.connectionString, 'SELECT FROM destinations');
		await Promise.all(clones.map((clone) => clone.stop()));
	});
});

test('nothing is left when it is stopped, running or on disk', async () => {
	const database = await startTestDatabase({ source: 'embedded' });
	const [found] = await rowsOf<{ directory: string; pid: number }>(
		database.connectionString,
		`SELECT current_setting('data_directory') AS directory,
		        split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid`,
	);
	const { directory, pid } = found ?? { directory: '', pid: 0 };
	expect(existsSync(directory)).toBe(true);
	process.kill(pid, 0);
	await Promise.all([database.stop(), database.stop()]);
	expect(existsSync(directory)).toBe(false);
	expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

test('several start at once, each on its own', async () => {
	const databases = await Promise.all(
		[1, 2, 3].map(() => startTestDatabase({ source: 'embedded' })),
	);
	const ports = databases.map(({ connectionString }) => new URL(connectionString).port);
	expect(new Set(ports).size).toBe(3);
	for (const { connectionString } of databases)
		await rowsOf(connectionString, 'SELECT FROM destinations');
	await Promise.all(databases.map((database) => database.stop()));
});
