import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const root = process.cwd();
const cache = join(root, 'node_modules/.cache/destinations/packaging');

/**
 * A folder that is expensive to make, named after what it is made from: made by the first test file that
 * asks, used by the others and by later runs. Nobody may change it.
 */
export async function madeOnce(
	name: string,
	madeFrom: string,
	make: (folder: string) => Promise<void>,
): Promise<string> {
	const folder = join(cache, `${name}-${madeFrom.slice(0, 16)}`);
	const lock = `${folder}.lock`;
	await mkdir(cache, { recursive: true });
	while (!existsSync(folder)) {
		if (!(await isTaken(lock))) {
			// Under another name until it is whole, so that nobody takes a half for it.
			const unfinished = `${folder}.${process.pid}`;
			try {
				if (existsSync(folder)) break;
				await mkdir(unfinished, { recursive: true });
				await make(unfinished);
				await rename(unfinished, folder);
				await forgetOthers(name, folder);
			} finally {
				await rm(unfinished, { recursive: true, force: true });
				await rm(lock, { force: true });
			}
		} else await delay(100);
	}
	const now = new Date();
	await utimes(folder, now, now);
	return folder;
}

/** Whether another process makes it. Takes the lock where none does. */
async function isTaken(lock: string): Promise<boolean> {
	try {
		await writeFile(lock, String(process.pid), { flag: 'wx' });
		return false;
	} catch {
		const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
		// A holder that was killed leaves its lock behind.
		if (holder > 0 && !isRunning(holder)) await rm(lock, { force: true });
		return true;
	}
}

function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error instanceof Error && 'code' in error && error.code !== 'ESRCH';
	}
}

/** What was made from older sources, unless another run may be using it still: hundreds of megabytes each. */
async function forgetOthers(name: string, folder: string): Promise<void> {
	for (const entry of await readdir(cache)) {
		const other = join(cache, entry);
		if (!entry.startsWith(`${name}-`) || other === folder) continue;
		const { mtimeMs } = await stat(other);
		if (Date.now() - mtimeMs > 900_000) await rm(other, { recursive: true, force: true });
	}
}

/** A name for the contents of files and folders of the project. */
export async function hashOf(...paths: string[]): Promise<string> {
	const hash = createHash('sha256');
	for (const path of paths) {
		for (const file of await filesIn(join(root, path))) {
			hash.update(`${relative(root, file)}\0`).update(await readFile(file));
		}
	}
	return hash.digest('hex');
}

async function filesIn(path: string): Promise<string[]> {
	if ((await stat(path)).isFile()) return [path];
	const entries = await readdir(path, { recursive: true, withFileTypes: true });
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.sort();
}
