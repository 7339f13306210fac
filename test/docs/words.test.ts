import { readFileSync } from 'node:fs';
import { type Document, documents, filesIn, sources } from './markdown.ts';
import { findWords, readableText } from './words.ts';

const read = (path: string) => ({ path, text: readFileSync(path, 'utf8') });
/** Decisions and CONTRIBUTING are for those who change the package. */
const isPublic = (path: string) => !/^docs\/decisions\/|^CONTRIBUTING\.md$/.test(path);
/** What migrations say while they run. */
const withoutComments = ({ path, text }: Document) => ({ path, text: text.replace(/--.*$/gm, '') });
const published = [
	...documents(),
	...filesIn('.changeset', '.md').map(read),
	...filesIn('prisma/grants', '.sql').map(read),
	...filesIn('prisma/migrations', '.sql').map(read).map(withoutComments),
	...filesIn('prisma', '.prisma').map(read),
].filter(({ path }) => isPublic(path));

test('there is text to look at', () => {
	// Without changesets, of which a release leaves none.
	expect(published.filter(({ path }) => !path.startsWith('.changeset')).length).toBeGreaterThan(60);
	const [source] = sources();
	expect(source && readableText(source).text.trim()).not.toBe('');
});

test('documents, changesets, and what is published of prisma/ use standard words', () => {
	expect(published.flatMap(findWords)).toEqual([]);
});

test('docstrings, errors and what commands print use standard words', () => {
	expect(sources().map(readableText).flatMap(findWords)).toEqual([]);
});

test('names in code may be what they are, and comments and texts are found by their line', () => {
	const text = 'const told = 1;\n/** Tells it. */\nconst message = `It ${told} gives`;';
	const found = findWords(readableText({ path: 'some.ts', text }));
	expect(found.map(({ place, found }) => `${place} ${found}`)).toEqual([
		'some.ts:3 gives',
		'some.ts:2 Tells',
	]);
});
