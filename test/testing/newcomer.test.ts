/** The two commands of the README, a service's tests and a benchmark's database, wherever a newcomer runs them. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { copyByLinks } from '../support/linked-copy.ts';
import { isRoot } from './supervisor.ts';

const root = process.cwd();
const sources = [
	'bench',
	'jest.config.ts',
	'package.json',
	'prisma',
	'prisma.config.ts',
	'scripts',
	'src',
	'test',
	'tsconfig.json',
	'tsup.config.ts',
];

let base: string;
/** A checkout after `npm ci`, with the same files of packages, so that a copy takes a second. */
let checkout: string;
beforeAll(async () => {
	base = await mkdtemp(join(tmpdir(), 'destinations-newcomer-'));
	await chmod(base, 0o755);
	checkout = join(base, 'checkout');
	await mkdir(checkout);
	for (const name of sources) {
		const ours = (path: string) => !path.includes('node_modules');
		await cp(join(root, name), join(checkout, name), { recursive: true, filter: ours });
	}
	const packages = join(root, 'node_modules');
	const names = (await readdir(packages)).filter((name) => name !== '.cache');
	await copyByLinks(
		names.map((name) => join(packages, name)),
		join(checkout, 'node_modules'),
	);
});
afterAll(() => rm(base, { recursive: true, force: true }));

interface Circumstances {
	readonly environment?: Record<string, string | undefined>;
	readonly user?: { readonly uid: number; readonly gid: number };
	/** Shell commands that run first, in a mount namespace of their own. */
	readonly mounts?: string;
}

async function succeeds(
	folder: string,
	command: string,
	{ environment, user, mounts }: Circumstances,
): Promise<string> {
	const inNamespace = mounts === undefined ? [] : ['unshare', '--mount'];
	const script = `${mounts ?? ':'}\n${command}`;
	const [file = '', ...args] = [...inNamespace, 'sh', '-ec', script];
	const kept = Object.entries(process.env).filter(
		([name]) => !/^(npm_|JEST_|TEST_|NODE_ENV|TMPDIR)/.test(name),
	);
	const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
	const env = { ...Object.fromEntries(kept), NO_COLOR: '1', PATH: path, ...environment };
	const child = spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], ...user });
	const ended = new Promise((resolve) => child.once('close', resolve));
	const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
	if ((await ended) !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
	return stdout + stderr;
}

/** Everything that a newcomer may do, in a folder. */
async function works(folder: string, circumstances: Circumstances = {}): Promise<void> {
	expect(await succeeds(folder, 'npm run demo', circumstances)).toContain('Done in');
	const tests = 'npm test -- test/database/vocabulary.test.ts --maxWorkers=1';
	expect(await succeeds(folder, tests, circumstances)).toMatch(/Tests: +\d+ passed/);
	const database = 'node --import tsx bench/starting-process.ts';
	expect(await succeeds(folder, database, circumstances)).toMatch(/^[\d.]+$/);
}

async function at<T>(place: string, work: (folder: string) => Promise<T>): Promise<T> {
	await rename(checkout, place);
	try {
		return await work(place);
	} finally {
		await rename(place, checkout);
	}
}

const mounting =
	isRoot && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const where = (able: boolean, name: string) => {
	if (!able) process.stderr.write(`Not tried, because this machine or user cannot: ${name}\n`);
	return (work: () => Promise<void>) => (able ? test : test.skip)(name, work);
};

where(
	isRoot,
	'the commands work as root where only root may enter',
)(async () => {
	const closed = join(base, 'closed');
	await mkdir(closed, { mode: 0o700 });
	await at(join(closed, 'checkout'), (folder) => works(folder));
});

where(
	process.platform !== 'win32',
	'they work in a path with spaces and letters of any kind',
)(() => at(join(base, 'Grüße & 日本'), (folder) => works(folder)));

where(
	isRoot,
	'they work as an ordinary user, in a checkout of somebody else, without a home',
)(() =>
	works(checkout, {
		user: { uid: 65534, gid: 65534 },
		environment: { HOME: join(base, 'missing') },
	}),
);

where(
	mounting,
	'they work from a read-only checkout, with a full /dev/shm',
)(() =>
	works(checkout, {
		mounts: `mount --bind "$PWD" "$PWD"; mount -o remount,bind,ro "$PWD"
			mount -t tmpfs -o size=64k,mode=1777 none /dev/shm
			dd if=/dev/zero of=/dev/shm/filling bs=64k count=1 2>/dev/null
			cd "$PWD"`,
	}),
);
