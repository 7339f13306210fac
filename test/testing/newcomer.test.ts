/**
 * The commands of the README, and the test database that a service gets from the packed tarball, wherever a newcomer
 * runs them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { unpacked } from '../packaging/packed.ts';
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

const mounting =
	isRoot && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** Shell commands, as root in a mount namespace of their own. */
const withoutShm = `mount -t tmpfs none /mnt; mkdir /mnt/dev
	for device in null zero random urandom; do touch /mnt/dev/$device; mount --bind /dev/$device /mnt/dev/$device; done
	mount --rbind /mnt/dev /dev; test ! -e /dev/shm`;
const fullShm = `mount -t tmpfs -o size=64k,mode=1777 none /dev/shm
	dd if=/dev/zero of=/dev/shm/filling bs=64k count=1 2>/dev/null`;
const readOnly = `mount --bind "$PWD" "$PWD"; mount -o remount,bind,ro "$PWD"; cd "$PWD"`;

/** A benchmark keeps its figures in the checkout, except for a quick one. */
const keepFigures = `import('./bench/results.ts').then(({ newRun, saveSection }) =>
	saveSection(newRun({ whole: false }), 'none', { title: '', figures: [] }, 0))`;

const tests = [
	'npm test -- test/database/vocabulary.test.ts --maxWorkers=1',
	/Tests: +\d+ passed/,
] as const;
const benchmark = ['npm run bench -- tenancy --quick', /tenancy: \d+ s/] as const;

interface Circumstances {
	readonly able: boolean;
	/** The checkout, below the folder of this file. */
	readonly folder: string;
	readonly environment?: Record<string, string | undefined>;
	/** Runs a command line as somebody else. */
	readonly as?: string;
	/** Shell commands that run first, in a mount namespace of their own. */
	readonly mounts?: string;
	/** What is run beside that which is run everywhere, and what it prints. */
	readonly also: readonly (readonly [command: string, printed: RegExp])[];
}

/** A checkout after `npm ci`, which root owns, and to which nobody else can write. */
const shared = 'checkout';
const circumstances: Readonly<Record<string, Circumstances>> = {
	[`in a path with spaces and letters of any kind${isRoot ? ', which only root may enter' : ''}`]: {
		able: process.platform !== 'win32',
		folder: 'closed/Grüße & 日本',
		also: [tests],
	},
	'as an ordinary user, in a checkout of somebody else, without a home and without /dev/shm': {
		able: mounting,
		folder: shared,
		environment: { HOME: '/missing' },
		as: 'setpriv --reuid=65534 --regid=65534 --clear-groups',
		mounts: withoutShm,
		also: [tests, benchmark],
	},
	'from a read-only checkout, with a full /dev/shm': {
		able: mounting,
		folder: shared,
		mounts: `${fullShm}\n${readOnly}`,
		also: [[`node --import tsx -e "${keepFigures}"`, /^The figures are printed alone/]],
	},
};
for (const [name, { able }] of Object.entries(circumstances)) {
	if (!able) process.stderr.write(`Not tried, because this machine or user cannot: ${name}\n`);
}
const tried = Object.entries(circumstances).filter(([, { able }]) => able);

/** What a service does with the package from the registry. */
const ofService = `const { startTestDatabase } = require('@consent-io/destinations/testing');
startTestDatabase({ source: 'embedded' }).then((database) => database.stop()).then(() => console.log('stopped'));`;

let base: string;
const outcomes = new Map<string, Promise<void>>();

beforeAll(async () => {
	base = await mkdtemp(join(tmpdir(), 'destinations-newcomer-'));
	await chmod(base, 0o755);
	await mkdir(join(base, 'closed'), { mode: 0o700 });
	for (const folder of new Set(tried.map(([, circumstance]) => circumstance.folder))) {
		await checkOut(join(base, folder));
	}
	// Side by side, as they wait for processes most of the time.
	for (const [name, circumstance] of tried) {
		const outcome = works(circumstance);
		outcome.catch(() => {});
		outcomes.set(name, outcome);
	}
});

afterAll(async () => {
	await Promise.allSettled(outcomes.values());
	await rm(base, { recursive: true, force: true });
});

/** Makes a checkout with the same files of packages, so that it takes a second, and a service in it. */
async function checkOut(checkout: string): Promise<void> {
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
	// It finds the other packages above it.
	const service = join(checkout, 'service');
	const installed = join(service, 'node_modules/@consent-io/destinations');
	await cp(await unpacked(), installed, { recursive: true });
	await writeFile(join(service, 'package.json'), '{ "private": true }');
	await writeFile(join(service, 'start.cjs'), ofService);
}

/** The demo, a service's own test database, and what else depends on the circumstances. */
async function works(circumstance: Circumstances): Promise<void> {
	const print = (command: string) => succeeds(command, circumstance);
	const [before = '', after = ''] = (await print('npm run demo')).split('switches PostHog off');
	expect(before).toMatch(/reached\S* posthog/);
	expect(after).toMatch(/reached\S* console[\s\S]*Done in/);
	expect(after).not.toMatch(/reached\S* posthog/);
	expect(await print('cd service && node start.cjs')).toBe('stopped\n');
	for (const [command, printed] of circumstance.also) {
		expect(await print(command)).toMatch(printed);
	}
}

async function succeeds(command: string, circumstance: Circumstances): Promise<string> {
	const { folder, environment, as = '', mounts } = circumstance;
	const inNamespace = mounts === undefined ? [] : ['unshare', '--mount'];
	const script = `${mounts ?? ':'}\nexec ${as} sh -ec "$1"`;
	const [file = '', ...args] = [...inNamespace, 'sh', '-ec', script, 'sh', command];
	const kept = Object.entries(process.env).filter(
		([name]) => !/^(npm_|JEST_|TEST_|NODE_ENV|TMPDIR)/.test(name),
	);
	const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
	const env = { ...Object.fromEntries(kept), NO_COLOR: '1', PATH: path, ...environment };
	const cwd = join(base, folder);
	const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
	const ended = new Promise((resolve) => child.once('close', resolve));
	const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
	if ((await ended) !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
	return stdout + stderr;
}

test.each(tried.map(([name]) => name))('they work %s', (name) => outcomes.get(name));
