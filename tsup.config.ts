import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig, type Options } from 'tsup';

/** What other packages import. */
const entryPoints = {
	index: 'src/index.ts',
	'contracts/index': 'src/contracts/index.ts',
	'testing/index': 'src/testing/index.ts',
};

/** Built as an ES module of its own, for the bundlers of browsers. */
const ownModule = 'contracts/index';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/** Has a package that may be missing be an empty module then. Only what is not there: one that fails to load fails. */
function optionalPeer(name: string): Plugin {
	return {
		name: `optional ${name}`,
		setup({ onResolve, onLoad }) {
			const filter = new RegExp(`^${name}$`);
			onResolve({ filter }, ({ namespace }) =>
				namespace === 'optional'
					? { path: name, external: true }
					: { path: name, namespace: 'optional' },
			);
			onLoad({ filter, namespace: 'optional' }, () => ({
				contents: `try { module.exports = require('${name}'); } catch (error) {
					if (error.code !== 'MODULE_NOT_FOUND') throw error;
				}`,
			}));
		},
	};
}

/** What both builds have in common. */
const shared: Options = {
	// One form, which `import` loads too: see docs/decisions/packaging.md.
	format: 'cjs',
	target: 'node20',
	platform: 'node',
	sourcemap: false,
	// The two builds would take away each other's files; the folder is emptied once, below.
	clean: false,
	splitting: false,
	// Prisma's generated client names exact files of its runtime, and pg must be one copy for all.
	external: [/^@prisma\//, 'pg', 'zod', 'ipaddr.js', '@testcontainers/postgresql'],
	// Otherwise tsup leaves it out as it is, before the plugin is asked.
	noExternal: ['@opentelemetry/api'],
	esbuildPlugins: [optionalPeer('@opentelemetry/api')],
	esbuildOptions(options) {
		// A CommonJS Jest cannot run the dynamic import by which the generated client loads its compiler.
		options.supported = { 'dynamic-import': false };
	},
};

/** The package, its command, and the declarations of both entry points. */
const main: Options = {
	...shared,
	entry: { index: entryPoints.index, cli: 'src/cli/bin.ts' },
	dts: {
		entry: entryPoints,
		// tsup sets an option that TypeScript 6 calls deprecated.
		compilerOptions: { ignoreDeprecations: '6.0' },
	},
	esbuildPlugins: [
		...(shared.esbuildPlugins ?? []),
		{
			name: 'entry points',
			setup({ initialOptions: { outdir = 'dist' }, onEnd }) {
				onEnd(async () => {
					for (const name of Object.keys(entryPoints)) {
						const file = join(outdir, name);
						const again = `export * from './index.cjs';\n`;
						await mkdir(join(file, '..'), { recursive: true });
						if (name !== ownModule) await writeFile(`${file}.js`, again);
						await writeFile(`${file}.d.ts`, again);
					}
					// Node runs it as it is.
					const supervisor = 'testing/supervisor';
					await cp(join('src', supervisor), join(outdir, supervisor), { recursive: true });
				});
			},
		},
	],
};

/** The entry point for tests of services. */
const testing: Options = {
	...shared,
	entry: { 'testing/index': entryPoints['testing/index'] },
	dts: false,
	esbuildPlugins: [
		...(shared.esbuildPlugins ?? []),
		{
			name: 'one copy of the errors',
			setup({ onResolve }) {
				// Or an error of one entry point would be no error of the other. Everything else that it needs is
				// functions without state, which may be there twice.
				onResolve({ filter: /\/errors\.ts$/ }, () => ({ path: '../index.cjs', external: true }));
			},
		},
	],
};

/** The entry point for browsers: schemas and nothing else, as what each bundler and each Node prefers. */
const contracts: Options = {
	...shared,
	format: ['esm', 'cjs'],
	target: 'es2022',
	platform: 'browser',
	entry: { [ownModule]: entryPoints[ownModule] },
	dts: false,
};

export default defineConfig(async ({ outDir = 'dist' }) => {
	await rm(outDir, { recursive: true, force: true });
	return [main, contracts, testing];
});
