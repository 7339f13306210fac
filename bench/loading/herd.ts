import { builtPackageFile } from '../built-package.ts';
import type { Figure } from '../report.ts';
import { startChildren } from './children.ts';
import type { LoadingBench } from './loading-bench.ts';
import type { Answered, Calls } from './loading-process.ts';

const processes = 8;
const organizations = 300;
const callers = 20;

/** Processes that have just started and are all asked at once. */
export async function measureHerd({
	logins,
	keys,
	organizationIds,
}: LoadingBench): Promise<Figure> {
	const args = [await builtPackageFile(), logins.loaderConnectionString, keys];
	await using herd = await startChildren(
		Array.from({ length: processes }, () => ['loading-process.ts', ...args] as const),
	);
	const calls: Calls = { organizationIds: organizationIds.slice(0, organizations), callers };
	const start = performance.now();
	const answered = await herd.ask<Answered>(calls);
	const took = performance.now() - start;
	const sum = (of: keyof Answered) => answered.reduce((total, one) => total + one[of], 0);
	const wanted = processes * organizations * callers;
	if (sum('answers') !== wanted) throw new Error(`${sum('answers')} of ${wanted} were answered`);
	return {
		name: `${wanted} calls after a restart`,
		value: sum('statements'),
		unit: 'statements',
		bound: { atMost: processes },
		detail: `${processes} processes, ${organizations} organizations, ${callers} callers of each; all answered after ${took.toFixed(0)} ms`,
	};
}
