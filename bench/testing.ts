import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDestinationsClient } from '../src/index.ts';
import { createTestDestination, createTestKeys, startTestDatabase } from '../src/testing/index.ts';
import { often, quantile } from './measure.ts';
import type { Figure, Report } from './report.ts';

/** What tests wait for that use `@consent-io/destinations/testing`. */
export async function benchTesting(): Promise<Report> {
	const { TMPDIR } = process.env;
	// It keeps the other benchmarks on disk, where tests are not.
	delete process.env.TMPDIR;
	try {
		return await measureTestDatabases();
	} finally {
		if (TMPDIR !== undefined) process.env.TMPDIR = TMPDIR;
	}
}

async function measureTestDatabases(): Promise<Report> {
	const starts: number[] = [];
	for (let run = 0; run < often(5); run += 1) starts.push(await startInFreshProcess());
	await using database = await startTestDatabase({ source: 'embedded' });
	const clones: number[] = [];
	for (let run = 0; run < often(20); run += 1) {
		const [clone, took] = await timed(() => database.clone());
		clones.push(took);
		await clone.stop();
	}
	await using db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
	const resets: number[] = [];
	for (let run = 0; run < often(20); run += 1) {
		for (let made = 0; made < 5; made += 1) await createTestDestination(db);
		resets.push((await timed(() => database.reset()))[1]);
	}
	return {
		title: 'Test databases, embedded',
		figures: [
			figure('startTestDatabase(), to a migrated database', starts, 1500, 'fresh processes'),
			figure('clone()', clones, 50, 'clones'),
			figure('reset() after 5 destinations', resets, 20, 'resets'),
		],
	};
}

async function startInFreshProcess(): Promise<number> {
	const script = fileURLToPath(new URL('starting-process.ts', import.meta.url));
	const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
	return Number(stdout);
}

async function timed<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
	const started = performance.now();
	return [await work(), performance.now() - started];
}

function figure(name: string, times: readonly number[], atMost: number, of: string): Figure {
	return {
		name,
		value: quantile(times, 0.5),
		unit: 'ms',
		bound: { atMost },
		detail: `median of ${times.length} ${of}; ${Math.min(...times).toFixed(1)} to ${Math.max(...times).toFixed(1)} ms`,
	};
}
