import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { migrateDeploy } from '../src/testing/migrate.ts';
import { startPostgresServer } from '../src/testing/postgres-server.ts';

export interface BenchDatabase {
	readonly connectionString: string;
	/** A plain connection, as superuser. */
	readonly admin: Client;
}

/** Runs a benchmark on a migrated Postgres of its own. */
export async function withDatabase<T>(work: (database: BenchDatabase) => Promise<T>): Promise<T> {
	const server = await startPostgresServer('embedded');
	try {
		await migrateDeploy(fileURLToPath(new URL('..', import.meta.url)), server.connectionString);
		const admin = new Client({ connectionString: server.connectionString });
		await admin.connect();
		try {
			return await work({ connectionString: server.connectionString, admin });
		} finally {
			await admin.end();
		}
	} finally {
		await server.stop();
	}
}

/** Creates organizations; gives their ids. */
export async function createOrganizations(admin: Client, count: number): Promise<string[]> {
	const { rows } = await admin.query<{ id: string }>(
		'INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id',
		[count],
	);
	return rows.map(({ id }) => id);
}
