import { chmod, mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Failure } from './failure.js';
import { canEnter } from './user.js';

/** @typedef {import('./user.js').User} User */

/** Of directories; their program and its process id follow. Machines may share the folder, but not process ids. */
const prefix = `destinations-server-${hostname()}-`;

/** The file that this process runs. */
const ownProgram = basename(process.argv[1] ?? 'node');

/** Linux's folder in memory, and the bytes that must be free there. */
const memory = '/dev/shm';
const enoughMemory = 4 * 1024 ** 3;
/** A new server with a few databases. */
const enough = 300 * 1024 ** 2;

/**
 * Where directories may be, best first: where TMPDIR says, or in memory. A new database is some 300 files, which
 * take 20 ms there, and on a disk that others use as much as 300 ms.
 */
async function places() {
	const { TMPDIR } = process.env;
	const first = TMPDIR ? [resolve(TMPDIR)] : (await free(memory)) >= enoughMemory ? [memory] : [];
	const others = process.platform === 'win32' ? [] : ['/tmp', '/var/tmp'];
	return [...new Set([...first, resolve(tmpdir()), ...others])];
}

/**
 * @param {string} place
 * @returns {Promise<number>} bytes, none where there is no such folder
 */
async function free(place) {
	return statfs(place).then(
		({ bavail, bsize }) => bavail * bsize,
		() => 0,
	);
}

/** The directories of this process. */
export class Directories {
	/** @type {string[]} */
	#made = [];

	/**
	 * @param {User} user who has to get in; what is in it stays this process's own
	 * @returns {Promise<string>} a new directory for a server
	 */
	async forData(user) {
		for await (const directory of this.candidates(user)) return directory;
		throw new Failure(
			`The embedded Postgres found no folder for its files: it needs one that can be written to, with 300 MB free, which the user that it runs as can reach. It looked at ${(await places()).join(', ')}. Set TMPDIR to another one.`,
		);
	}

	/**
	 * New directories in each place that serves, best first. Those that are not used are removed with the others.
	 *
	 * @param {User} user
	 */
	async *candidates(user) {
		for (const place of await places()) {
			if ((await free(place)) < enough) continue;
			try {
				const directory = await mkdtemp(join(place, `${prefix}${ownProgram}-${process.pid}-`));
				this.#made.push(directory);
				// Its files are the user's, who has to get in. Nobody but this process can put others beside them.
				await chmod(directory, 0o711);
				if (await canEnter(directory, user)) yield directory;
			} catch {
				// It cannot be written to.
			}
		}
	}

	/** Removes those that were made. */
	async remove() {
		for (const directory of this.#made) await rm(directory, persistently).catch(() => {});
	}

	/**
	 * Removes what supervisors left that were killed themselves. A server of theirs that still runs notices in about
	 * a minute that its directory is gone, and stops.
	 */
	async sweep() {
		for (const place of await places()) {
			for (const name of await readdir(place).catch(() => [])) {
				// What mkdtemp made of it: six letters and digits behind.
				const [, program, pid] =
					(name.startsWith(prefix) && /^(.+)-(\d+)-\w{6}$/.exec(name.slice(prefix.length))) || [];
				if (program === undefined || (await isRunning(program, Number(pid)))) continue;
				// Another user's cannot be removed; that user's next start does it.
				await rm(join(place, name), persistently).catch(() => {});
			}
		}
	}
}

/** A server that still runs may write to it meanwhile. */
const persistently = { recursive: true, force: true, maxRetries: 10 };

/**
 * Whether a program has this process id. A signal also reaches a zombie, and whoever got the id since; Linux
 * recognizes them by the command line, which a zombie's is empty (proc_pid_cmdline(5)).
 *
 * @param {string} program
 * @param {number} pid
 */
async function isRunning(program, pid) {
	try {
		process.kill(pid, 0);
	} catch (error) {
		// Otherwise somebody else's.
		if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return false;
	}
	return readFile(`/proc/${pid}/cmdline`, 'utf8').then(
		(commandLine) => commandLine.includes(program),
		() => true,
	);
}
