/** Writes the latest figures of `npm run bench -- indexes` into docs/indexes.md: `npx tsx bench/indexes/document.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Report } from '../report.ts';

interface Results {
	readonly indexes?: Report & { readonly measuredAt: string; readonly processor: string };
}

const page = new URL('../../docs/indexes.md', import.meta.url);
const results: Results = JSON.parse(
	readFileSync(new URL('../results.json', import.meta.url), 'utf8'),
);
const { indexes } = results;
if (indexes === undefined) throw new Error('Run `npm run bench -- indexes` first');

const rows = indexes.figures
	.filter(({ name }) => /^(idx_)?destination/.test(name))
	.map(({ name, value, detail }) => {
		const [price = '', users = ''] = detail.split('; used by: ');
		return [`\`${name}\``, `${value.toPrecision(3)} MB`, price, users];
	});
const speeds = indexes.figures
	.filter(({ unit }) => unit.startsWith('× among'))
	.map(({ name, value, unit, detail }) => [
		name,
		`${value.toFixed(2)} ${unit}`,
		detail.split(';')[0] ?? '',
	]);
const hot = indexes.figures
	.filter(({ name }) => name.startsWith('HOT updates: '))
	.map(({ name, value, detail }) => [
		name.replace('HOT updates: ', ''),
		`${value.toFixed(0)} %`,
		detail,
	]);

const text = [
	`${indexes.title}; measured ${indexes.measuredAt.slice(0, 10)} on ${indexes.processor}.`,
	table(['index', 'size', 'price', 'used by'], rows),
	table(['update', 'on its page (HOT)', 'takes'], hot),
	table(['operation', 'growth', 'medians'], speeds),
].join('\n\n');
const written = readFileSync(page, 'utf8').replace(
	/(<!-- figures -->\n)[\s\S]*(<!-- end of figures -->)/,
	(_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`,
);
writeFileSync(page, written);

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
	return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}
