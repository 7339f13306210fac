import type { WholeRun } from '../results.ts';
import { barPicture } from './bars.ts';

/** Where a process of a service spends its time while it is busy. */
export function timePicture({ section }: WholeRun): string {
	const bars = section('end-to-end')
		.figures.filter(({ name, unit }) => unit === '%' && name.startsWith('time in '))
		.map(({ name, value }) => ({ name: name.slice('time in '.length), value }))
		.filter(({ name }) => name !== 'idle' && name !== 'the benchmark')
		.map((bar) => ({ ...bar, shown: bar.name === 'this package' }))
		.sort((a, b) => b.value - a.value);
	const own = bars.find(({ shown }) => shown);
	if (own === undefined) throw new Error('No time was measured in this package');
	return barPicture({
		title: `A busy process of a service spends ${Math.round(own.value)} % of its time in this package`,
		subtitle:
			'One process under load, sampled every half millisecond: reads, updates and creations.',
		axis: 'per cent of the time in which the process is busy',
		unit: '%',
		bars,
	});
}
