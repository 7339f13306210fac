import { randomBytes } from 'node:crypto';
import { migrateDeploy } from '../../src/testing/migrate.ts';
import {
	postgresSourceFromEnvironment,
	startPostgresServer,
} from '../../src/testing/postgres-server.ts';
import { createDatabase, dropDatabase, withDatabase } from './admin.ts';

declare global {
	var stopTestServer: (() => Promise<void>) | undefined;
}

/** One server for the whole run, with one migrated database that each test file clones. */
export async function startServer(): Promise<void> {
	const server = await startPostgresServer(postgresSourceFromEnvironment());
	const template = `destinations_template_${randomBytes(4).toString('hex')}`;
	globalThis.stopTestServer = async () => {
		await dropDatabase(server.connectionString, template);
		await server.stop();
	};
	try {
		await createDatabase(server.connectionString, template);
		await migrateDeploy(process.cwd(), withDatabase(server.connectionString, template));
	} catch (error) {
		await server.stop();
		throw error;
	}
	// The environment is what Jest's workers inherit.
	process.env.TEST_SERVER_URL = server.connectionString;
	process.env.TEST_TEMPLATE_DATABASE = template;
}
