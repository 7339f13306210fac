import { Client } from 'pg';
import { startTestDatabase, type TestLogins } from '../src/testing/index.ts';

export interface BenchDatabase {
	readonly connectionString: string;
	/** A plain connection, as superuser. */
	readonly admin: Client;
}

/** Runs a benchmark on a migrated Postgres of its own. */
export async function withDatabase<T>(
	work: (database: BenchDatabase & { readonly logins: TestLogins }) => Promise<T>,
): Promise<T> {
	await using database = await startTestDatabase({ source: 'embedded' });
	const { connectionString, logins } = database;
	const admin = new Client({ connectionString });
	await admin.connect();
	try {
		return await work({ connectionString, logins, admin });
	} finally {
		await admin.end();
	}
}

/** Creates organizations; returns their ids. */
export async function createOrganizations(admin: Client, count: number): Promise<string[]> {
	const { rows } = await admin.query<{ id: string }>(
		'INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id',
		[count],
	);
	return rows.map(({ id }) => id);
}
