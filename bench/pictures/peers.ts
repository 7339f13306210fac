import { peers, compared as shown } from '../peers/names.ts';
import type { WholeRun } from '../results.ts';
import { Picture } from './svg.ts';

const [width, left, right, top, barHeight, groupGap] = [860, 220, 90, 100, 15, 30];

/** How long the same work takes, by what does it, in times bare Prisma. */
export function peersPicture({ section }: WholeRun): string {
	const timed = section('peers').figures.filter(
		({ name, unit }) => unit === '× bare Prisma' && !name.startsWith('reads per second'),
	);
	const works = [...new Set(timed.map(({ name }) => name))];
	const most = 1.2 * Math.max(...timed.map(({ value }) => value));
	const groupHeight = shown.length * barHeight + groupGap;
	const height = top + works.length * groupHeight + 64;
	const bottom = height - 54;
	const x = (ratio: number) => left + (ratio / most) * (width - left - right);
	const own = timed.filter(({ of }) => of === peers.ours).map(({ value }) => value);
	const [least, longest] = [Math.min(...own), Math.max(...own)].map((ratio) => ratio.toFixed(1));
	const title = `The same work takes this package ${least} to ${longest} times as long as ${peers.bare}, which has no encryption, isolation or log`;
	const picture = new Picture(width, height, title);
	picture.text(16, 26, title, 'head');
	picture.text(
		16,
		44,
		'Shorter is faster. A bar is the median, and the line on it the middle half of the measurements.',
		'dim',
	);
	for (let tick = 0; tick <= most; tick += 1) {
		picture.line(x(tick), top - 8, x(tick), bottom, tick === 1 ? 'one' : 'rule');
		picture.text(x(tick), top - 12, `${tick} ×`, 'dim', 'middle');
		picture.text(x(tick), bottom + 14, `${tick} ×`, 'dim', 'middle');
	}
	for (const [group, work] of works.entries()) {
		const y = top + group * groupHeight;
		picture.text(16, y + 16, work, 'head');
		for (const [index, of] of shown.entries()) {
			const figure = timed.find((one) => one.name === work && one.of === of);
			if (figure === undefined) throw new Error(`${work} was not measured with ${of}`);
			const at = y + 22 + index * barHeight;
			picture.text(left - 8, at + 11, of, of === peers.ours ? '' : 'dim', 'end');
			picture.bar(
				x(0),
				at + 1,
				x(figure.value) - x(0),
				barHeight - 3,
				of === peers.ours ? 'ours' : 'other',
			);
			const { low, high } = figure.spread ?? { low: figure.value, high: figure.value };
			const end = x(Math.min(high, most));
			picture.line(x(low), at + 7, end, at + 7, 'edge');
			picture.line(x(low), at + 7, end, at + 7, 'spread');
			picture.text(
				width - 16,
				at + 11,
				`${figure.value.toFixed(2)} ×`,
				of === peers.ours ? '' : 'dim',
				'end',
			);
		}
	}
	picture.text(
		(left + width - right) / 2,
		top - 28,
		`Time, as a multiple of ${peers.bare} (1 ×, dashed)`,
		'dim',
		'middle',
	);
	picture.text(
		16,
		height - 22,
		`“${peers.limit}” is the practical limit: SQL written for this one table, sent by pg in one round trip under row level security, with`,
		'dim',
	);
	picture.text(
		16,
		height - 7,
		'settings encrypted by AES-256-GCM; without validation, typed errors, key rotation, transactions and Prisma.',
		'dim',
	);
	return picture.toString();
}
