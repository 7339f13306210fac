import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

const directory = join(process.cwd(), 'test/catalog');

/** The committed lines of {@link readCatalog}. */
export const manifestPath = join(directory, 'catalog.txt');

/** Everything that a database holds, one line a thing. */
export async function readCatalog(connectionString: string): Promise<string[]> {
	const sql = await readFile(join(directory, 'catalog.sql'), 'utf8');
	const client = new Client({ connectionString });
	await client.connect();
	try {
		// Every name is written with its schema then.
		await client.query(`SET search_path = ''`);
		const { rows } = await client.query<{ line: string }>(sql);
		return rows.map(({ line }) => line);
	} finally {
		await client.end();
	}
}
