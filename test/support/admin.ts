import { Client } from 'pg';

/** Runs statements as the server's superuser, each in a transaction of its own. */
export async function runAsAdmin(serverUrl: string, ...statements: string[]): Promise<void> {
	const client = new Client({ connectionString: serverUrl });
	await client.connect();
	try {
		for (const statement of statements) await client.query(statement);
	} finally {
		await client.end();
	}
}

export function createDatabase(serverUrl: string, name: string, template?: string): Promise<void> {
	return runAsAdmin(
		serverUrl,
		`CREATE DATABASE ${name}${template === undefined ? '' : ` TEMPLATE ${template}`}`,
	);
}

export function dropDatabase(serverUrl: string, name: string): Promise<void> {
	return runAsAdmin(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

export function withDatabase(serverUrl: string, name: string): string {
	const url = new URL(serverUrl);
	url.pathname = `/${name}`;
	return url.href;
}
