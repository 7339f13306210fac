import { measure, type Variant } from '../measure.ts';
import type { Figure } from '../report.ts';
import type { Actors } from './actors.ts';
import { operations } from './operations.ts';

/** How many times as long an operation may take at most that finds as many rows among 500 times as many. */
const bound = 1.5;
/** Milliseconds from which on an operation is measured a tenth as often. */
const slow = 50;

/**
 * What operations take at each size, in turns, against the first size. With the real client, over one
 * connection kept open, in memory: it is how the way to the rows grows that is looked at.
 */
export async function measureGrowth(sizes: readonly Actors[]): Promise<Figure[]> {
	const figures: Figure[] = [];
	for (const { name, run, sameRows } of operations) {
		if (sameRows === false) continue;
		const [base, ...others] = sizes.map(
			(actors): Variant => ({ name: String(actors.filled.rows), run: () => run(actors) }),
		);
		if (base === undefined) break;
		const start = performance.now();
		await base.run();
		const repeats = performance.now() - start > slow ? 1 : 10;
		const measured = await measure([base, ...others], { rounds: 5, repeats });
		const largest = measured.at(-1);
		if (largest === undefined) break;
		figures.push({
			name,
			value: largest.ratio,
			unit: `× among ${base.name}`,
			bound: { atMost: bound },
			detail: `${measured.map((size) => `${size.median.toFixed(2)} ms among ${size.name}`).join(', ')}; middle half of the ratios ${largest.ratioLow.toFixed(2)} to ${largest.ratioHigh.toFixed(2)}`,
		});
	}
	return figures;
}
