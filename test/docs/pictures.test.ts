import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pictures } from '../../bench/pictures/pictures.ts';
import type { Section, WholeRun } from '../../bench/results.ts';
import { root } from './markdown.ts';

const results: Record<string, Section> = JSON.parse(
	readFileSync(join(root, 'bench/results.json'), 'utf8'),
);
const drawn = [...pictures].flatMap(([name, draw]) => {
	const needed = { peers: 'peers', growth: 'indexes', time: 'end-to-end', freshness: 'loading' }[
		name
	];
	// The loader is measured by the next run of everything.
	if (needed === undefined || results[needed] === undefined) return [];
	const section = (of: string): Section => {
		const found = results[of];
		if (found === undefined) throw new Error(`${of} was not measured`);
		return found;
	};
	const { peers } = results;
	if (peers === undefined) throw new Error('peers were not measured');
	const run: WholeRun = { run: peers, section };
	return [[name, draw(run)] as const];
});

test.each(drawn)('%s.svg is what the figures at hand make', (name, picture) => {
	expect(readFileSync(join(root, `docs/pictures/${name}.svg`), 'utf8')).toBe(picture);
});

test.each(drawn)('%s.svg has a title, an axis with a name, and both modes', (name, picture) => {
	expect(picture).toMatch(/<title>[^<]{20,}<\/title>/);
	expect(picture).toMatch(/(multiple of|milliseconds|per cent)[^<]*<\/text>/);
	expect(picture).toContain('@media (prefers-color-scheme:dark)');
	if (name === 'growth') expect(picture.match(/class="spread"/g)).toHaveLength(5);
	if (name === 'peers') expect(picture).toContain('is the practical limit');
});
