import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Options } from 'tsup';
import configuration from '../tsup.config.ts';
import { openCache } from './cache.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cache = openCache(root);

/** Builds the package into a folder of the cache, past `dist`, which may be in use; returns the folder. */
export async function buildPackage(name: string): Promise<string> {
	const folder = join(cache, name);
	await mkdir(folder, { recursive: true });
	await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
	await buildInto(join(folder, 'dist'));
	return folder;
}

/**
 * Builds as `npm run build` does, into another folder. tsup by itself writes a copy of its configuration beside it,
 * which a read-only checkout does not let it do.
 */
export async function buildInto(outDir: string, options: Options = {}): Promise<void> {
	const given = { ...options, outDir, silent: true };
	const configured =
		typeof configuration === 'function' ? await configuration(given) : configuration;
	const builds = [configured].flat().map((own) => build({ ...own, ...given, config: false }));
	await Promise.all(builds);
}
