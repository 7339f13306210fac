import { compared as allColumns, peers, writing } from '../peers/names.ts';
import { boundText, type Figure, format, titleOf } from '../report.ts';
import type { Section, WholeRun } from '../results.ts';

const unit = '× bare Prisma';

/** By the benchmark that they show. */
const pictures = new Map([
	['peers', '![Time for the same work, in times bare Prisma](pictures/peers.svg)\n\n'],
	[
		'indexes',
		'![The operations that grow most with the number of destinations](pictures/growth.svg)\n\n',
	],
	['end-to-end', '![Where a process spends its time](pictures/time.svg)\n\n'],
	['loading', '![How soon a loader knows of a change](pictures/freshness.svg)\n\n'],
]);

export function machine({ run }: WholeRun): string {
	const { processor, memory, system, node, postgres } = run;
	return `Measured ${run.run.slice(0, 10)} on ${processor}, ${memory}, ${system}, with Node ${node.slice(1)} and PostgreSQL ${postgres}, all in one run.`;
}

export function benchmarkTable(name: string, run: WholeRun): string {
	const section = run.section(name);
	const compared = name === 'peers' ? `${comparison(section, { spread: true })}\n\n` : '';
	// What stands in that table is not said again.
	const figures = section.figures.filter(
		({ unit: of, of: peer }) =>
			compared === '' || of !== unit || (peer !== undefined && writing.includes(peer)),
	);
	const rows = figures.map((figure) => [
		titleOf(figure),
		`${format(figure.value)} ${figure.unit}`,
		figure.bound === undefined ? '' : boundText(figure.bound),
		figure.detail,
	]);
	const all = table(['figure', 'value', 'must reach', 'how'], rows);
	return `${section.title}; ${section.seconds} s.\n\n${pictures.get(name) ?? ''}${compared}${all}`;
}

/** What the README shows: the most common read and write, by the ways that readers compare. */
const shownWorks = ["read one organization's destinations", 'create'];
const shownPeers = [peers.ours, peers.rowLevelSecurity, peers.fieldEncryption, peers.limit];

/** The short table of the README. */
export function readmeFigures(run: WholeRun): string {
	const machineName = `${run.run.processor}, ${run.run.run.slice(0, 10)}`;
	return [
		'Time for the same work, as a multiple of plain Prisma without encryption, row level security, soft delete or audit log',
		`(less is faster; ${machineName}):`,
		'',
		comparison(run.section('peers'), { spread: false, works: shownWorks, columns: shownPeers }),
		'',
		'[Benchmarks](docs/benchmarks.md) has all figures, and says what each of the others lacks and how it was measured.',
		'`npm run bench` repeats them on your machine.',
	].join('\n');
}

interface Comparison {
	/** Whether each ratio has the middle half of what was measured beside it. */
	readonly spread: boolean;
	/** @defaultValue all that were compared */
	readonly works?: readonly string[];
	/** @defaultValue all peers that were compared */
	readonly columns?: readonly string[];
}

/** A row for each work, a column for each way of doing it. */
function comparison({ figures }: Section, { spread, works, columns = allColumns }: Comparison) {
	const compared = figures.filter((figure) => figure.unit === unit);
	const shown = works ?? [...new Set(compared.map(({ name }) => name))];
	const rows = shown.map((work) => {
		const of = (peer: string): Figure => {
			const figure = compared.find((one) => one.name === work && one.of === peer);
			if (figure === undefined) throw new Error(`${work} was not measured with ${peer}`);
			return figure;
		};
		const [takes = ''] = of(peers.bare).detail.split(/;| against/);
		return [work, takes, ...columns.map((column) => cell(of(column), spread))];
	});
	return table(['', peers.bare, ...columns], rows);
}

function cell({ of, value, spread }: Figure, withSpread: boolean): string {
	const ratio = `${value.toFixed(2)} ×`;
	if (withSpread && spread !== undefined) {
		return `${ratio} (${spread.low.toFixed(2)}–${spread.high.toFixed(2)})`;
	}
	return of === peers.ours ? `**${ratio}**` : ratio;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]) =>
		`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
	return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
