import type { WholeRun } from '../results.ts';
import { barPicture } from './bars.ts';

/** How soon a loader knows of a change that was committed. */
export function freshnessPicture({ section }: WholeRun): string {
	const figure = section('loading').figures.find(({ name }) => name.startsWith('commit to known'));
	if (figure === undefined) throw new Error('No freshness was measured');
	const { value, detail } = figure;
	const read = (pattern: RegExp) => Number(pattern.exec(detail)?.[1] ?? Number.NaN);
	const interval = read(/interval of (\d+) ms/);
	return barPicture({
		title: `A loader knows 99 of 100 changes within ${Math.round(value)} ms of their COMMIT`,
		subtitle: `${read(/(\d+) changes/)} changes by eight writers. The loader polls the database every ${interval} ms.`,
		axis: 'milliseconds from COMMIT to the first answer that has the change',
		unit: 'ms',
		mark: { at: interval, name: `polls every ${interval} ms` },
		bars: [
			{ name: 'half of the changes', value: read(/p50 (\d+)/) },
			{ name: '95 of 100', value: read(/p95 (\d+)/) },
			{ name: '99 of 100', value, shown: true },
			{ name: 'the slowest', value: read(/slowest (\d+)/) },
		],
	});
}
