import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './markdown.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const runbook = read('docs/guides/operations.md');

/** The members of a union of texts, as the source has it. */
function membersOf(path: string, start: RegExp): string[] {
	const [union = ''] = start.exec(read(path)) ?? [];
	return [...union.matchAll(/\| '([\w ]+)'/g)].map(([, member = '']) => member);
}

test('the runbook says of every error code what to do', () => {
	const codes = membersOf('src/errors.ts', /type DestinationsErrorCode =[^;]*;/);
	expect(codes.length).toBeGreaterThan(5);
	expect(codes.filter((code) => !runbook.includes(`| \`${code}\` `))).toEqual([]);
});

test('the runbook has every part of what doctor finds', () => {
	const parts = membersOf('src/doctor/diagnose.ts', /interface Section \{[^;]*;/);
	expect(parts.length).toBeGreaterThan(5);
	const rows = runbook.toLowerCase();
	expect(parts.filter((part) => !rows.includes(`\n| ${part} `))).toEqual([]);
});
