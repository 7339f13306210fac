import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';

/** A change of the code that no test noticed, said so that it is found again after lines have moved. */
export interface Survivor {
	/** Path from the root of the project. */
	readonly file: string;
	/** The line on which the changed code begins, without the space around it. */
	readonly line: string;
	/** `code → what it was changed to`, on one line. */
	readonly mutant: string;
	/** Where it stands today; not part of what it is recognized by. */
	readonly place: string;
}

/** An entry of the list of mutants that behave as the code does. */
export interface Equivalent extends Omit<Survivor, 'place'> {
	/** Why no test can tell it from the code. */
	readonly reason: string;
	/** How many mutants of the file have this line and this change. @defaultValue 1 */
	readonly times?: number;
}

const longest = 160;

/** The code by file, to be read before a run: somebody may edit it meanwhile. */
export async function readSources(folder: string): Promise<ReadonlyMap<string, string>> {
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	const files = entries.filter((entry) => entry.isFile());
	return new Map(
		await Promise.all(
			files.map(async (file) => {
				const path = join(file.parentPath, file.name);
				return [path, await readFile(path, 'utf8')] as const;
			}),
		),
	);
}

export function describeSurvivor(
	root: string,
	sources: ReadonlyMap<string, string>,
	result: MutantResult,
): Survivor {
	const { start, end } = result.location;
	const lines = (sources.get(result.fileName) ?? '').split('\n');
	// Stryker counts lines and columns from 1.
	const changed = lines.slice(start.line - 1, end.line);
	changed.push((changed.pop() ?? '').slice(0, end.column - 1));
	changed.unshift((changed.shift() ?? '').slice(start.column - 1));
	const file = relative(root, result.fileName).split(sep).join('/');
	return {
		file,
		line: (lines[start.line - 1] ?? '').trim(),
		mutant: `${onOneLine(changed.join('\n'))} → ${onOneLine(result.replacement)}`,
		place: `${file}:${start.line}:${start.column}`,
	};
}

function onOneLine(code: string): string {
	const line = code.replaceAll(/\s+/g, ' ').trim();
	return line.length <= longest ? line : `${line.slice(0, longest)}…`;
}

/** What the list leaves unexplained, and what of the list explains nothing. */
export function compare(survivors: readonly Survivor[], equivalents: readonly Equivalent[]) {
	const left = new Map(
		equivalents.map((equivalent) => [
			identity(equivalent),
			{ equivalent, times: equivalent.times ?? 1 },
		]),
	);
	const unexplained = survivors.filter((survivor) => {
		const entry = left.get(identity(survivor));
		if (entry === undefined || entry.times === 0) return true;
		entry.times -= 1;
		return false;
	});
	const stale = [...left.values()]
		.filter(({ times }) => times > 0)
		.map(({ equivalent }) => equivalent);
	return { unexplained, stale };
}

function identity({ file, line, mutant }: Omit<Survivor, 'place'>): string {
	return JSON.stringify([file, line, mutant]);
}
