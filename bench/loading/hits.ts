import { builtPackage } from '../built-package.ts';
import { often, quantile, quick } from '../measure.ts';
import type { Figure } from '../report.ts';
import type { LoadingBench } from './loading-bench.ts';

const organizations = 1_000;
const rounds = often(7);
const reads = quick ? 10 : 300;
const hits = quick ? 1_000 : 200_000;

/** Answers from memory against a repository's read of the same, by the time of the processor, in turns. */
export async function measureHits({
	logins,
	keys,
	organizationIds,
}: LoadingBench): Promise<Figure[]> {
	const { createDestinationsClient, createDestinationsLoader } = await builtPackage();
	await using db = createDestinationsClient({ ...logins, keys });
	await using loader = createDestinationsLoader({
		connectionString: logins.loaderConnectionString,
		keys,
	});
	await loader.start();
	const ids = organizationIds.slice(0, organizations);
	await Promise.all(ids.map((id) => loader.findEnabled(id, 'production')));
	let turn = 0;
	const next = () => {
		// 37 and 1,000 have no divisor in common, so that each has its turn.
		turn = (turn + 37) % ids.length;
		return ids[turn] ?? '';
	};
	const ways = {
		read: async () => {
			for (let read = 0; read < reads; read += 1) {
				const id = next();
				await db.forOrganization(id).destinations.findByOrganization(id, 'production');
			}
			return reads;
		},
		awaited: async () => {
			for (let hit = 0; hit < hits; hit += 1) await loader.findEnabled(next(), 'production');
			return hits;
		},
		peek: async () => {
			for (let hit = 0; hit < hits; hit += 1) loader.peek(next(), 'production');
			return hits;
		},
	};
	const times = { read: [] as number[], awaited: [] as number[], peek: [] as number[] };
	for (const way of Object.values(ways)) await way();
	for (let round = 0; round < rounds; round += 1) {
		for (const name of ['read', 'awaited', 'peek'] as const) {
			times[name].push(await processorTime(ways[name]));
		}
	}
	const figure = (name: 'awaited' | 'peek', atLeast: number): Figure => {
		const ratios = times.read.map((time, round) => time / (times[name][round] ?? Number.NaN));
		const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
		return {
			name: name === 'peek' ? 'an answer of peek()' : 'an answer from memory, awaited',
			value: quantile(ratios, 0.5),
			unit: "to one repository's read",
			bound: { atLeast },
			spread: { low, high },
			detail: `processor time: ${quantile(times[name], 0.5).toFixed(2)} µs against ${quantile(times.read, 0.5).toFixed(0)} µs of reading the same five; middle half ${low.toFixed(0)} to ${high.toFixed(0)}`,
		};
	};
	return [figure('awaited', 500), figure('peek', 1000)];
}

/** Microseconds for one piece of work. */
async function processorTime(work: () => Promise<number>): Promise<number> {
	const before = process.cpuUsage();
	const count = await work();
	const { user, system } = process.cpuUsage(before);
	return (user + system) / count;
}
