import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** A figure, and the bound that it must keep. */
export interface Figure {
	readonly name: string;
	readonly value: number;
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

export function print({ title, figures }: Report): void {
	const rows = figures.map((figure) => [
		figure.name,
		`${format(figure.value)} ${figure.unit}`,
		figure.bound === undefined ? '' : boundText(figure.bound),
		figure.bound === undefined ? '' : reached(figure) ? 'yes' : 'NO',
		figure.detail,
	]);
	const table = [['figure', 'value', 'must reach', 'reached', 'how'], ...rows];
	const widths = [0, 1, 2, 3].map((column) =>
		Math.max(...table.map((row) => row[column]?.length ?? 0)),
	);
	process.stdout.write(`\n${title}\n`);
	for (const row of table) {
		const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
		process.stdout.write(`  ${cells.join('  ').trimEnd()}\n`);
	}
}

function boundText(bound: NonNullable<Figure['bound']>): string {
	return 'atMost' in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
}

function format(value: number): string {
	return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Keeps the latest run of each benchmark, with the machine and the time it was measured on. */
export function save(file: string, reports: ReadonlyMap<string, Report>): void {
	const results = load(file);
	for (const [name, report] of reports) {
		results[name] = {
			measuredAt: new Date().toISOString(),
			node: process.version,
			processor: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
			...report,
		};
	}
	writeFileSync(file, `${JSON.stringify(results, null, '\t')}\n`);
}

function load(file: string): Record<string, unknown> {
	try {
		return JSON.parse(readFileSync(file, 'utf8'));
	} catch {
		return {};
	}
}
