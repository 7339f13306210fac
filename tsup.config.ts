import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig } from 'tsup';

/** What other packages import. */
const entryPoints = { index: 'src/index.ts', 'testing/index': 'src/testing/index.ts' };

export default defineConfig({
	entry: { ...entryPoints, cli: 'src/cli/bin.ts' },
	// One form, which `import` loads too: see docs/decisions/packaging.md.
	format: 'cjs',
	target: 'node20',
	platform: 'node',
	dts: {
		entry: entryPoints,
		// tsup sets an option that TypeScript 6 calls deprecated.
		compilerOptions: { ignoreDeprecations: '6.0' },
	},
	sourcemap: false,
	// It would take away the declarations that are written below.
	clean: false,
	splitting: false,
	// Prisma's generated client names exact files of its runtime, and pg must be one copy for all.
	external: [/^@prisma\//, 'pg', 'zod', 'ipaddr.js', '@testcontainers/postgresql'],
	esbuildPlugins: [
		{
			name: 'entry points',
			setup({ initialOptions: { outdir = 'dist' }, onStart, onResolve, onEnd }) {
				onStart(() => rm(outdir, { recursive: true, force: true }));
				// One copy of the package for both entry points, or an error of one would be no error of the other.
				// Checks are functions without state, which may be there twice.
				onResolve({ filter: /^\.\.\/(?!checks\.ts$)/ }, ({ importer }) =>
					/[\\/]src[\\/]testing[\\/]/.test(importer)
						? { path: '../index.cjs', external: true }
						: undefined,
				);
				onEnd(async () => {
					for (const name of Object.keys(entryPoints)) {
						const file = join(outdir, name);
						const again = `export * from './index.cjs';\n`;
						await mkdir(join(file, '..'), { recursive: true });
						await writeFile(`${file}.js`, again);
						await writeFile(`${file}.d.ts`, again);
					}
					// Node runs it as it is.
					const supervisor = 'testing/supervisor';
					await cp(join('src', supervisor), join(outdir, supervisor), { recursive: true });
				});
			},
		},
	],
	esbuildOptions(options) {
		// A CommonJS Jest cannot run the dynamic import by which the generated client loads its compiler.
		options.supported = { 'dynamic-import': false };
	},
});
