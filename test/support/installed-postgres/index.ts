import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startTestDatabase, type TestDatabase } from '../../../src/testing/test-database.ts';

/** Where Debian's packages put each version. */
const versions = '/usr/lib/postgresql';
const wanted = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'pg_dumpall', 'psql'];

/** A Postgres of the machine's own, with the programs that npm's packages leave out. */
export interface InstalledPostgres extends AsyncDisposable {
	/** The folder of its programs. */
	readonly programs: string;
	/** A migrated database on it. */
	readonly database: TestDatabase;
}

/** The newest that is there, or nothing: then it says loudly what is not tried. */
export async function startInstalledPostgres(
	untried: string,
): Promise<InstalledPostgres | undefined> {
	const there = existsSync(versions)
		? readdirSync(versions)
				.map(Number)
				.sort((a, b) => b - a)
		: [];
	const programsOf = (version: number) => join(versions, String(version), 'bin');
	const version = there.find((version) =>
		wanted.every((program) => existsSync(join(programsOf(version), program))),
	);
	if (version === undefined) {
		process.stderr.write(
			`Not tried, because ${versions} has no Postgres with pg_dump (Debian: apt-get install postgresql): ${untried}\n`,
		);
		return undefined;
	}
	const programs = programsOf(version);
	const server = spawn(
		process.execPath,
		[join(__dirname, 'server.mjs'), programs, String(version)],
		{ stdio: ['pipe', 'pipe', 'inherit'] },
	);
	const exited = once(server, 'exit');
	const stop = async () => {
		server.stdin.end();
		await exited;
	};
	try {
		const { connectionString } = JSON.parse(await firstLine(server.stdout));
		const database = await startTestDatabase({ source: connectionString });
		return { programs, database, [Symbol.asyncDispose]: stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

async function firstLine(output: NodeJS.ReadableStream): Promise<string> {
	for await (const line of createInterface({ input: output })) return line;
	throw new Error('The installed Postgres did not start');
}
