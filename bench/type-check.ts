import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { root } from '../scripts/build-package.ts';
import { quantile } from './measure.ts';
import type { Figure } from './report.ts';

const rounds = 9;
const program = fileURLToPath(new URL('type-check', import.meta.url));

/** A service with the package's types against the same one with the least that it needs, by hand. */
export async function benchTypeCheck(folder: string): Promise<Figure> {
	const whole = await project(folder, 'whole', join(folder, 'dist/index.d.ts'));
	const minimal = await project(folder, 'minimal', join(program, 'minimal.ts'));
	await check(whole);
	await check(minimal);
	const times = { whole: [] as number[], minimal: [] as number[] };
	for (let round = 0; round < rounds; round += 1) {
		times.whole.push(await check(whole));
		times.minimal.push(await check(minimal));
	}
	const seconds = (values: number[]) => `${quantile(values, 0.5).toFixed(2)} s`;
	return {
		name: 'type-check',
		value: quantile(times.whole, 0.5) / quantile(times.minimal, 0.5),
		unit: 'times the same with the least types',
		bound: { atMost: 1.3 },
		detail: `bench/type-check, skipLibCheck; ${seconds(times.whole)} against ${seconds(times.minimal)}, medians of ${rounds} in turn`,
	};
}

async function project(folder: string, name: string, types: string): Promise<string> {
	const directory = join(folder, `type-check-${name}`);
	await mkdir(directory, { recursive: true });
	const compilerOptions = {
		target: 'ES2023',
		lib: ['ES2023', 'ESNext.Disposable'],
		module: 'NodeNext',
		types: ['node'],
		typeRoots: [join(root, 'node_modules/@types')],
		noEmit: true,
		strict: true,
		noUncheckedIndexedAccess: true,
		exactOptionalPropertyTypes: true,
		skipLibCheck: true,
		paths: { '@consent-io/destinations': [types] },
	};
	await writeFile(
		join(directory, 'tsconfig.json'),
		JSON.stringify({ compilerOptions, files: [join(program, 'service.ts')] }),
	);
	return directory;
}

/** Seconds that TypeScript says it took; an error of types is one of the benchmark. */
async function check(directory: string): Promise<number> {
	const compiler = join(root, 'node_modules/typescript/bin/tsc');
	const { stdout } = await promisify(execFile)(process.execPath, [
		compiler,
		'-p',
		directory,
		'--extendedDiagnostics',
	]);
	return Number(/^Total time:\s+([\d.]+)s$/m.exec(stdout)?.[1]);
}
