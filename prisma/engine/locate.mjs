import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const WASM = '@prisma/schema-engine-wasm/schema_engine_bg';

/** Where packages are looked up: beside this file, then in the project the CLI runs in. */
const roots = () => [import.meta.url, path.join(process.cwd(), 'package.json')];

/** The file that Node runs: of the CLI, wherever `npx` put it, when it reads its configuration. */
function runningFile() {
	try {
		return [realpathSync(String(process.argv[1]))];
	} catch {
		// No file, but a program from standard input.
		return [];
	}
}

/**
 * @param {string} specifier
 * @param {string[]} through packages whose own dependency it may be, from the outermost inwards
 * @param {string[]} from
 * @returns {string | undefined} the file it resolves to
 */
function lookUp(specifier, through = [], from = roots()) {
	for (const root of from) {
		try {
			let require = createRequire(root);
			for (const owner of through) require = createRequire(require.resolve(owner));
			return require.resolve(specifier);
		} catch {
			// Not here: the next root may have it.
		}
	}
	return undefined;
}

/**
 * @param {string} specifier
 * @param {string[]} [through]
 * @returns {string}
 */
export function resolvePackage(specifier, through) {
	const file = lookUp(specifier, through);
	if (file) return file;
	const name = specifier.split('/').slice(0, 2).join('/');
	throw new Error(`The schema engine needs the package ${name}: run ${installationOf(name)}`);
}

/** @param {string} name */
function installationOf(name) {
	return `npm install --save-dev --save-exact ${name}@${testedVersion(name) ?? 'latest'}`;
}

/**
 * @param {string} name
 * @returns {string | undefined}
 */
function testedVersion(name) {
	const { dependencies, devDependencies } = JSON.parse(
		readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
	);
	return { ...devDependencies, ...dependencies }[name];
}

/**
 * The engine that npm carries is the package's peer, of which package managers install another version too.
 *
 * @param {string | undefined} file
 */
function checkVersion(file) {
	if (file === undefined) return;
	const { name, version } = JSON.parse(
		readFileSync(path.join(path.dirname(file), 'package.json'), 'utf8'),
	);
	if (version === testedVersion(name)) return;
	throw new Error(
		`${name} ${version} is another engine than the one of Prisma ${testedVersion('@prisma/client')}: run ${installationOf(name)}`,
	);
}

/** @returns {Promise<typeof import('@prisma/schema-engine-wasm/schema_engine_bg')>} */
export async function loadBindings() {
	const file = resolvePackage(WASM);
	checkVersion(file);
	const bindings = await import(pathToFileURL(file).href);
	const module = readFileSync(file.replace(/\.js$/, '.wasm'));
	const { WebAssembly } = /** @type {any} */ (globalThis);
	const { instance } = await WebAssembly.instantiate(module, { './schema_engine_bg.js': bindings });
	bindings.__wbg_set_wasm(instance.exports);
	instance.exports.__wbindgen_start();
	return bindings;
}

/** @returns {boolean} whether the CLI has, or would copy from its cache, a native engine */
function nativeEngineIsPresent() {
	for (const root of [...runningFile(), ...roots()]) {
		const engines = lookUp('@prisma/engines/package.json', ['prisma/package.json'], [root]);
		if (!engines) continue;
		if (readdirSync(path.dirname(engines)).some((name) => name.startsWith('schema-engine-'))) {
			return true;
		}
		const { enginesVersion } = createRequire(engines)('@prisma/engines-version');
		const cache = path.join(cacheDirectory(), 'master', enginesVersion);
		if (!existsSync(cache)) continue;
		// The CLI passes over a cached engine that has no checksum beside it.
		for (const target of readdirSync(cache)) {
			const engine = path.join(cache, target, 'schema-engine');
			if (existsSync(engine) && existsSync(`${engine}.sha256`)) return true;
		}
	}
	return false;
}

function cacheDirectory() {
	const { APPDATA, AWS_LAMBDA_FUNCTION_VERSION, XDG_CACHE_HOME } = process.env;
	if (process.platform === 'win32' && APPDATA) return path.join(APPDATA, 'Prisma');
	if (AWS_LAMBDA_FUNCTION_VERSION) return '/tmp/prisma-download';
	return path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'prisma');
}

/**
 * The schema engine the Prisma CLI is to be pointed at with PRISMA_SCHEMA_ENGINE_BINARY.
 *
 * @returns {string | undefined} undefined where the CLI is better left to its own native engine
 */
export function schemaEnginePath() {
	const chosen = process.env.PRISMA_SCHEMA_ENGINE_BINARY;
	if (chosen) return chosen;
	if (nativeEngineIsPresent()) return undefined;
	const file = lookUp(WASM);
	checkVersion(file);
	return file && fileURLToPath(new URL('./schema-engine.mjs', import.meta.url));
}
