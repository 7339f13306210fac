import { migrateServer } from '../../src/testing/migrated-server.ts';
import {
	postgresSourceFromEnvironment,
	startPostgresServer,
} from '../../src/testing/postgres-server.ts';

declare global {
	var stopTestServer: (() => Promise<void>) | undefined;
}

/** One server for the whole run, with one migrated database that each test file clones. */
export default async function setUp(): Promise<void> {
	const server = await startPostgresServer(postgresSourceFromEnvironment());
	globalThis.stopTestServer = server.stop;
	try {
		// The environment is what Jest's workers inherit.
		process.env.TEST_SERVER = JSON.stringify(await migrateServer(server));
		process.env.TEST_SERVER_URL = server.connectionString;
	} catch (error) {
		await server.stop();
		throw error;
	}
}
