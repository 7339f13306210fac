/** What the package costs before it does anything: to load, until the first answer, and to type-check. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildPackage } from '../scripts/build-package.ts';
import { createOrganizations, withDatabase } from './database.ts';
import { quantile } from './measure.ts';
import type { Figure, Report } from './report.ts';
import { benchTypeCheck } from './type-check.ts';

/** Fresh processes of each kind, in turn. */
const rounds = 7;

interface Sample {
	readonly milliseconds: number;
	/** Milliseconds of the processor, which other processes on the machine change less. */
	readonly cpu: number;
	/** Bytes. */
	readonly rss: number;
	readonly heapUsed: number;
	readonly firstQuery?: number;
}

const measurer = fileURLToPath(new URL('importing-process.mjs', import.meta.url));

async function sample(...args: string[]): Promise<Sample> {
	return JSON.parse((await promisify(execFile)(process.execPath, [measurer, ...args])).stdout);
}

export async function benchImport(): Promise<Report> {
	const folder = await buildPackage('bench');
	return {
		title: 'Cost of the built package before it does anything, in fresh processes',
		figures: [
			...(await benchLoading(folder)),
			await benchFirstQuery(folder),
			await benchTypeCheck(folder),
		],
	};
}

async function benchLoading(folder: string): Promise<Figure[]> {
	const ways = [
		['import', join(folder, 'dist/index.js')] as const,
		['require', join(folder, 'dist/index.cjs')] as const,
	];
	const above = new Map<string, Sample[]>(ways.map(([way]) => [way, []]));
	for (let round = 0; round < rounds; round += 1) {
		const empty = await sample();
		for (const [way, file] of ways) {
			const loaded = await sample(way, file);
			above.get(way)?.push({
				milliseconds: loaded.milliseconds - empty.milliseconds,
				cpu: loaded.cpu - empty.cpu,
				rss: loaded.rss - empty.rss,
				heapUsed: loaded.heapUsed - empty.heapUsed,
			});
		}
	}
	return ways.flatMap(([way]) => {
		const samples = above.get(way) ?? [];
		const all = (key: 'milliseconds' | 'cpu' | 'rss' | 'heapUsed') =>
			samples.map((one) => one[key]);
		const median = (key: Parameters<typeof all>[0]) => quantile(all(key), 0.5);
		return [
			{
				name: `${way}, time`,
				value: median('milliseconds'),
				unit: 'ms above an empty module',
				bound: { atMost: 250 },
				detail: `median of ${rounds}, in turn with an empty module; ${spread(all('milliseconds'))}; ${median('cpu').toFixed(0)} ms of the processor`,
			},
			{
				name: `${way}, memory`,
				value: median('rss') / 1e6,
				unit: 'MB above an empty module',
				bound: { atMost: 60 },
				detail: `resident; of it ${(median('heapUsed') / 1e6).toFixed(0)} MB are on the heap`,
			},
		];
	});
}

async function benchFirstQuery(folder: string): Promise<Figure> {
	const times = await withDatabase(async ({ connectionString, admin }) => {
		const [organizationId = ''] = await createOrganizations(admin, 1);
		const keys = `bench:${randomBytes(32).toString('hex')}`;
		const file = join(folder, 'dist/index.js');
		const found: number[] = [];
		for (let round = 0; round < rounds; round += 1) {
			const { firstQuery } = await sample('import', file, connectionString, keys, organizationId);
			found.push(firstQuery ?? Number.NaN);
		}
		return found;
	});
	return {
		name: 'first query',
		value: quantile(times, 0.5),
		unit: 'ms',
		bound: { atMost: 400 },
		detail: `from createDestinationsClient() to the result of findMany(), Postgres beside it; median of ${rounds}, ${spread(times)}`,
	};
}

function spread(times: readonly number[]): string {
	return `middle half ${quantile(times, 0.25).toFixed(0)} to ${quantile(times, 0.75).toFixed(0)} ms`;
}
