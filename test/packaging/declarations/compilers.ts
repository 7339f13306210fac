import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { succeed } from '../command.ts';
import { madeOnce, root } from '../made-once.ts';

/** The versions of TypeScript that services may have: the oldest that Prisma's client asks for, and newer ones. */
export const oldest = '5.4.5';
const newer = ['5.8.3', '7.0.2'];
/** This project's own, which `npm ci` installs. */
const own: string = require('typescript/package.json').version;
export const versions = [oldest, ...newer, own];

/** What `package.json` of an installed package says. */
export async function manifestOf(
	name: string,
): Promise<{ version: string; peerDependencies?: Record<string, string> }> {
	return JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'));
}

/** Installed once and not by `npm ci`, which everybody would wait for. */
async function installed(): Promise<string> {
	const aliases = [oldest, ...newer].map((version) => [`v${version}`, `npm:typescript@${version}`]);
	const dependencies = Object.fromEntries(aliases);
	const hash = createHash('sha256').update(JSON.stringify(dependencies)).digest('hex');
	return madeOnce('compilers', hash, async (folder) => {
		await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
		await succeed(['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund'], {
			cwd: folder,
		});
	});
}

export interface Compiled {
	readonly output: string;
	/** How often TypeScript filled in a type parameter: its work, whatever else the machine does. */
	readonly instantiations: number;
	readonly seconds: number;
}

/**
 * Compiles projects by one version of TypeScript, in one process that reads each file once. Ends it after four
 * minutes, whatever it does.
 */
export async function compile(version: string, projects: readonly string[]): Promise<Compiled[]> {
	const folder =
		version === own
			? join(root, 'node_modules/typescript')
			: join(await installed(), 'node_modules', `v${version}`);
	// From TypeScript 7 on several checkers share the work, and do some of it more than once.
	const alone = Number.parseInt(version, 10) < 7 ? [] : ['--singleThreaded'];
	const args = ['-b', ...projects, '--force', '--extendedDiagnostics', ...alone];
	const { stdout } = await promisify(execFile)(
		process.execPath,
		[join(folder, 'bin/tsc'), ...args],
		{
			timeout: 240_000,
			killSignal: 'SIGKILL',
			maxBuffer: 64 * 1024 * 1024,
		},
	).catch((error: { stdout: string; killed: boolean }) => {
		if (error.killed) throw new Error(`TypeScript ${version} did not end`);
		return error;
	});
	// What it says of each project ends with a line of this name.
	const parts = stdout.split(/(?<=^Total time:.*\n)/m).slice(0, projects.length);
	if (parts.length < projects.length) throw new Error(`TypeScript ${version} said: ${stdout}`);
	return parts.map(compiled);
}

function compiled(said: string): Compiled {
	const figure = (name: string) =>
		Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(said)?.[1]);
	return {
		output: said.replace(/^Files:[\s\S]*/m, ''),
		instantiations: figure('Instantiations'),
		seconds: figure('Total time'),
	};
}
