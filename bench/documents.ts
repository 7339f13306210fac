import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { indexTables } from './documents/indexes.ts';
import { benchmarkTable, machine, readmeFigures } from './documents/tables.ts';
import { pictures } from './pictures/pictures.ts';
import type { WholeRun } from './results.ts';

const root = new URL('../', import.meta.url);

/** Writes what readers see of a run: the tables between their markers, and the pictures. */
export function writeDocuments(run: WholeRun, names: readonly string[]): void {
	fill('README.md', new Map([['figures', readmeFigures(run)]]));
	fill(
		'docs/benchmarks.md',
		new Map([
			['machine', machine(run)],
			...names.map((name) => [`figures of ${name}`, benchmarkTable(name, run)] as const),
		]),
	);
	fill('docs/indexes.md', new Map([['figures', indexTables(run)]]));
	mkdirSync(new URL('docs/pictures', root), { recursive: true });
	for (const [name, draw] of pictures) {
		writeFileSync(new URL(`docs/pictures/${name}.svg`, root), draw(run));
	}
	// Its tables are padded as the linter wants them.
	execFileSync(
		process.execPath,
		[
			'node_modules/@biomejs/biome/bin/biome',
			'format',
			'--write',
			'README.md',
			'docs/benchmarks.md',
			'docs/indexes.md',
		],
		{ cwd: fileURLToPath(root), stdio: 'pipe' },
	);
}

/** Puts each text between `<!-- name -->` and the next `<!-- /figures -->`. */
function fill(path: string, texts: ReadonlyMap<string, string>): void {
	const file = new URL(path, root);
	let document = readFileSync(file, 'utf8');
	for (const [name, text] of texts) {
		const begin = document.indexOf(`<!-- ${name} -->`);
		const end = document.indexOf('<!-- /figures -->', begin);
		if (begin === -1 || end === -1) {
			throw new Error(`${path} has no <!-- ${name} --> … <!-- /figures -->`);
		}
		const head = document.slice(0, begin + `<!-- ${name} -->`.length);
		document = `${head}\n\n${text}\n\n${document.slice(end)}`;
	}
	writeFileSync(file, document);
}
