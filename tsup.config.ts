import { defineConfig } from 'tsup';

export default defineConfig({
	entry: { index: 'src/index.ts', cli: 'src/cli/bin.ts' },
	format: ['esm', 'cjs'],
	target: 'node20',
	platform: 'node',
	// tsup sets an option that TypeScript 6 calls deprecated.
	dts: { entry: { index: 'src/index.ts' }, compilerOptions: { ignoreDeprecations: '6.0' } },
	sourcemap: false,
	clean: true,
	splitting: false,
	// Prisma's generated client names exact files of its runtime, and pg must be one copy for all.
	external: [/^@prisma\//, 'pg', 'zod', 'ipaddr.js'],
	esbuildOptions(options, { format }) {
		// A CommonJS Jest cannot run the dynamic import by which the generated client loads its compiler.
		if (format === 'cjs') options.supported = { 'dynamic-import': false };
	},
});
