/** What is said, in one sentence, to somebody whose machine cannot run the demo, the tests or the benchmarks. */
import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';
import { isRoot } from './supervisor.ts';

const script = 'scripts/check-setup.cjs';
const system = `${process.platform}-${process.arch}`;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** The files that the check looks for, in a checkout that has everything. */
const manifest = 'package.json';
const installed = ['tsx', 'jest', 'esbuild', `@esbuild/${system}`].map(
	(name) => `node_modules/${name}/package.json`,
);
const generated = 'src/generated/prisma/client.ts';

let base: string;

beforeAll(async () => {
	base = await newFolder(join(tmpdir(), 'destinations-setup-'), 0o755);
});

afterAll(() => rm(base, { recursive: true, force: true }));

async function newFolder(prefix: string, mode: number): Promise<string> {
	const folder = await mkdtemp(prefix);
	await chmod(folder, mode);
	return folder;
}

async function write(file: string, content: string): Promise<void> {
	await mkdir(dirname(file), { recursive: true });
	await writeFile(file, content);
}

/** What the check says and how it ends, in a checkout of its own. */
async function said({
	node = '>=20',
	missing,
	environment = {},
}: {
	readonly node?: string;
	readonly missing?: string;
	readonly environment?: Record<string, string>;
} = {}) {
	const checkout = await newFolder(join(base, 'checkout-'), 0o755);
	await write(join(checkout, manifest), JSON.stringify({ engines: { node } }));
	for (const file of [...installed, generated]) await write(join(checkout, file), '');
	if (missing !== undefined) await rm(join(checkout, missing), { recursive: true });
	await cp(script, join(checkout, script));
	const { TMPDIR: _, TMP: __, TEMP: ___, ...inherited } = process.env;
	const { status, stdout, stderr } = spawnSync(process.execPath, [join(checkout, script)], {
		encoding: 'utf8',
		env: { ...inherited, ...environment },
		// To whom a folder can be closed.
		...(isRoot ? { uid: 65534, gid: 65534 } : {}),
	});
	return { status, stdout, stderr };
}

const refused = (sentence: string) => ({ status: 1, stdout: '', stderr: `${sentence}\n` });
const content = { status: 0, stdout: '', stderr: '' };

test('the demo, the tests and the benchmarks begin with the check', async () => {
	const { scripts }: { scripts: Record<string, string> } = JSON.parse(
		await readFile(manifest, 'utf8'),
	);
	for (const name of ['demo', 'test', 'bench']) {
		expect(scripts[name]).toMatch(/^node scripts\/check-setup\.cjs && /);
	}
});

test('nothing is said where nothing is missing', async () => {
	expect(await said()).toEqual(content);
	const TMPDIR = await newFolder(join(base, 'temporary-'), 0o777);
	expect(await said({ environment: { TMPDIR } })).toEqual(content);
});

test.each([
	`>=${major}`,
	`>=${major}.${minor}`,
	`>=${major - 1}.${minor + 1}`,
	`^${major}`,
	`^${major}.${minor}`,
	`^${major - 1}.0 || ^${major}.0 || >=${major + 2}`,
])('this Node is let through by %s', async (node) => {
	expect(await said({ node })).toEqual(content);
});

test.each([
	`>=${major + 1}`,
	`>=${major}.${minor + 1}`,
	`^${major - 1}`,
	`^${major + 1}`,
	`^${major}.${minor + 1}`,
	`^${major - 1}.0 || >=${major + 1}`,
	'',
])('another Node is asked for by %p', async (node) => {
	const sentence = `This is Node ${process.version}, and the package needs ${node}: install another, for example with \`nvm install --lts\`, and run \`npm ci\` again.`;
	// Nothing else matters then, not even what is not installed.
	expect(await said({ node, missing: 'node_modules' })).toEqual(refused(sentence));
});

test.each(['node_modules', ...installed.slice(0, 3)])(
	'the development dependencies are asked for without %s',
	async (missing) => {
		const sentence =
			'The development dependencies are not installed: run `npm ci`, without --omit=dev and with NODE_ENV unset.';
		expect(await said({ missing })).toEqual(refused(sentence));
	},
);

test('the packages of this system are asked for', async () => {
	const sentence = `The packages for this system, ${system}, are not installed; npm takes them for optional. Run \`npm ci --include=optional\` here.`;
	expect(await said({ missing: `node_modules/@esbuild/${system}` })).toEqual(refused(sentence));
});

test('the Prisma client is asked for', async () => {
	const sentence =
		'The Prisma client is not generated, as after `npm ci --ignore-scripts`: run `npm run generate`.';
	expect(await said({ missing: generated })).toEqual(refused(sentence));
});

test('a folder for temporary files is asked for', async () => {
	const file = join(base, 'file');
	await writeFile(file, '');
	await chmod(file, 0o777);
	const closed = await newFolder(join(base, 'closed-'), 0o555);
	for (const folder of [join(base, 'missing'), file, 'relative', '.', closed]) {
		// Windows closes no folder in this way.
		if (folder === closed && process.platform === 'win32') continue;
		const sentence = `Nothing can be written to ${folder}: set TMPDIR to the full path of a folder for temporary files`;
		expect(await said({ environment: { TMPDIR: folder } })).toEqual(
			refused(`${sentence}, or unset it.`),
		);
		if (process.platform === 'win32') continue;
		// Named by another variable, which TMPDIR comes before.
		expect(await said({ environment: { TMP: folder } })).toEqual(refused(`${sentence}.`));
	}
});

test('the check runs on a Node that is much older than the package asks for', async () => {
	const source = await readFile(script, 'utf8');
	const ofNow = await transform(source, { target: 'esnext' });
	expect((await transform(source, { target: 'node10' })).code).toBe(ofNow.code);
	expect(source).not.toContain("'node:fs/promises'");
});
