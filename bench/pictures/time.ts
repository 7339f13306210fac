import type { WholeRun } from '../results.ts';
import { barPicture } from './bars.ts';

/** Where a process of a service spends the time in which it computes. */
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
		title: `${Math.round(own.value)} % of the time that requests take of a process is spent in this package`,
		subtitle:
			'One process of a service under load, sampled each half a millisecond: reads, updates and creations.',
		axis: 'per cent of the time in which the process is not idle',
		unit: '%',
		bars,
	});
}
