import type { WholeRun } from '../results.ts';
import { Picture } from './svg.ts';

const [width, left, right, top, rowHeight] = [860, 300, 130, 96, 30];
/** How many are shown: those that grow most. */
const worst = 5;

interface Size {
	readonly rows: number;
	readonly ms: number;
}

/** How much longer operations take among millions of destinations than among ten thousand: those that grow most. */
export function growthPicture({ section }: WholeRun): string {
	const measured = section('indexes')
		.figures.filter(({ unit }) => unit.startsWith('× among'))
		.map(({ name, value, detail }) => ({ name, value, sizes: sizesOf(detail) }))
		.sort((a, b) => b.value - a.value);
	const operations = measured.slice(0, worst);
	const [first] = operations;
	const [smallest, largest] = [first?.sizes[0], first?.sizes.at(-1)];
	if (first === undefined || smallest === undefined || largest === undefined) {
		throw new Error('No growth was measured');
	}
	const most = 1.15 * Math.max(...operations.flatMap(({ sizes }) => sizes.map(({ ms }) => ms)));
	const x = (ms: number) => left + (ms / most) * (width - left - right);
	const height = top + operations.length * rowHeight + 66;
	const bottom = height - 56;
	const times = Math.round(largest.rows / smallest.rows);
	const title = `With ${times} times as many destinations, no operation takes more than ${first.value.toFixed(1)} times as long`;
	const picture = new Picture(width, height, title);
	picture.text(16, 26, title, 'head');
	picture.text(
		16,
		44,
		`The ${worst} of ${measured.length} operations that grow most. A dot is a median; the number compares ${largest.rows.toLocaleString('en')} destinations with ${smallest.rows.toLocaleString('en')}.`,
		'dim',
	);
	for (const [index, { rows }] of first.sizes.entries()) {
		picture.dot(left + index * 180, 62, `s${index}`);
		picture.text(left + 10 + index * 180, 66, `${rows.toLocaleString('en')} destinations`);
	}
	const step = most > 4 ? 1 : most > 2 ? 0.5 : 0.2;
	for (let tick = 0; tick <= most; tick += step) {
		picture.line(x(tick), top - 8, x(tick), bottom, 'rule');
		picture.text(x(tick), bottom + 16, tick.toFixed(1), 'dim', 'middle');
	}
	picture.text(
		(left + width - right) / 2,
		height - 14,
		'milliseconds for one operation',
		'dim',
		'middle',
	);
	for (const [index, { name, value, sizes }] of operations.entries()) {
		const y = top + index * rowHeight + 12;
		picture.text(left - 12, y + 4, name, '', 'end');
		const ms = sizes.map((size) => size.ms);
		picture.line(x(Math.min(...ms)), y, x(Math.max(...ms)), y, 'spread');
		for (const [size, { ms: at }] of sizes.entries()) picture.dot(x(at), y, `s${size}`);
		picture.text(width - right + 16, y + 4, `${value.toFixed(2)} ×`);
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
