import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Refusal } from '../refusal.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const fromBench = createRequire(import.meta.url);

/** Installs what this package is compared with, below `bench`, unless it is there. */
export async function installPeers(): Promise<void> {
	if (areInstalled()) return;
	await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
		cwd: folder,
		shell: process.platform === 'win32',
	}).catch((cause) => {
		throw new Refusal(
			'What this package is compared with could not be installed below bench: run `npm ci --prefix bench` with a network and a folder that can be written to.',
			{ cause },
		);
	});
}

function areInstalled(): boolean {
	const { dependencies }: { dependencies: Record<string, string> } = read('package.json');
	try {
		return Object.entries(dependencies).every(
			([name, version]) => read(`node_modules/${name}/package.json`).version === version,
		);
	} catch {
		return false;
	}
}

function read(file: string) {
	return JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'));
}

/** A module of prisma-field-encryption, or one that comes with it and is found from it. */
export function installed<Module>(name: string): Module {
	return createRequire(fromBench.resolve('prisma-field-encryption'))(name);
}
