import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../../src/cli/main.ts';
import { codeBlocks, documents, prose, root } from './markdown.ts';

const { scripts }: { scripts: Record<string, string> } = JSON.parse(
	readFileSync(join(root, 'package.json'), 'utf8'),
);

/** What the documents tell to type: lines of shell blocks, and commands in the text. */
const commands = documents()
	.filter(({ path }) => !path.startsWith('docs/api/'))
	.flatMap((document) => {
		const blocks = codeBlocks(document).filter(({ language }) => ['sh', 'bash'].includes(language));
		const lines = blocks.flatMap(({ code }) => code.replaceAll('\\\n', ' ').split('\n'));
		const inline = [...prose(document).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
		return [...lines, ...inline].map((line) => ({ path: document.path, line: line.trim() }));
	});

async function helpOf(command: string): Promise<string | undefined> {
	let text = '';
	const output = { write: (part: string) => (text += part) };
	const terminal = {
		stdout: output,
		stderr: { write: () => {} },
		environment: {},
		signal: new AbortController().signal,
	};
	return (await main([command, '--help'], terminal)) === 0 ? text : undefined;
}

test('every npm script that is named exists', () => {
	const unknown = commands.filter(({ line }) =>
		[...line.matchAll(/\bnpm run ([\w:-]+)/g)].some(([, name = '']) => scripts[name] === undefined),
	);
	expect(unknown).toEqual([]);
});

test('every command and option of consent-destinations that is named exists', async () => {
	const wrong: string[] = [];
	let seen = 0;
	for (const { path, line } of commands) {
		for (const [, name = '', options = ''] of line.matchAll(
			/\bconsent-destinations ([a-z]+)([^#|&;)]*)/g,
		)) {
			seen += 1;
			const help = await helpOf(name);
			if (help === undefined) wrong.push(`${path}: ${line}: there is no command ${name}`);
			for (const [option] of options.matchAll(/--[a-z-]+/g)) {
				if (help?.includes(`${option} `) === false) wrong.push(`${path}: ${line}: no ${option}`);
			}
		}
	}
	expect(wrong).toEqual([]);
	expect(seen).toBeGreaterThan(10);
});

test('every file of the project that a command names exists', () => {
	const missing = commands.flatMap(({ path, line }) =>
		[...line.matchAll(/(?<![\w/.-])((?:prisma|test|src|docs)\/[\w./-]+\.\w+)/g)]
			.filter(([, file = '']) => !existsSync(join(root, file)))
			.map(([file]) => `${path}: ${file}`),
	);
	expect(missing).toEqual([]);
});
