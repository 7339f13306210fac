import type { MutantResult } from '@stryker-mutator/api/core';
import { compare, describeSurvivor, type Survivor } from '../../scripts/mutation/mutants.ts';

/** The mutant that puts something else in the place of a piece of code. */
function survivorIn(source: string, code: string, replacement: string): Survivor {
	const fileName = '/project/source.ts';
	const at = (offset: number) => {
		const before = source.slice(0, offset).split('\n');
		return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
	};
	const start = source.indexOf(code);
	const result: Partial<MutantResult> = {
		fileName,
		replacement,
		location: { start: at(start), end: at(start + code.length) },
	};
	// What describes a mutant reads no other member.
	return describeSurvivor('/project', new Map([[fileName, source]]), result as MutantResult);
}

const source = 'if (a) {\n\treturn b\n\t\t? c\n\t\t: d;\n}\nif (a) {\n\tstop();\n}\n';

it('describes a mutant by its line and its change', () => {
	expect(survivorIn(source, 'a', 'true')).toEqual({
		file: 'source.ts',
		line: 'if (a) {',
		mutant: 'a → true',
		place: 'source.ts:1:5',
	});
	expect(survivorIn(source, 'b\n\t\t? c\n\t\t: d', 'd')).toMatchObject({
		line: 'return b',
		mutant: 'b ? c : d → d',
	});
});

it('recognizes a mutant after lines have moved, but not another one', () => {
	const listed = { ...survivorIn(source, 'c', 'e'), reason: 'they are the same' };
	const moved = survivorIn(`// one more line\n${source}`, 'c', 'e');
	const other = survivorIn(source, 'c', 'f');
	expect(moved.place).not.toBe(listed.place);
	expect(compare([moved], [listed])).toEqual({ unexplained: [], stale: [] });
	expect(compare([other], [listed])).toEqual({ unexplained: [other], stale: [listed] });
});

it('takes an entry for one mutant, unless it says for how many', () => {
	const twice = [survivorIn(source, 'a', 'true'), survivorIn(source, 'a', 'true')];
	const listed = { ...survivorIn(source, 'a', 'true'), reason: 'they are the same' };
	expect(compare(twice, [listed]).unexplained).toEqual([twice[1]]);
	expect(compare(twice, [{ ...listed, times: 2 }])).toEqual({ unexplained: [], stale: [] });
	expect(compare(twice, [{ ...listed, times: 3 }]).stale).toHaveLength(1);
});
