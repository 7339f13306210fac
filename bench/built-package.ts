import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cache, root } from '../scripts/build-package.ts';

type Package = typeof import('../src/index.ts');

let built: Promise<Package> | undefined;

/**
 * The package as it is shipped. What tsx makes of the sources keeps the name of every function, which alone takes
 * some hundredths of the time.
 */
export function builtPackage(): Promise<Package> {
	built ??= build();
	return built;
}

async function build(): Promise<Package> {
	const folder = join(cache, 'bench-built');
	await promisify(execFile)(
		'npx',
		['tsup', '--silent', '--no-dts', '--sourcemap', '--out-dir', folder],
		{ cwd: root },
	);
	return createRequire(import.meta.url)(join(folder, 'index.cjs'));
}
