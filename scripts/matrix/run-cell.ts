import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cache, root } from '../build-package.ts';
import type { Cell } from './cells.ts';
import { nodeFolder, withPostgres } from './versions.ts';

export interface CellResult {
	readonly passed: number;
	/** What failed and why, with the file that holds all that was printed; empty where nothing did. */
	readonly failures: readonly string[];
	readonly seconds: number;
}

/** Runs a cell's tests, and the built package against a database that Prisma has migrated there. */
export async function runCell(cell: Cell, builtPackage: string): Promise<CellResult> {
	const started = performance.now();
	const name = `node-${cell.node}-postgres-${cell.postgres}`;
	const logs = join(cache, 'logs');
	await mkdir(logs, { recursive: true });
	const json = join(logs, `${name}.json`);
	await rm(json, { force: true });
	const log = await open(join(logs, `${name}.log`), 'w');
	const failures: string[] = [];
	try {
		const node = await nodeFolder(cache, cell.node);
		await withPostgres(root, cache, cell.postgres, async (url) => {
			const execute = async (what: string, environment: object, ...command: string[]) => {
				const child = spawn(join(node, 'node'), command, {
					cwd: root,
					env: { ...process.env, ...environment, PATH: `${node}${delimiter}${process.env.PATH}` },
					stdio: ['ignore', log.fd, log.fd],
				});
				const [status] = await once(child, 'exit');
				if (status !== 0) failures.push(what);
			};
			await execute(
				'tests',
				{ TEST_POSTGRES: url, TEST_PG: cell.pg ?? '' },
				join(root, 'node_modules/jest/bin/jest.js'),
				...cell.tests,
				'--json',
				`--outputFile=${json}`,
			);
			await execute(
				'prisma migrate deploy',
				{ DATABASE_URL: url },
				join(root, 'node_modules/prisma/build/index.js'),
				'migrate',
				'deploy',
			);
			await execute('built package', {}, join(root, 'scripts/matrix/smoke.mjs'), builtPackage, url);
		});
	} catch (error) {
		failures.push(String(error));
	} finally {
		await log.close();
	}
	const counts = await readCounts(json);
	if (counts.passed === 0) failures.push('no test ran');
	if (failures.length > 0) failures.push(`see ${join(logs, `${name}.log`)}`);
	return {
		passed: counts.passed,
		failures: [...counts.failed, ...failures],
		seconds: (performance.now() - started) / 1000,
	};
}

async function readCounts(file: string): Promise<{ passed: number; failed: string[] }> {
	try {
		const results = JSON.parse(await readFile(file, 'utf8'));
		const tests: { status: string; fullName: string; failureMessages: string[] }[] =
			results.testResults.flatMap(
				(suite: { assertionResults: unknown[] }) => suite.assertionResults,
			);
		return {
			passed: results.numPassedTests,
			failed: tests
				.filter(({ status }) => status === 'failed')
				.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`),
		};
	} catch {
		return { passed: 0, failed: [] };
	}
}
