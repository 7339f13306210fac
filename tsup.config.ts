import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig } from 'tsup';

export default defineConfig({
	entry: { index: 'src/index.ts', cli: 'src/cli/bin.ts', 'testing/index': 'src/testing/index.ts' },
	format: ['esm', 'cjs'],
	target: 'node20',
	platform: 'node',
	dts: {
		entry: { index: 'src/index.ts', 'testing/index': 'src/testing/index.ts' },
		// tsup sets an option that TypeScript 6 calls deprecated.
		compilerOptions: { ignoreDeprecations: '6.0' },
	},
	sourcemap: false,
	clean: true,
	splitting: false,
	// `__dirname` in the ES module.
	shims: true,
	// Prisma's generated client names exact files of its runtime, and pg must be one copy for all.
	external: [/^@prisma\//, 'pg', 'zod', 'ipaddr.js', '@testcontainers/postgresql'],
	esbuildPlugins: [
		{
			name: 'testing',
			setup({ initialOptions: { format, outdir = 'dist' }, onResolve, onEnd }) {
				// One copy of the package for both entry points, or an error of one would be no error of the other.
				const index = format === 'cjs' ? '../index.cjs' : '../index.js';
				onResolve({ filter: /^\.\.\// }, ({ importer }) =>
					/[\\/]src[\\/]testing[\\/]/.test(importer) ? { path: index, external: true } : undefined,
				);
				// Node runs it as it is.
				onEnd(async () => {
					await mkdir(join(outdir, 'testing'), { recursive: true });
					await copyFile(
						'src/testing/postgres-keeper.js',
						join(outdir, 'testing/postgres-keeper.js'),
					);
				});
			},
		},
	],
	esbuildOptions(options, { format }) {
		// A CommonJS Jest cannot run the dynamic import by which the generated client loads its compiler.
		if (format === 'cjs') options.supported = { 'dynamic-import': false };
	},
});
