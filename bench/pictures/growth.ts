import type { WholeRun } from '../results.ts';
import { Picture } from './svg.ts';

const [width, left, right, top, rowHeight] = [860, 350, 40, 84, 16];

interface Size {
	readonly rows: number;
	readonly ms: number;
}

/** What operations take among ten thousand destinations and among millions. */
export function growthPicture({ section }: WholeRun): string {
	const operations = section('indexes')
		.figures.filter(({ unit }) => unit.startsWith('× among'))
		.map(({ name, detail }) => ({ name, sizes: sizesOf(detail) }))
		.sort((a, b) => (b.sizes[0]?.ms ?? 0) - (a.sizes[0]?.ms ?? 0));
	const [first] = operations;
	if (first === undefined || first.sizes.length === 0) throw new Error('No growth was measured');
	const times = operations.flatMap(({ sizes }) => sizes.map(({ ms }) => ms));
	const [least, most] = [Math.min(...times) / 1.2, Math.max(...times) * 1.2];
	// As many pixels for each factor of ten.
	const x = (ms: number) =>
		left + (Math.log(ms / least) / Math.log(most / least)) * (width - left - right);
	const height = top + operations.length * rowHeight + 16;
	const title = 'Latency by the number of destinations in the table';
	const picture = new Picture(width, height, title);
	picture.text(16, 26, title, 'head');
	picture.text(16, 44, 'Medians in milliseconds, on a logarithmic scale.', 'dim');
	for (const [index, { rows }] of first.sizes.entries()) {
		picture.dot(left + index * 130, 40, `s${index}`);
		picture.text(left + 10 + index * 130, 44, `${rows.toLocaleString('en')} rows`);
	}
	for (const tick of [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]) {
		if (tick < least || tick > most) continue;
		picture.line(x(tick), top - 10, x(tick), height - 12, 'rule');
		picture.text(x(tick), top - 14, `${tick}`, 'dim', 'middle');
	}
	for (const [index, { name, sizes }] of operations.entries()) {
		const y = top + index * rowHeight + 8;
		picture.text(left - 12, y + 4, name, '', 'end');
		for (const [size, { ms }] of sizes.entries()) picture.dot(x(ms), y, `s${size}`);
	}
	return picture.toString();
}

/** The detail says `0.52 ms among 10000, 0.55 ms among 1000000, …`. */
function sizesOf(detail: string): Size[] {
	return [...detail.matchAll(/([\d.]+) ms among (\d+)/g)].map(([, ms, rows]) => ({
		rows: Number(rows),
		ms: Number(ms),
	}));
}
