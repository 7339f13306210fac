import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLines } from './command-lines.ts';
import { codeBlocks, documents, root } from './markdown.ts';
import { allRunners, runnerOf, stale } from './who-runs.ts';

test('each command of each document is run by a test, or it is said why not', () => {
	const lines = commandLines();
	expect(lines.length).toBeGreaterThan(60);
	const unknown = lines.filter((line) => runnerOf(line) === undefined);
	expect(unknown).toEqual([]);
	expect(stale()).toEqual([]);
});

test('who is said to run a command is there, and has it', () => {
	const wrong = allRunners().filter(
		(runner) =>
			'by' in runner &&
			!(
				existsSync(join(root, runner.by)) &&
				readFileSync(join(root, runner.by), 'utf8').includes(runner.shown)
			),
	);
	expect(wrong).toEqual([]);
});

test('every block is of a language that a test looks at', () => {
	const known = new Set([
		...['sh', 'bash', 'console', 'shell', 'zsh'], // here
		'sql', // sql.test.ts
		...['ts', 'typescript'], // examples.test.ts, run.test.ts
		'js', // test/packaging
		...['prisma', 'ini', 'dockerfile'], // test/hosts, test/packaging/registry, test/packaging/dockerfile.test.ts
	]);
	const blocks = documents()
		.filter(({ path }) => !path.startsWith('docs/api/'))
		.flatMap(codeBlocks);
	const unknown = blocks.filter(({ language }) => !known.has(language));
	expect(unknown.map(({ place, language }) => `${place} ${language}`)).toEqual([]);
});
