import type { QueryResultRow } from 'pg';
import { withClient } from '../../src/testing/databases.ts';

/** Runs SQL on a connection of its own. */
export async function rowsOf<Row extends QueryResultRow>(
	connectionString: string,
	sql: string,
	values?: unknown[],
): Promise<Row[]> {
	return withClient(
		connectionString,
		async (client) => (await client.query<Row>(sql, values)).rows,
	);
}
