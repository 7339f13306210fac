import { builtPackage } from '../built-package.ts';
import type { Figure } from '../report.ts';
import type { LoadingBench } from './loading-bench.ts';

/** Of so many organizations one is opened, because opening each takes the same. */
const oneOf = 10;

/** Reading everything and leaving it sealed, against opening it as well. */
export async function measurePreload({
	logins,
	keys,
	organizationIds,
	rows,
}: LoadingBench): Promise<Figure> {
	const { createDestinationsLoader } = await builtPackage();
	await using loader = createDestinationsLoader({
		connectionString: logins.loaderConnectionString,
		keys,
		maxOrganizations: 2 * organizationIds.length,
		preload: true,
	});
	const start = performance.now();
	await loader.start();
	const reading = performance.now() - start;
	const { organizations } = loader.metrics();
	if (organizations < organizationIds.length) throw new Error(`${organizations} were read`);
	const some = organizationIds.filter((_, at) => at % oneOf === 0);
	const opened = performance.now();
	for (const id of some) await loader.findEnabled(id, 'production');
	const opening = ((performance.now() - opened) / some.length) * organizationIds.length;
	return {
		name: `preload of ${rows} rows, encrypted`,
		value: (reading + opening) / reading,
		unit: 'times faster than decrypting them all',
		bound: { atLeast: 5 },
		detail: `${(reading / 1000).toFixed(1)} s; decrypting takes ${(opening / 1000).toFixed(1)} s more, measured on each ${oneOf}th organization`,
	};
}
