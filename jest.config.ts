/** @jest-config-loader esbuild-register */
import { availableParallelism } from 'node:os';
import type { Config } from 'jest';

const config: Config = {
	testEnvironment: '<rootDir>/test/support/environment.cjs',
	testMatch: ['<rootDir>/test/**/*.test.ts'],
	// Types are checked by `npm run check`; here each file is only transpiled, which is faster.
	transform: { '^.+\\.ts$': '<rootDir>/test/support/transformer.cjs' },
	testSequencer: '<rootDir>/test/support/slowest-first.cjs',
	// Another copy of pg, such as `pg-oldest`, in the place of the newest.
	moduleNameMapper: process.env.TEST_PG ? { '^pg$': process.env.TEST_PG } : {},
	// `npm run test:coverage`. Child processes are not counted: what only they run shows as uncovered.
	coverageProvider: 'v8',
	collectCoverageFrom: ['<rootDir>/src/**/*.ts', '!<rootDir>/src/generated/**'],
	coverageDirectory: '<rootDir>/node_modules/.cache/destinations/coverage',
	coverageReporters: ['text', 'text-summary'],
	globalSetup: '<rootDir>/test/support/global-setup.ts',
	globalTeardown: '<rootDir>/test/support/global-teardown.ts',
	// Tests wait for Postgres, npm and Prisma's command more than they compute. A number: Jest takes no more than 100 %.
	maxWorkers: Math.ceil(availableParallelism() * 1.5),
	// For what hangs. A machine that does twenty times as much takes twenty times as long, which is no failure.
	testTimeout: 300_000,
};

export default config;
