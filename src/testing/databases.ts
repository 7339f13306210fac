import { Client, type Pool } from 'pg';

/** Runs work on a connection of its own. */
export async function withClient<Result>(
	connectionString: string,
	work: (client: Client) => Promise<Result>,
): Promise<Result> {
	const client = new Client({ connectionString });
	await client.connect();
	try {
		return await work(client);
	} finally {
		await client.end();
	}
}

export function withDatabase(serverUrl: string, name: string): string {
	const url = new URL(serverUrl);
	url.pathname = `/${name}`;
	return url.href;
}

export function withLogin(databaseUrl: string, name: string, password: string): string {
	const url = new URL(databaseUrl);
	url.username = name;
	url.password = password;
	return url.href;
}

/** How the files of a new database come about. */
export type CopyStrategy = 'FILE_COPY' | 'WAL_LOG';

/** Creates a database, empty as the server's own `template0` unless another template is named. */
export async function createDatabase(
	admin: Client,
	name: string,
	{ template = 'template0', strategy = 'WAL_LOG' as CopyStrategy } = {},
): Promise<void> {
	await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY ${strategy}`);
}

/** Copying files takes checkpoints: the fastest way where nothing is synced to disk, else the slowest. */
export async function fastestStrategy(client: Client): Promise<CopyStrategy> {
	const { rows } = await client.query<{ fsync: string }>('SHOW fsync');
	return rows[0]?.fsync === 'off' ? 'FILE_COPY' : 'WAL_LOG';
}

export async function dropDatabase(admin: Client | Pool, name: string): Promise<void> {
	await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}
