import { compared as columns, peers, writing } from '../peers/names.ts';
import { boundText, type Figure, format, titleOf } from '../report.ts';
import type { Section, WholeRun } from '../results.ts';

const unit = '× bare Prisma';

/** By the benchmark that they show. */
const pictures = new Map([
	['peers', '![Time for the same work, in times bare Prisma](pictures/peers.svg)\n\n'],
	['indexes', '![Latency by the number of destinations](pictures/growth.svg)\n\n'],
]);

export function machine({ run }: WholeRun): string {
	const { processor, memory, system, node, postgres } = run;
	return `Measured ${run.run.slice(0, 10)} on ${processor}, ${memory}, ${system}, with Node ${node.slice(1)} and PostgreSQL ${postgres}, all in one run.`;
}

export function benchmarkTable(name: string, run: WholeRun): string {
	const section = run.section(name);
	const compared = name === 'peers' ? `${comparison(section, true)}\n\n` : '';
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

/** The short table of the README, with the command that repeats it. */
export function readmeFigures(run: WholeRun): string {
	const found = (name: string, part: string): Figure => {
		const figure = run.section(name).figures.find((one) => titleOf(one).includes(part));
		if (figure === undefined) throw new Error(`${name} has no figure ${part}`);
		return figure;
	};
	const rotated = found('rotate', 'rows');
	const busy = found('end-to-end', '16 in flight');
	const machineName = `${run.run.processor}, ${run.run.run.slice(0, 10)}`;
	return [
		'With encryption, row level security, soft delete and the log all on, in times what bare Prisma takes without any of',
		'them (of reads per second more is better, of everything else less):',
		'',
		comparison(run.section('peers'), false),
		'',
		`One process does ${busy.value.toFixed(0)} operations a second (nine of ten read an organization's six, settings opened), and rotates`,
		`${rotated.value.toFixed(0)} rows a second to a new key. [What each of them lacks, how it was measured, and everything`,
		`else](docs/benchmarks.md) (${machineName}). To repeat it: \`npm run bench\`; one part of it: \`npm run bench -- peers\`.`,
		'',
		'![Times bare Prisma, by what one would use](docs/pictures/peers.svg)',
	].join('\n');
}

/** A row for each work, a column for each way of doing it. */
function comparison({ figures }: Section, spread: boolean): string {
	const compared = figures.filter((figure) => figure.unit === unit);
	const works = [...new Set(compared.map(({ name }) => name))];
	const rows = works.map((work) => {
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
