import { typeErrors } from './compile.ts';
import { type CodeBlock, codeBlocks, documents, sources } from './markdown.ts';

const isTypeScript = ({ language }: CodeBlock) => ['ts', 'typescript'].includes(language);
/** Its examples are those of the docstrings; the rest of it are signatures. */
const isReference = (path: string) => path.startsWith('docs/api/');

const inDocuments = documents()
	.filter(({ path }) => !isReference(path))
	.flatMap(codeBlocks)
	.filter(isTypeScript);
const inDocstrings = sources().flatMap(codeBlocks).filter(isTypeScript);

test('there are examples to look at', () => {
	expect(inDocuments.length).toBeGreaterThan(10);
	expect(inDocstrings.length).toBeGreaterThan(20);
});

test('every example in the documents and docstrings compiles', () => {
	expect(typeErrors([...inDocuments, ...inDocstrings])).toEqual([]);
});

test('what does not compile is told by its place', () => {
	const [first] = inDocuments;
	const wrong = { place: 'somewhere.md:1', language: 'ts', flags: [], code: 'acme.nothing();' };
	expect(first).toBeDefined();
	expect(typeErrors([wrong])).toEqual([
		expect.stringMatching(/^somewhere\.md:1 line 1: Property 'nothing' does not exist/),
	]);
});
