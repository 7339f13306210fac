import { Picture } from './svg.ts';

const [width, left, right, top, rowHeight] = [860, 300, 90, 70, 26];

interface Bar {
	readonly name: string;
	readonly value: number;
	/** Whether it is what the picture is about. */
	readonly shown?: boolean;
}

interface Bars {
	readonly title: string;
	readonly subtitle: string;
	/** What the axis counts, and in which unit. */
	readonly axis: string;
	readonly unit: string;
	readonly bars: readonly Bar[];
	/** A line that is worth a name. */
	readonly mark?: { readonly at: number; readonly name: string };
}

/** Bars with their numbers, on an axis with a name. */
export function barPicture({ title, subtitle, axis, unit, bars, mark }: Bars): string {
	const most = 1.1 * Math.max(...bars.map(({ value }) => value), mark?.at ?? 0);
	const x = (value: number) => left + (value / most) * (width - left - right);
	const height = top + bars.length * rowHeight + 60;
	const bottom = height - 54;
	const picture = new Picture(width, height, title);
	picture.text(16, 26, title, 'head');
	picture.text(16, 44, subtitle, 'dim');
	const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => most / size <= 8) ?? 1000;
	for (let tick = 0; tick <= most; tick += step) {
		picture.line(x(tick), top - 6, x(tick), bottom, 'rule');
		picture.text(x(tick), bottom + 16, `${tick}`, 'dim', 'middle');
	}
	if (mark !== undefined) {
		picture.line(x(mark.at), top - 6, x(mark.at), bottom, 'one');
		picture.text(x(mark.at), top - 10, mark.name, 'dim', 'middle');
	}
	picture.text((left + width - right) / 2, height - 14, axis, 'dim', 'middle');
	for (const [index, { name, value, shown = false }] of bars.entries()) {
		const y = top + index * rowHeight;
		picture.text(left - 12, y + 15, name, shown ? 'head' : '', 'end');
		picture.bar(left, y + 3, x(value) - left, rowHeight - 8, shown ? 'ours' : 'other');
		picture.text(
			width - 16,
			y + 15,
			`${value.toFixed(value < 10 ? 1 : 0)} ${unit}`,
			shown ? 'head' : '',
			'end',
		);
	}
	return picture.toString();
}
