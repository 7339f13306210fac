import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** Where scripts keep what they can make again. Below node_modules, so that packages are found from it. */
export const cache = join(root, 'node_modules/.cache/destinations');

/** Builds the package into a folder of the cache, past `dist`, which may be in use; gives the folder. */
export async function buildPackage(name: string): Promise<string> {
	const folder = join(cache, name);
	await mkdir(folder, { recursive: true });
	await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
	await promisify(execFile)('npx', ['tsup', '--silent', '--out-dir', join(folder, 'dist')], {
		cwd: root,
	});
	return folder;
}
