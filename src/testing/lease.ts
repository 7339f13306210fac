import { Pool } from 'pg';
import { dropDatabase } from './databases.ts';

/** Matches the `namePrefix` of any server. */
const namePrefixPattern = 'destinations_test_[0-9a-f]{8}';

/**
 * Keeps a connection with the prefix as its `application_name`, by which others on the same server see that
 * whoever made the databases and logins with this prefix is alive.
 */
export async function holdLease(connectionString: string, namePrefix: string): Promise<Pool> {
	const lease = new Pool({
		connectionString,
		max: 1,
		idleTimeoutMillis: 0,
		keepAlive: true,
		// Not an option of the connection, because the URL may have one, which would count.
		onConnect: (client) => client.query(`SET application_name = ${namePrefix}`),
		// Tests that forget to stop may end all the same.
		allowExitOnIdle: true,
	});
	// The connection was lost while idle. Unheard, the event would end the process.
	lease.on('error', () => {});
	try {
		await lease.query('SELECT');
		return lease;
	} catch (error) {
		await lease.end();
		throw error;
	}
}

/** Drops what processes made that died before they could. */
export async function sweep(pool: Pool): Promise<void> {
	const { rows } = await pool.query<{ prefix: string }>(
		`SELECT DISTINCT substring(name FROM $1::text) AS prefix
		   FROM (SELECT datname::text FROM pg_catalog.pg_database UNION SELECT rolname::text FROM pg_catalog.pg_roles) AS made (name)
		  WHERE name ~ $1
		    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE application_name = substring(name FROM $1::text))`,
		[`^(${namePrefixPattern})_`],
	);
	for (const { prefix } of rows) {
		// Not by force: where somebody is still connected, or another start was faster, it stays or is gone.
		await dropAll(pool, prefix, (admin, name) => admin.query(`DROP DATABASE ${name}`)).catch(
			() => {},
		);
	}
}

/** Drops every database and login with the prefix. */
export async function dropAll(
	pool: Pool,
	prefix: string,
	drop: (admin: Pool, name: string) => Promise<unknown> = dropDatabase,
): Promise<void> {
	const namesIn = async (sql: string) =>
		(await pool.query<{ name: string }>(sql, [`${prefix}_`])).rows.map(({ name }) => name);
	const databases = await namesIn(
		'SELECT datname AS name FROM pg_catalog.pg_database WHERE starts_with(datname, $1)',
	);
	for (const name of databases) await drop(pool, name);
	const logins = await namesIn(
		'SELECT rolname AS name FROM pg_catalog.pg_roles WHERE starts_with(rolname, $1)',
	);
	for (const name of logins) await pool.query(`DROP ROLE ${name}`);
}
