import { readFileSync } from 'node:fs';
import { type Document, documents, filesIn, sources } from './markdown.ts';
import { findWords, readableText } from './words.ts';

const read = (path: string) => ({ path, text: readFileSync(path, 'utf8') });
const published = [
	...documents(),
	...filesIn('.changeset', '.md').map(read),
	...filesIn('prisma', '.sql').map(read),
	...filesIn('prisma', '.prisma').map(read),
];
/** The glossary explains the words of the code, and decisions are about it. */
const forUsers = ({ path }: Document) =>
	path !== 'CONTRIBUTING.md' && !path.startsWith('docs/decisions/');
/** What is copied, installed or built into the site besides the package's own sources. */
const others = [
	...filesIn('examples', '.ts'),
	...filesIn('prisma', '.mjs'),
	...filesIn('site/.vitepress', '.ts'),
].map(read);

test('there is text to look at', () => {
	// Without changesets, of which a release leaves none.
	expect(published.filter(({ path }) => !path.startsWith('.changeset')).length).toBeGreaterThan(60);
	const [source] = sources();
	expect(source && readableText(source).text.trim()).not.toBe('');
});

test('documents, changesets, and what is published of prisma/ use standard words', () => {
	expect(published.flatMap((each) => findWords(each, forUsers(each)))).toEqual([]);
});

test('docstrings, errors, what commands print, and examples use standard words', () => {
	const isPrinted = ({ path }: Document) => /^src\/(cli|doctor|errors)\b/.test(path);
	const texts = [...sources(), ...others].map(readableText);
	expect(texts.flatMap((each) => findWords(each, isPrinted(each)))).toEqual([]);
});

test('names in code may be what they are, and comments and texts are found by their line', () => {
	// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a program
	const text = 'const told = 1;\n/** Tells it. */\nconst message = `It ${told} gives`;';
	const found = findWords(readableText({ path: 'some.ts', text }));
	expect(found.map(({ place, found }) => `${place} ${found}`)).toEqual([
		'some.ts:3 gives',
		'some.ts:2 Tells',
	]);
});
