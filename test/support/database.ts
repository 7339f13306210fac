import { randomBytes } from 'node:crypto';
import {
	createDatabase,
	dropDatabase,
	withClient,
	withDatabase,
} from '../../src/testing/databases.ts';
import type { MigratedServer } from '../../src/testing/migrated-server.ts';
import { cloneTemplate } from '../../src/testing/test-database.ts';
import type { TestLogins } from '../../src/testing/test-logins.ts';

export interface TestDatabase {
	/** URL of the database, as the server's superuser. */
	readonly connectionString: string;
	drop(): Promise<void>;
}

/** The server of this run, which `global-setup.ts` started. */
export function testServer(): MigratedServer {
	const server = process.env.TEST_SERVER;
	if (server === undefined) throw new Error('run the tests with `npm test`');
	return JSON.parse(server);
}

/** A database of the test's own with every migration applied. */
export async function createTestDatabase(): Promise<
	TestDatabase & { readonly logins: TestLogins }
> {
	const { connectionString, logins, stop } = await cloneTemplate(testServer());
	return { connectionString, logins, drop: stop };
}

/** A database of the test's own with nothing in it. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
	const { connectionString, namePrefix, strategy } = testServer();
	const name = `${namePrefix}_${randomBytes(6).toString('hex')}`;
	await withClient(connectionString, (admin) => createDatabase(admin, name, { strategy }));
	return {
		connectionString: withDatabase(connectionString, name),
		drop: () => withClient(connectionString, (admin) => dropDatabase(admin, name)),
	};
}
