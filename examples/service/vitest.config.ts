import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		include: ['test/**/*.test.ts'],
		// One process for all files, so that they share one database server: starting it takes longest.
		fileParallelism: false,
		isolate: false,
		testTimeout: 30_000,
		hookTimeout: 60_000,
	},
});
