/** A figure, and the bound that it must keep. */
export interface Figure {
	readonly name: string;
	/** Whose it is, where several do the same work. */
	readonly of?: string;
	readonly value: number;
	/** The middle half of what was measured, in the same unit. */
	readonly spread?: { readonly low: number; readonly high: number };
	/** What the value counts, such as `times bare Prisma` or `µs`. */
	readonly unit: string;
	readonly bound: { readonly atMost: number } | { readonly atLeast: number } | undefined;
	/** How it was measured, and how it spread. */
	readonly detail: string;
}

export interface Report {
	readonly title: string;
	readonly figures: readonly Figure[];
}

export function reached({ value, bound }: Figure): boolean {
	if (bound === undefined) return true;
	return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast;
}

export const titleOf = ({ name, of }: Figure): string =>
	of === undefined ? name : `${name}: ${of}`;

/** One table of all of them. */
export function print(reports: readonly Report[]): void {
	const header = ['figure', 'value', 'must reach', 'reached', 'how'];
	const sections = reports.map(({ title, figures }) => ({ title, rows: figures.map(cells) }));
	const all = [header, ...sections.flatMap(({ rows }) => rows)];
	const widths = [0, 1, 2, 3].map((column) =>
		Math.max(...all.map((row) => row[column]?.length ?? 0)),
	);
	const line = (row: readonly string[]) =>
		`  ${row
			.map((cell, column) => cell.padEnd(widths[column] ?? 0))
			.join('  ')
			.trimEnd()}\n`;
	process.stdout.write(`\n${line(header)}`);
	for (const { title, rows } of sections) {
		process.stdout.write(`\n${title}\n${rows.map(line).join('')}`);
	}
}

function cells(figure: Figure): string[] {
	return [
		titleOf(figure),
		`${format(figure.value)} ${figure.unit}`,
		figure.bound === undefined ? '' : boundText(figure.bound),
		figure.bound === undefined ? '' : reached(figure) ? 'yes' : 'NO',
		figure.detail,
	];
}

export function boundText(bound: NonNullable<Figure['bound']>): string {
	return 'atMost' in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
}

export function format(value: number): string {
	return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
