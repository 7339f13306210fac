import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { anchors, documents, links, prose, root } from './markdown.ts';

const all = documents();

test.each(all)('every link of $path leads somewhere', (document) => {
	const broken = links(document).filter(({ file, anchor }) => {
		const path = join(root, file);
		if (!existsSync(path)) return true;
		if (anchor === '') return false;
		return !anchors({ path: file, text: readFileSync(path, 'utf8') }).has(anchor);
	});
	expect(broken.map(({ target }) => target)).toEqual([]);
});

/** Files that a text names without a link: by their path, or tests by their name. */
const named = /`((?:src|test|prisma|docs|scripts|bench|examples)\/[\w./-]*|[\w-]+\.test\.ts)`/g;
const tests = new Set(
	readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).map((path) =>
		basename(path),
	),
);

test.each(all)('every file that $path names is there', (document) => {
	const missing = [...prose(document).matchAll(named)]
		.map(([, path = '']) => path)
		.filter((path) => (path.includes('/') ? !existsSync(join(root, path)) : !tests.has(path)));
	expect(missing).toEqual([]);
});
