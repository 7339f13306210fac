import type { Section, WholeRun } from '../results.ts';
import { table } from './tables.ts';

/** The tables of docs/indexes.md. */
export function indexTables(run: WholeRun): string {
	const section = run.section('indexes');
	return [
		`${section.title}; measured ${section.measuredAt.slice(0, 10)} on ${section.processor}.`,
		table(['index', 'size', 'price', 'used by'], indexes(section)),
		table(['update', 'on its page (HOT)', 'takes'], hotUpdates(section)),
		table(['operation', 'growth', 'medians'], growth(section)),
	].join('\n\n');
}

function indexes({ figures }: Section): string[][] {
	return figures
		.filter(({ name }) => /^(idx_)?destination/.test(name))
		.map(({ name, value, detail }) => {
			const [price = '', users = ''] = detail.split('; used by: ');
			return [`\`${name}\``, `${value.toPrecision(3)} MB`, price, users];
		});
}

const hot = 'HOT updates: ';

function hotUpdates({ figures }: Section): string[][] {
	return figures
		.filter(({ name }) => name.startsWith(hot))
		.map(({ name, value, detail }) => [name.slice(hot.length), `${value.toFixed(0)} %`, detail]);
}

function growth({ figures }: Section): string[][] {
	return figures
		.filter(({ unit }) => unit.startsWith('× among'))
		.map(({ name, value, unit, detail }) => [
			name,
			`${value.toFixed(2)} ${unit}`,
			detail.split(';')[0] ?? '',
		]);
}
