import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** @typedef {import('./user.js').User} User */
/** @typedef {import('./programs.js').Programs} Programs */

/** Files in the data directory: `/dev/shm` may be missing, or full. Windows has no choice. */
const sharedMemory = process.platform === 'win32' ? [] : ['dynamic_shared_memory_type=mmap'];

const settings = [
	'max_connections=300',
	'listen_addresses=127.0.0.1',
	// A socket file would stay behind where a server is killed.
	'unix_socket_directories=',
	// Test data is thrown away, so it need not survive a crash of the machine.
	'fsync=off',
	'synchronous_commit=off',
	'full_page_writes=off',
	...sharedMemory,
];

/**
 * @param {number} version
 * @returns {string[]} what only newer ones know: a password is checked at each connection, by 4,096 rounds otherwise
 */
const newerSettings = (version) => (version >= 16 ? ['scram_iterations=1'] : []);

/** How often another port is tried, after the one that was free has been taken by somebody else. */
const portAttempts = 5;

/** A Postgres with a new data directory. */
export class Server {
	connectionString;
	#process;

	/**
	 * @param {import('node:child_process').ChildProcess} process
	 * @param {string} connectionString
	 */
	constructor(process, connectionString) {
		this.#process = process;
		this.connectionString = connectionString;
	}

	/**
	 * @param {Programs} programs
	 * @param {string} directory which the user can enter
	 * @param {User} user
	 */
	static async start(programs, directory, user) {
		const data = join(directory, 'data');
		const password = randomBytes(12).toString('hex');
		// The folder that this process is in may be one that the user cannot enter.
		const options = { ...user, cwd: directory, env: { ...process.env, LC_ALL: 'C' } };
		await initialize(
			programs,
			{ data, password, passwordFile: join(directory, 'password') },
			options,
		);
		for (let attempt = 1; ; attempt += 1) {
			const port = await freePort();
			try {
				const started = await startPostgres(programs, data, port, options);
				return new Server(started, `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`);
			} catch (error) {
				if (attempt < portAttempts && String(error).includes('could not bind')) continue;
				throw error;
			}
		}
	}

	/** Whatever is in flight is cut off. */
	async stop() {
		const { pid, exitCode, signalCode } = this.#process;
		if (exitCode !== null || signalCode !== null) return;
		const exited = once(this.#process, 'exit');
		// Windows has no signals, and would leave the server's own processes running.
		if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/f', '/t']);
		else this.#process.kill('SIGINT');
		await exited;
	}
}

/**
 * @param {Programs} programs
 * @param {{ data: string, password: string, passwordFile: string }} of
 * @param {User & { cwd: string }} options
 */
async function initialize({ initdb, version }, { data, password, passwordFile }, options) {
	await mkdir(data, { mode: 0o700 });
	await writeFile(passwordFile, password, { mode: 0o600 });
	const { uid, gid } = options;
	if (uid !== undefined && gid !== undefined) {
		for (const path of [data, passwordFile]) await chown(path, uid, gid);
	}
	// Older ones take no settings; they try out what there is.
	const initial = version >= 16 ? [...sharedMemory, ...newerSettings(version)] : [];
	await promisify(execFile)(
		initdb,
		[
			`--pgdata=${data}`,
			'--username=postgres',
			`--pwfile=${passwordFile}`,
			'--auth=password',
			'--encoding=UTF8',
			'--locale=C',
			'--no-sync',
			...initial.flatMap((setting) => ['-c', setting]),
		],
		options,
	).catch((error) => {
		throw new Error(complaintIn(error.stderr) || error.message);
	});
}

/**
 * @param {Programs} programs
 * @param {string} data
 * @param {number} port
 * @param {User & { cwd: string }} options
 * @returns {Promise<import('node:child_process').ChildProcess>} once it takes connections
 */
async function startPostgres({ postgres, version }, data, port, options) {
	const flags = [...settings, ...newerSettings(version)].flatMap((setting) => ['-c', setting]);
	const server = spawn(postgres, ['-D', data, '-p', String(port), ...flags], {
		...options,
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	let log = '';
	await new Promise((resolve, reject) => {
		server.once('error', reject);
		server.once('close', (code, signal) => {
			reject(new Error(complaintIn(log) || `postgres ended with ${signal ?? code}`));
		});
		createInterface({ input: server.stderr }).on('line', (line) => {
			log = `${log}${line}\n`.slice(-4000);
			if (line.includes('database system is ready to accept connections')) resolve(undefined);
		});
	});
	return server;
}

/**
 * @param {string} log
 * @returns {string} the lines that say what went wrong, or the last ones
 */
function complaintIn(log) {
	const lines = log
		.split('\n')
		.map((line) => line.replace(/^[\d-]+ [\d:.]+ \w+ \[\d+\] /, '').trim());
	const complaints = lines.filter((line) => /FATAL|PANIC|[Ee]rror|could not/.test(line));
	return (complaints.length > 0 ? complaints : lines).slice(-3).join(' ').trim();
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
