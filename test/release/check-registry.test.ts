import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
let folder: string;

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'destinations-publishing-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function check(publishConfig: unknown) {
	writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, publishConfig }));
	const script = join(root, 'scripts/check-registry.ts');
	const { status, stderr } = spawnSync(join(root, 'node_modules/.bin/tsx'), [script], {
		cwd: folder,
		encoding: 'utf8',
	});
	return { status, stderr };
}

const own = (registry: unknown) => ({
	access: 'restricted',
	registry,
	'@consent-io:registry': registry,
});

test.each(['https://npm.acme.io/', 'https://acme.jfrog.io/npm/', 'http://127.0.0.1:4873/'])(
	'%s is taken',
	(registry) => {
		expect(check(own(registry))).toEqual({ status: 0, stderr: '' });
	},
);

test.each<[string, unknown, RegExp]>([
	['nothing', undefined, /not the URL/],
	['no registry', { access: 'restricted' }, /not the URL/],
	['the public registry', own('https://registry.npmjs.org/'), /would be public/],
	['its other name', own('https://registry.npmjs.com'), /would be public/],
	['a mirror of it', own('https://registry.yarnpkg.com/'), /would be public/],
	['an address to be filled in', own('https://npm.example.com/'), /fill in/],
	['a registry in clear', own('http://npm.acme.io/'), /https/],
	['no URL', own('npm.acme.io'), /not the URL/],
	['public access', { ...own('https://npm.acme.io/'), access: 'public' }, /restricted/],
	['only one of both', { access: 'restricted', registry: 'https://npm.acme.io/' }, /:registry/],
	[
		'another one for the scope',
		{ ...own('https://npm.acme.io/'), '@consent-io:registry': 'https://registry.npmjs.org/' },
		/would be public/,
	],
])('%s is refused', (_, publishConfig, message) => {
	const { status, stderr } = check(publishConfig);
	expect(status).toBe(1);
	expect(stderr).toMatch(/^Nothing is published/);
	expect(stderr).toMatch(message);
});

test('publishing is refused as long as the address of the registry is not filled in', () => {
	expect(manifest.scripts.prepublishOnly).toMatch(/^npm run check:registry && /);
	const { status, stderr } = check(manifest.publishConfig);
	expect(stderr === '' ? status : stderr).toEqual(
		stderr === '' ? 0 : expect.stringMatching(/fill in the address/),
	);
});
