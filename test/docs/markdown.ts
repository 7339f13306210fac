import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { addresses } from '../../scripts/docs/addresses.ts';

export const root = process.cwd();

/** A fenced block of code in a document or in a docstring. */
export interface CodeBlock {
	/** The file and the line of the fence, as editors open it. */
	readonly place: string;
	readonly language: string;
	/** What stands behind the language: `run` for what can be run as it is. */
	readonly flags: readonly string[];
	readonly code: string;
}

export interface Document {
	readonly path: string;
	readonly text: string;
}

/** Every handwritten document, and what is made from the sources. */
export function documents(): Document[] {
	const own = readdirSync(root).filter((name) => name.endsWith('.md'));
	return [...own, ...filesIn('docs', '.md'), ...filesIn('examples', '.md')].map(read);
}

/** Sources with docstrings. */
export function sources(): Document[] {
	return filesIn('src', '.ts')
		.filter((path) => !path.startsWith('src/generated/'))
		.map(read);
}

/** Files of a folder and those below it, from the project's folder on. */
export function filesIn(folder: string, extension: string): string[] {
	if (!existsSync(join(root, folder))) return [];
	return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		// What is installed is not ours, and another test may be installing it just now.
		if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path, extension);
		return entry.name.endsWith(extension) ? [path] : [];
	});
}

function read(path: string): Document {
	return { path, text: readFileSync(join(root, path), 'utf8') };
}

const fence = /^([ \t]*(?:\* ?)?)```(\w*)([^\n]*)\n([\s\S]*?)^[ \t]*(?:\* ?)?```[ \t]*$/gm;

/** The blocks of a document; of a source, those in its docstrings. */
export function codeBlocks({ path, text }: Document): CodeBlock[] {
	return [...text.matchAll(fence)].map((match) => {
		const [, indent = '', language = '', flags = '', code = ''] = match;
		const line = text.slice(0, match.index).split('\n').length;
		return {
			place: `${path}:${line}`,
			language,
			flags: flags.trim().split(/\s+/).filter(Boolean),
			code: indent.includes('*') ? code.replace(/^[ \t]*\* ?/gm, '') : code,
		};
	});
}

/** The text without its blocks of code. */
export function prose({ text }: Document): string {
	return text.replace(fence, '');
}

/** What links begin with that lead to the repository: from the tarball, to what it does not hold. */
const repository = `${addresses.repository}/`;

/** Where a document's own links lead: other files of the project, and places in them. */
export function links(document: Document): { target: string; file: string; anchor: string }[] {
	return [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)]
		.map(([, target = '']) => target)
		.filter((target) => target.startsWith(repository) || !/^[a-z]+:/.test(target))
		.map((target) => {
			const [path = '', anchor = ''] = target.split('#');
			const source = /^(?:blob|tree)\/main\/(.*)$/.exec(path.replace(repository, ''))?.[1];
			if (source !== undefined) return { target, file: source, anchor };
			const file = path === '' ? document.path : relative('.', join(dirname(document.path), path));
			return { target, file, anchor };
		});
}

/** The anchors of a document, as GitHub makes them from headings. */
export function anchors(document: Document): Set<string> {
	const found = new Set([...document.text.matchAll(/<a id="([^"]+)"/g)].map(([, id = '']) => id));
	for (const [, heading = ''] of prose(document).matchAll(/^#+ (.+)$/gm)) {
		const slug = heading
			.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
			.toLowerCase()
			.replace(/[^\p{L}\p{N}\s_-]/gu, '')
			.replace(/\s/g, '-');
		let unique = slug;
		for (let count = 1; found.has(unique); count += 1) unique = `${slug}-${count}`;
		found.add(unique);
	}
	return found;
}
