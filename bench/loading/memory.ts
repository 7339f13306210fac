import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { builtPackage } from '../built-package.ts';
import type { Figure } from '../report.ts';
import type { LoadingBench } from './loading-bench.ts';

const organizations = 1_000;

/** The heap that organizations with five destinations take, opened, with all that belongs to them. */
export async function measureMemory({
	logins,
	keys,
	organizationIds,
}: LoadingBench): Promise<Figure> {
	const { createDestinationsLoader } = await builtPackage();
	setFlagsFromString('--expose-gc');
	const collectGarbage: () => void = runInNewContext('gc');
	await using loader = createDestinationsLoader({
		connectionString: logins.loaderConnectionString,
		keys,
	});
	await loader.start();
	const load = (from: number) =>
		Promise.all(
			organizationIds
				.slice(from, from + organizations)
				.map((id) => loader.findEnabled(id, 'production')),
		).then((found) => found.length);
	const heap = () => {
		collectGarbage();
		return process.memoryUsage().heapUsed;
	};
	// What the first ones bring along is not theirs.
	await load(0);
	const before = heap();
	await load(organizations);
	const bytes = heap() - before;
	return {
		name: `memory for ${organizations} organizations`,
		value: bytes / 1e6,
		unit: 'MB',
		bound: { atMost: 4 },
		detail: `of the heap, with their settings decrypted and the keys derived for them; ${(bytes / organizations).toFixed(0)} bytes each`,
	};
}
