/**
 * Makes the documents that come from the sources: the API reference, the entity diagram, and every address that
 * the package names. With `--check` it writes nothing, prints how easily each guide reads, and fails where one of them is not
 * what it would write, or reads with difficulty.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressed } from './addressed-files.ts';
import { apiReference } from './api-reference.ts';
import { entityDiagram } from './entity-diagram.ts';
import { formatted, root } from './generated-file.ts';
import { leastReadingEase, readingEase } from './reading-ease.ts';

const folder = 'docs/api';
const [tables, picture] = entityDiagram();
const files = [...[tables, ...(await apiReference())].map(formatted), picture, ...addressed(root)];
const paths = new Set(files.map(({ path }) => path));
const known = existsSync(join(root, folder)) ? await readdir(join(root, folder)) : [];
const leftOver = known.map((name) => `${folder}/${name}`).filter((path) => !paths.has(path));

if (process.argv.includes('--check')) {
	const stale: string[] = [...leftOver];
	for (const { path, text } of files) {
		const place = join(root, path);
		const there = existsSync(place) ? await readFile(place, 'utf8') : undefined;
		if (there !== text) stale.push(path);
	}
	for (const path of stale) process.stderr.write(`${path} is not current. Run \`npm run docs\`.\n`);
	const difficult = readingEase().filter(({ path, ease, wordsPerSentence }) => {
		const figures = `${ease.toFixed(0)}, ${wordsPerSentence.toFixed(1)} words a sentence`;
		process.stdout.write(`reading ease of ${path}: ${figures}\n`);
		return ease < leastReadingEase;
	});
	for (const { path, ease } of difficult) {
		process.stderr.write(
			`${path} has a reading ease of ${ease.toFixed(0)}, below ${leastReadingEase}: write shorter sentences.\n`,
		);
	}
	if (stale.length + difficult.length > 0) process.exitCode = 1;
} else {
	await mkdir(join(root, folder), { recursive: true });
	for (const path of leftOver) await rm(join(root, path));
	for (const { path, text } of files) await writeFile(join(root, path), text);
	process.stdout.write(`${files.map(({ path }) => path).join('\n')}\n`);
}
