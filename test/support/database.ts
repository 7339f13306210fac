import { randomBytes } from 'node:crypto';
import { createDatabase, dropDatabase, withDatabase } from './admin.ts';

export interface TestDatabase {
	/** URL of the database, as the server's superuser. */
	readonly connectionString: string;
	drop(): Promise<void>;
}

/** A database of the test's own with every migration applied. */
export function createTestDatabase(): Promise<TestDatabase> {
	return create(environment('TEST_TEMPLATE_DATABASE'));
}

/** A database of the test's own with nothing in it. */
export function createEmptyDatabase(): Promise<TestDatabase> {
	return create(undefined);
}

async function create(template: string | undefined): Promise<TestDatabase> {
	const server = environment('TEST_SERVER_URL');
	const name = `destinations_test_${randomBytes(6).toString('hex')}`;
	await createDatabase(server, name, template);
	return {
		connectionString: withDatabase(server, name),
		drop: () => dropDatabase(server, name),
	};
}

function environment(name: string): string {
	const value = process.env[name];
	if (value === undefined) throw new Error(`${name} is not set: run the tests with \`npm test\``);
	return value;
}
