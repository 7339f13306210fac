import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pictures } from '../../bench/pictures/pictures.ts';
import type { Section, WholeRun } from '../../bench/results.ts';
import { root } from './markdown.ts';

const results: Record<string, Section> = JSON.parse(
	readFileSync(join(root, 'bench/results.json'), 'utf8'),
);
const section = (of: string): Section => {
	const found = results[of];
	if (found === undefined) throw new Error(`${of} was not measured`);
	return found;
};
const run: WholeRun = { run: section('peers'), section };
const drawn = [...pictures].map(([name, draw]) => [name, draw(run)] as const);

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

test.each(drawn)(
	'%s.svg can be read in grey: what it compares differs by lightness',
	(_, picture) => {
		const [light = '', dark = ''] = picture.split('@media (prefers-color-scheme:dark)');
		for (const mode of [light, dark]) {
			for (const [one, other] of [
				['ours', 'other'],
				['s0', 's1'],
				['s1', 's2'],
				['ours', 'ground'],
			] as const) {
				const [darker = 0, lighter = 0] = [fillOf(one, mode), fillOf(other, mode)]
					.map(luminanceOf)
					.sort((a, b) => a - b);
				// As WCAG 2.2 counts contrast (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio): of three in a row none has more than 2.79.
				expect((lighter + 0.05) / (darker + 0.05)).toBeGreaterThan(2.5);
			}
		}
	},
);

function fillOf(name: string, style: string): string {
	const [, fill = ''] = new RegExp(`\\.${name}\\{fill:#([0-9a-f]+)`).exec(style) ?? [];
	return fill.length === 3 ? [...fill].map((digit) => digit + digit).join('') : fill;
}

/** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminanceOf(color: string): number {
	const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
		const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
		return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
