import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { anchors, links } from '../docs/markdown.ts';
import { packed, unpacked } from './packed.ts';
import { installationLog } from './service.ts';

let contents: string;
let files: string[];
let manifest: { exports: object; bin: Record<string, string>; files: string[] };

beforeAll(async () => {
	contents = await unpacked();
	const entries = await readdir(contents, { recursive: true, withFileTypes: true });
	files = entries
		.filter((entry) => entry.isFile())
		.map((entry) => relative(contents, join(entry.parentPath, entry.name)).split(sep).join('/'))
		.sort();
	manifest = JSON.parse(await readFile(join(contents, 'package.json'), 'utf8'));
});

/** A line for each file, with what the bundler numbers and what grows with each migration left open. */
const allowed = [
	/^(README|CHANGELOG|SECURITY)\.md$/,
	/^package\.json$/,
	/^docs\/(README|benchmarks|concepts|entities|indexes)\.md$/,
	/^docs\/guides\/(?!releasing)[a-z-]+\.md$/,
	/^docs\/(api|recipes)\/[\w-]+\.md$/,
	/^docs\/pictures\/[a-z-]+\.svg$/,
	/^dist\/index\.c?js$/,
	/^dist\/cli\.cjs$/,
	/^dist\/index\.d\.c?ts$/,
	// What the declarations of two entry points share.
	/^dist\/[a-z-]+-[\w-]{8}\.d\.cts$/,
	/^dist\/contracts\/index\.(c?js|d\.c?ts)$/,
	/^dist\/testing\/index\.(c?js|d\.c?ts)$/,
	/^dist\/testing\/supervisor\/[a-z-]+\.js$/,
	/^prisma\/schema\.prisma$/,
	/^prisma\/models\/destinations\.prisma$/,
	/^prisma\/config\.(mjs|d\.mts)$/,
	/^prisma\/engine\/(connection|engine|locate|say-created|schema-engine|url)\.mjs$/,
	/^prisma\/grants\/(give-up-adoption|hardening|logins|platform-tables|tenants-elsewhere)\.sql$/,
	/^prisma\/scale\/(citus(-nodes)?|move-(in|out|remove))\.sql$/,
	/^prisma\/migrations\/migration_lock\.toml$/,
	/^prisma\/migrations\/\d{14}_[a-z_]+\/migration\.sql$/,
];

test('the tarball holds what a service needs, and nothing else', () => {
	expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
	expect(allowed.filter((pattern) => !files.some((file) => pattern.test(file)))).toEqual([]);
});

test('the tarball stays below 600 kB, of which documents are a third', async () => {
	expect((await stat(await packed())).size).toBeLessThan(600_000);
});

test('no source map, secret or path of the machine that built it is in it', async () => {
	const unwanted =
		/sourceMappingURL|_authToken=(?!\$)|PRIVATE KEY|npm_[A-Za-z0-9]{36}|(^|[\s'"=])[\w-]+:[0-9a-f]{64}\b/m;
	for (const file of files) {
		const content = await readFile(join(contents, file), 'utf8');
		expect([file, unwanted.exec(content)?.[0]]).toEqual([file, undefined]);
		expect([file, content.includes(process.cwd())]).toEqual([file, false]);
	}
});

test('every file that package.json names is there', () => {
	const targets = (value: unknown): string[] =>
		typeof value === 'string' ? [value] : Object.values(Object(value)).flatMap(targets);
	const named = [...targets(manifest.exports), ...targets(manifest.bin)];
	const { main, module, types } = Object(manifest);
	expect(named.length).toBeGreaterThan(10);
	for (const target of [...named, main, module, types]) {
		expect([target, existsSync(join(contents, target))]).toEqual([target, true]);
	}
});

test('every link of a document leads to something in the tarball, or to the repository', async () => {
	const documents = files.filter((file) => file.endsWith('.md'));
	expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/api/README.md']));
	for (const path of documents) {
		const document = { path, text: await readFile(join(contents, path), 'utf8') };
		const dead = links(document).filter(({ target, file, anchor }) => {
			if (target.startsWith('https:')) return false; // test/docs/links.test.ts
			const place = join(contents, file);
			if (!existsSync(place)) return true;
			if (anchor === '') return false;
			return !anchors({ path: file, text: readFileSync(place, 'utf8') }).has(anchor);
		});
		expect([path, dead.map(({ target }) => target)]).toEqual([path, []]);
	}
});

test('what is to be executed may be', async () => {
	const { mode } = await stat(join(contents, 'prisma/engine/schema-engine.mjs'));
	expect(mode & 0o111).toBe(0o111);
	for (const file of Object.values(manifest.bin)) {
		expect(await readFile(join(contents, file), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
	}
});

test('npm installs it without a complaint about its peers', async () => {
	expect(await installationLog()).not.toMatch(/ERESOLVE|peer/i);
});
