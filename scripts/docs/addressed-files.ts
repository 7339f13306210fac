import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addresses } from './addresses.ts';
import type { GeneratedFile } from './generated-file.ts';

/** A link to a file or a folder of some repository's main branch. */
const sourceLink = /\]\(https:\/\/[^\s)]+?\/((?:blob|tree)\/main\/[^\s)]*)\)/g;

/** What npm reads of a registry in `.npmrc`. */
const scopedRegistry = /^(@consent-io:registry=)\S+$/gm;
const registryToken = /^\/\/\S+?(:_authToken=)/gm;

type Addresses = { readonly [name in keyof typeof addresses]: string };

/** package.json and documents of a folder, of which some address is another one. */
export function addressed(root: string, to: Addresses = addresses): GeneratedFile[] {
	const read = (path: string) => readFileSync(join(root, path), 'utf8');
	const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
		.map((path) => `docs/${path.replaceAll('\\', '/')}`)
		// Those are made from docstrings.
		.filter((path) => path.endsWith('.md') && !path.startsWith('docs/api/'));
	return [
		{ path: 'package.json', text: manifest(read('package.json'), to) },
		...['README.md', 'SECURITY.md', ...documents].map((path) => ({
			path,
			text: read(path)
				.replace(sourceLink, `](${to.repository}/$1)`)
				.replace(scopedRegistry, `$1${to.registry}`)
				.replace(registryToken, `${to.registry.replace(/^https?:/, '')}$1`),
		})),
	].filter(({ path, text }) => text !== read(path));
}

function manifest(text: string, { repository, homepage, registry }: Addresses): string {
	const fields = JSON.parse(text);
	const changed = {
		...fields,
		homepage,
		repository: { type: 'git', url: `git+${repository}.git` },
		bugs: { url: `${repository}/issues` },
		publishConfig: { ...fields.publishConfig, registry, '@consent-io:registry': registry },
	};
	return `${JSON.stringify(changed, null, '\t')}\n`;
}
