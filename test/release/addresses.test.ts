import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressed } from '../../scripts/docs/addressed-files.ts';
import { addresses } from '../../scripts/docs/addresses.ts';

const root = join(__dirname, '../..');

/** Of the project, not of what is installed, made or cached. */
const apart = /(^|\/)(node_modules|\.git|dist|generated|coverage|cache|site\/pages)(\/|$)/;
const text =
	/\.(md|mdx|ts|mts|cts|js|mjs|cjs|json|ya?ml|prisma|sql|toml|html|vue|css|sh)$|\/CODEOWNERS$|Dockerfile|\.npmrc$/;

function textFiles(folder = ''): string[] {
	return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		if (apart.test(path)) return [];
		if (entry.isDirectory()) return textFiles(path);
		return entry.isFile() && text.test(path) ? [path] : [];
	});
}

const elsewhere = {
	repository: 'https://git.acme.io/team/library',
	homepage: 'https://docs.acme.io/library/',
	registry: 'https://npm.acme.io/private/',
};

test('an address that changes in the one place changes everywhere', () => {
	const changed = new Map(addressed(root, elsewhere).map(({ path, text }) => [path, text]));
	const old = Object.values(addresses).map((url) => url.replace(/^https:\/\/|\/$/g, ''));
	// The place itself, and a test of the registry that is not filled in.
	const known = ['scripts/docs/addresses.ts', 'test/release/check-registry.test.ts'];
	const files = textFiles();
	expect(files.length).toBeGreaterThan(900);
	const left = files.filter((path) => {
		const text = changed.get(path) ?? readFileSync(join(root, path), 'utf8');
		return old.some((address) => text.includes(address));
	});
	expect(left.sort()).toEqual(known);
});

test('npm, and whoever follows the guide, are led to the new addresses', () => {
	const changed = new Map(addressed(root, elsewhere).map(({ path, text }) => [path, text]));
	expect(JSON.parse(changed.get('package.json') ?? '')).toMatchObject({
		homepage: 'https://docs.acme.io/library/',
		repository: { type: 'git', url: 'git+https://git.acme.io/team/library.git' },
		bugs: { url: 'https://git.acme.io/team/library/issues' },
		publishConfig: {
			registry: 'https://npm.acme.io/private/',
			'@consent-io:registry': 'https://npm.acme.io/private/',
		},
	});
	expect(changed.get('docs/guides/service.md')).toContain(
		'\n@consent-io:registry=https://npm.acme.io/private/\n//npm.acme.io/private/:_authToken=$',
	);
	expect(changed.get('README.md')).toContain('](https://git.acme.io/team/library/blob/main/');
});

test('nothing is to be changed for the addresses that there are', () => {
	expect(addressed(root).map(({ path }) => path)).toEqual([]);
});

test('the supported versions of Node are those of package.json wherever they are named', () => {
	const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	const named = /"?\^20\.[\d.]* \|\| [^"`\n]*/g;
	const own = textFiles().filter((path) =>
		/^(README|package\.json|docs\/|examples\/|\.changeset)/.test(path),
	);
	const ranges = own.flatMap((path) => readFileSync(join(root, path), 'utf8').match(named) ?? []);
	expect(ranges.length).toBeGreaterThan(3);
	expect(new Set(ranges.map((range) => range.replace('"', '')))).toEqual(new Set([engines.node]));
});
