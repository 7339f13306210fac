import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addresses } from './addresses.ts';
import { type GeneratedFile, root } from './generated-file.ts';

/** A link to a file or a folder of some repository's main branch. */
const sourceLink = /\]\(https:\/\/[^\s)]+?\/((?:blob|tree)\/main\/[^\s)]*)\)/g;

/** package.json and documents whose addresses are to change. */
export function addressed(): GeneratedFile[] {
	const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
		.map((path) => `docs/${path.replaceAll('\\', '/')}`)
		// Those are made from docstrings.
		.filter((path) => path.endsWith('.md') && !path.startsWith('docs/api/'));
	return [
		{ path: 'package.json', text: manifest(read('package.json')) },
		...['README.md', 'SECURITY.md', ...documents].map((path) => ({
			path,
			text: read(path).replace(sourceLink, `](${addresses.repository}/$1)`),
		})),
	].filter(({ path, text }) => text !== read(path));
}

function manifest(text: string): string {
	const { repository, homepage, registry } = addresses;
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

function read(path: string): string {
	return readFileSync(join(root, path), 'utf8');
}
