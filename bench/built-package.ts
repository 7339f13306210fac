import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildInto, cache } from '../scripts/build-package.ts';

type Package = typeof import('../src/index.ts');

let built: Promise<string> | undefined;

/**
 * The package as it is shipped. What tsx makes of the sources keeps the name of every function, which alone takes
 * some hundredths of the time.
 */
export async function builtPackage(): Promise<Package> {
	return createRequire(import.meta.url)(await builtPackageFile());
}

/** The file of it that is required. */
export function builtPackageFile(): Promise<string> {
	built ??= build();
	return built;
}

async function build(): Promise<string> {
	const folder = join(cache, 'bench-built');
	await buildInto(folder, { dts: false, sourcemap: true });
	return join(folder, 'index.cjs');
}
