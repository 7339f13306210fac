import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { typeErrors } from './compile.ts';
import { type CodeBlock, codeBlocks, documents, root, sources } from './markdown.ts';

const isTypeScript = ({ language }: CodeBlock) => ['ts', 'typescript'].includes(language);
/** Its examples are those of the docstrings; the rest of it are signatures. */
const isReference = (path: string) => path.startsWith('docs/api/');

const all = documents()
	.filter(({ path }) => !isReference(path))
	.flatMap(codeBlocks)
	.filter(isTypeScript);
/** Programs of frameworks that are not installed here: `npm run test:hosts` compiles and serves them each night. */
const isForHosts = ({ flags }: CodeBlock) => flags.includes('host');
const inDocuments = all.filter((block) => !isForHosts(block));
const inDocstrings = sources().flatMap(codeBlocks).filter(isTypeScript);

test('there are examples to look at', () => {
	expect(inDocuments.length).toBeGreaterThan(10);
	expect(inDocstrings.length).toBeGreaterThan(20);
});

const wrong = { place: 'somewhere.md:1', language: 'ts', flags: [], code: 'acme.nothing();' };
/** Of all at once: to read the sources of this package takes most of the time. */
const errors = typeErrors([...inDocuments, ...inDocstrings, wrong]);
const isOfWrong = (error: string) => error.startsWith(wrong.place);

test('every example in the documents and docstrings compiles', () => {
	expect(errors.filter((error) => !isOfWrong(error))).toEqual([]);
});

test('each program of a framework is one that `npm run test:hosts` serves', () => {
	const served = readFileSync(join(root, 'scripts/hosts/frameworks.ts'), 'utf8');
	const recipes = all.filter(isForHosts).map(({ place }) => place);
	expect(recipes.length).toBeGreaterThan(2);
	const names = recipes.map((place) => /^docs\/recipes\/(\w+)\.md:/.exec(place)?.[1]);
	expect(names.filter((name) => !served.includes(`\t${name}: `))).toEqual([]);
});

test('what does not compile is reported by its place', () => {
	expect(errors.filter(isOfWrong)).toEqual([
		expect.stringMatching(/^somewhere\.md:1 line 1: Property 'nothing' does not exist/),
	]);
});
