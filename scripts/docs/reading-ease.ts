import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flesch } from 'flesch';
import { syllable } from 'syllable';
import { root } from './generated-file.ts';

/** Of each document that newcomers read. Plain English has 60 and more; below 50 a text is difficult (Flesch, 1949). */
export const leastReadingEase = 55;

export interface Readability {
	readonly path: string;
	/** The Flesch reading ease of its sentences. */
	readonly ease: number;
	readonly wordsPerSentence: number;
}

/** How easily each guide, recipe and page for newcomers reads. */
export function readingEase(): Readability[] {
	const guides = ['docs/guides', 'docs/recipes'].flatMap((folder) =>
		readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
	);
	return ['README.md', 'docs/concepts.md', ...guides].map((path) => {
		const sentences = sentencesOf(readFileSync(join(root, path), 'utf8'));
		const words = sentences.flat();
		const counts = {
			sentence: sentences.length,
			word: words.length,
			syllable: words.reduce((sum, word) => sum + syllable(word), 0),
		};
		return { path, ease: flesch(counts), wordsPerSentence: counts.word / counts.sentence };
	});
}

/** The words of each sentence of prose. Code, tables and headings have none; a name in code counts as one short word. */
function sentencesOf(markdown: string): string[][] {
	const prose = markdown
		.replace(/^([ \t]*)```[\s\S]*?^[ \t]*```$/gm, '')
		.replace(/<!--[\s\S]*?-->/g, '')
		.replace(/^(\||#|\[[^\]]+\]:).*$/gm, '')
		.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
		.replace(/`[^`]*`/g, 'name');
	return prose
		.split(/[.!?:;](?=\s)|\n\s*\n|\n[ \t]*(?:[-*]|\d+\.) /)
		.map((sentence) => sentence.match(/[A-Za-z’'-]*[A-Za-z]+/g) ?? [])
		.filter((words) => words.length > 2);
}
