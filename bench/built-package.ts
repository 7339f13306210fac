import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildInto, cache } from '../scripts/build-package.ts';

type Package = typeof import('../src/index.ts');

let built: Promise<Package> | undefined;

/**
 * The package as it is shipped. What tsx makes of the sources keeps the name of every function, which alone takes
 * some hundredths of the time.
 */
export function builtPackage(): Promise<Package> {
	built ??= buildAndLoad();
	return built;
}

async function buildAndLoad(): Promise<Package> {
	const folder = join(cache, 'bench-built');
	await buildInto(folder, { dts: false, sourcemap: true });
	return createRequire(import.meta.url)(join(folder, 'index.cjs'));
}
