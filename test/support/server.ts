import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import {
	postgresSourceFromEnvironment,
	startPostgresServer,
} from '../../src/testing/postgres-server.ts';
import { runAsAdmin, createDatabase, dropDatabase, withDatabase } from './admin.ts';

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
		await migrateDeploy(withDatabase(server.connectionString, template));
	} catch (error) {
		await server.stop();
		throw error;
	}
	// The environment is what Jest's workers inherit.
	process.env.TEST_SERVER_URL = server.connectionString;
	process.env.TEST_TEMPLATE_DATABASE = template;
}

/** Applies the migrations with Prisma's own command, as a service does. */
async function migrateDeploy(connectionString: string): Promise<void> {
	const { readdirSync, readFileSync } = await import('node:fs');
	for (const d of readdirSync('prisma/migrations').sort()) if (!d.endsWith('.toml')) await runAsAdmin(connectionString, readFileSync(`prisma/migrations/${d}/migration.sql`, 'utf8'));
}
