import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { openCache } from './cache.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cache = openCache(root);

/** Builds the package into a folder of the cache, past `dist`, which may be in use; gives the folder. */
export async function buildPackage(name: string): Promise<string> {
	const folder = join(cache, name);
	await mkdir(folder, { recursive: true });
	await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
	const config = join(root, 'tsup.config.ts');
	await build({ config, silent: true, outDir: join(folder, 'dist') });
	return folder;
}
