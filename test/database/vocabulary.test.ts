import { Client } from 'pg';
import { destinationTypes } from '../../src/destinations/registry.ts';
import {
	ConnectionStatus,
	ConsentPurpose,
	Environment,
} from '../../src/destinations/vocabulary.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
	database = await createTestDatabase();
	client = new Client({ connectionString: database.connectionString });
	await client.connect();
});

afterAll(async () => {
	await client.end();
	await database.drop();
});

/** The words between quotes in a CHECK. */
async function wordsOf(constraint: string): Promise<string[]> {
	const { rows } = await client.query<{ definition: string }>(
		'SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conname = $1',
		[constraint],
	);
	return [...(rows[0]?.definition ?? '').matchAll(/'([^']+)'/g)]
		.map(([, word = '']) => word)
		.sort();
}

test.each([
	['destinations_valid_type', destinationTypes],
	['destinations_valid_environment', Object.values(Environment)],
	['destinations_valid_consent', Object.values(ConsentPurpose)],
	['destinations_valid_status', Object.values(ConnectionStatus)],
])('%s allows exactly the words that TypeScript knows', async (constraint, words) => {
	expect(await wordsOf(constraint)).toEqual([...words].sort());
});
