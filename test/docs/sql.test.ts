import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { codeBlocks, documents } from './markdown.ts';

const blocks = documents()
	.flatMap(codeBlocks)
	.filter(({ language }) => language === 'sql');

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
	database = await createTestDatabase();
	client = new Client({ connectionString: database.connectionString });
	await client.connect();
});

afterAll(async () => {
	await client?.end();
	await database?.drop();
});

test('there is SQL to look at', () => {
	expect(blocks.length).toBeGreaterThan(0);
});

test.each(blocks)('the SQL at $place runs', async ({ code }) => {
	await client.query('BEGIN');
	try {
		// The names that prisma/grants/logins.sql suggests, and a role as a service of the platform has one.
		await client.query(
			'CREATE ROLE destinations_tenant; CREATE ROLE destinations_service; CREATE ROLE destinations_loading',
		);
		await client.query(code);
	} finally {
		await client.query('ROLLBACK');
	}
});
