import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLevel, MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import type { Room } from './rooms.ts';

/**
 * Changes the code of a room, or of some places in it, in every way that Stryker knows, and runs the tests that
 * reach the changed code.
 * The server of the tests is named by the environment, so that no run starts or migrates one.
 */
export async function runRoom(
	{ sources, tests }: Room,
	places: readonly string[],
): Promise<MutantResult[]> {
	const stryker = new Stryker({
		mutate: places.length > 0 ? [...places] : sources.map((source) => `src/${source}`),
		testRunner: 'jest',
		jest: {
			configFile: 'jest.config.ts',
			config: {
				testMatch: tests.map((test) => `<rootDir>/test/${test}`),
				globalSetup: null,
				globalTeardown: null,
				// As in `jest.config.ts`: Stryker looks for it in the project's root, and does not know `<rootDir>` here.
				testEnvironment: './test/support/environment.cjs',
				testRunner: '<rootDir>/scripts/mutation/jest-circus-until-killed.cjs',
				// None of these tests takes a second.
				testTimeout: 30_000,
				setupFiles: ['<rootDir>/scripts/mutation/quick-properties.ts'],
			},
			// Which tests reach which code is known from the first run.
			enableFindRelatedTests: false,
		},
		coverageAnalysis: 'perTest',
		concurrency: 2,
		// Far more than any of these tests takes: what runs out of it never ends.
		timeoutMS: 60_000,
		timeoutFactor: 3,
		// What a changed test leaves open is not carried along for ever.
		maxTestRunnerReuse: 60,
		tempDirName: join(tmpdir(), 'destinations-mutation'),
		cleanTempDir: 'always',
		ignorePatterns: ['dist', 'docs', 'coverage', '.git', '.github'],
		reporters: ['progress-append-only'],
		// An ambient const enum, which is nothing at run time: its values are these texts.
		logLevel: 'warn' as LogLevel,
		warnings: {
			slow: false,
			unknownOptions: true,
			preprocessorErrors: true,
			unserializableOptions: true,
		},
		thresholds: { high: 100, low: 100, break: null },
	});
	return stryker.runMutationTest();
}
