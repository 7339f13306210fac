import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { addresses } from '../docs/addresses.ts';

/** A page of the site, and the document that it is made from. */
export interface Page {
	/** From the project's folder on. */
	readonly document: string;
	/** From the folder of the pages on. */
	readonly path: string;
}

const ofTheProject: readonly Page[] = [
	{ document: 'README.md', path: 'index.md' },
	{ document: 'docs/README.md', path: 'documentation.md' },
	{ document: 'CHANGELOG.md', path: 'changelog.md' },
	{ document: 'SECURITY.md', path: 'security.md' },
	{ document: 'CONTRIBUTING.md', path: 'contributing.md' },
];

/** Every page, in the order of the documents' names. */
export function pagesOf(root: string): Page[] {
	const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
		.map((path) => `docs/${path.replaceAll('\\', '/')}`)
		.filter((path) => path.endsWith('.md') && path !== 'docs/README.md')
		.sort();
	return [
		...ofTheProject,
		...documents.map((document) => ({
			document,
			path: document.slice('docs/'.length).replace(/README\.md$/, 'index.md'),
		})),
	];
}

/** The title of a document: its first heading. */
export function titleOf(text: string): string {
	return (/^# (.+)$/m.exec(text)?.[1] ?? '').replaceAll('`', '');
}

/** Makes the pages of the documents, with links that lead to pages, and each picture for light and for dark pages. */
export async function makePages(root: string, folder: string): Promise<Page[]> {
	const pages = pagesOf(root);
	await rm(folder, { recursive: true, force: true });
	for (const page of pages) {
		const text = textOf(root, page.document);
		await put(join(folder, page.path), withLinks(text, page, pages));
	}
	for (const name of readdirSync(join(root, 'docs/pictures'))) {
		const picture = readFileSync(join(root, 'docs/pictures', name));
		if (!name.endsWith('.svg')) await put(join(folder, 'public/pictures', name), picture);
		else {
			for (const [mode, text] of Object.entries(modesOf(picture.toString()))) {
				await put(join(folder, 'public/pictures', name.replace('.svg', `.${mode}.svg`)), text);
			}
		}
	}
	return pages;
}

/** A picture follows the reader's system, and a page its own switch: so there is one of each. */
function modesOf(picture: string): { light: string; dark: string } {
	const dark = /@media \(prefers-color-scheme: ?dark\) ?\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}/g;
	return { light: picture.replace(dark, ''), dark: picture.replace(dark, '$1') };
}

function textOf(root: string, document: string): string {
	const text = readFileSync(join(root, document), 'utf8');
	return document === 'CHANGELOG.md' ? `${text}${notReleased(root)}` : text;
}

/** What changed since the last release, as the changesets say it. */
function notReleased(root: string): string {
	const folder = join(root, '.changeset');
	const changes = readdirSync(folder)
		.filter((name) => name.endsWith('.md') && name !== 'README.md')
		.map((name) => readFileSync(join(folder, name), 'utf8').replace(/^---[\s\S]*?\n---\n/, ''))
		.map((change) => change.trim())
		.filter((change) => change !== '');
	if (changes.length === 0) return '';
	const items = changes.map((change) => `- ${change.replaceAll('\n', '\n  ')}`);
	return `\n## Not released yet\n\n${items.join('\n')}\n`;
}

/** Links of the text outside of its blocks of code. */
function withLinks(text: string, page: Page, pages: readonly Page[]): string {
	return text
		.split(/(^[ \t]*```[\s\S]*?^[ \t]*```[ \t]*$)/m)
		.map((part, index) =>
			index % 2 === 1
				? part
				: part.replace(
						/(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g,
						(_, image: string, name: string, target: string) =>
							image === ''
								? `[${name}](${leadTo(target, page, pages)})`
								: shownPicture(name, target),
					),
		)
		.join('');
}

const source = `${addresses.repository}/`;

/** Where a link of a document leads from its page: another page, or the repository. */
function leadTo(target: string, page: Page, pages: readonly Page[]): string {
	if (target.startsWith('#') || (/^[a-z]+:/.test(target) && !target.startsWith(source)))
		return target;
	const [path = '', anchor] = target.split('#');
	const file = path.startsWith(source)
		? path.slice(source.length).replace(/^(blob|tree)\/main\//, '')
		: posix.normalize(posix.join(posix.dirname(page.document), path)).replace(/\/$/, '');
	const found = pages.find(({ document }) => document === file || document === `${file}/README.md`);
	const rest = anchor === undefined ? '' : `#${anchor}`;
	if (found !== undefined) {
		const relative = posix.relative(posix.dirname(page.path), found.path);
		return `${relative.startsWith('.') ? relative : `./${relative}`}${rest}`;
	}
	const kind = /\.\w+$/.test(file) ? 'blob' : 'tree';
	return `${source}${kind}/main/${file}${rest}`;
}

function shownPicture(name: string, target: string): string {
	const picture = `/pictures/${posix.basename(target)}`;
	if (!picture.endsWith('.svg')) return `![${name}](${picture})`;
	return ['light', 'dark']
		.map((mode) => `![${name}](${picture.replace('.svg', `.${mode}.svg`)}){.only-${mode}}`)
		.join('');
}

async function put(place: string, content: string | Buffer): Promise<void> {
	await mkdir(dirname(place), { recursive: true });
	await writeFile(place, content);
}
