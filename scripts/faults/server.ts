import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Directories } from '../../src/testing/supervisor/directories.js';
import { findPrograms } from '../../src/testing/supervisor/programs.js';
import { findUser } from '../../src/testing/supervisor/user.js';
import { end, freePort, logged } from '../../test/support/daemon.ts';
import { Disk } from './disk.ts';

const settings = [
	// Few, so that they can be used up.
	'max_connections=80',
	'listen_addresses=127.0.0.1',
	'unix_socket_directories=',
	'dynamic_shared_memory_type=mmap',
	// A killed server has answered nothing that it did not keep. What it wrote, the system has: it does not crash here.
	'synchronous_commit=on',
	'fsync=off',
	'max_wal_size=256MB',
	'checkpoint_timeout=60s',
	// So that it can be started again at once after a shutdown that was not orderly.
	'restart_after_crash=on',
];

/** How often a start is tried: processes of the one before hold its memory until they have noticed. */
const attempts = 100;

/** A Postgres that is killed, stopped and started again with the same data. */
export class Server implements AsyncDisposable {
	readonly connectionString: string;
	readonly disk: Disk;
	readonly #directories: Directories;
	readonly #start: () => ChildProcess;
	#process: ChildProcess;
	#frozen: readonly number[] = [];

	private constructor(
		start: () => ChildProcess,
		{ connectionString, disk, directories }: ServerParts,
	) {
		this.connectionString = connectionString;
		this.disk = disk;
		this.#directories = directories;
		this.#start = start;
		this.#process = start();
	}

	static async start(): Promise<Server> {
		const directories = new Directories();
		const user = await findUser();
		const programs = await findPrograms(directories, user);
		const directory = await directories.forData(user);
		const disk = await Disk.mount(join(directory, 'disk'), user);
		const data = join(disk.path, 'data');
		const password = randomBytes(12).toString('hex');
		const passwordFile = join(directory, 'password');
		await mkdir(data, { mode: 0o700 });
		await writeFile(passwordFile, password, { mode: 0o600 });
		const { uid, gid } = user;
		if (uid !== undefined && gid !== undefined) {
			for (const path of [data, passwordFile]) await chown(path, uid, gid);
		}
		const options = { ...user, cwd: directory, env: { ...process.env, LC_ALL: 'C' } };
		await promisify(execFile)(
			programs.initdb,
			[
				...[`--pgdata=${data}`, '--username=postgres', `--pwfile=${passwordFile}`],
				...['--auth=password', '--encoding=UTF8', '--locale=C', '--no-sync'],
			],
			options,
		);
		const port = await freePort();
		const flags = settings.flatMap((setting) => ['-c', setting]);
		const start = () =>
			spawn(programs.postgres, ['-D', data, '-p', String(port), ...flags], {
				...options,
				stdio: ['ignore', 'ignore', 'pipe'],
			});
		const connectionString = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
		const server = new Server(start, { connectionString, disk, directories });
		process.once('exit', () => server.#process.kill('SIGQUIT'));
		await logged(server.#process, 'ready to accept connections');
		return server;
	}

	/** Sends a signal to the postmaster. */
	signal(signal: NodeJS.Signals): void {
		this.#process.kill(signal);
	}

	/** Ends it, and starts it again. */
	async restartAfter(signal: NodeJS.Signals): Promise<void> {
		await end(this.#process, signal);
		await this.ensureRunning();
	}

	/** Starts it, where it has ended. */
	async ensureRunning(): Promise<void> {
		for (let attempt = 1; this.#hasEnded(); attempt += 1) {
			this.#process = this.#start();
			const ready = logged(this.#process, 'ready to accept connections');
			const failure = await ready.then(
				() => undefined,
				(error: unknown) => error,
			);
			if (failure === undefined) return;
			if (attempt === attempts) throw failure;
			await delay(50);
		}
	}

	/** Stops the postmaster, and then these processes of it. */
	freeze(backends: readonly number[]): void {
		this.signal('SIGSTOP');
		this.#frozen = backends;
		for (const pid of backends) kill(pid, 'SIGSTOP');
	}

	/** Lets all of them go on. */
	thaw(): void {
		this.signal('SIGCONT');
		for (const pid of this.#frozen) kill(pid, 'SIGCONT');
		this.#frozen = [];
	}

	#hasEnded(): boolean {
		return this.#process.exitCode !== null || this.#process.signalCode !== null;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.thaw();
		await end(this.#process, 'SIGQUIT');
		await this.disk.unmount();
		await this.#directories.remove();
	}
}

interface ServerParts {
	readonly connectionString: string;
	readonly disk: Disk;
	readonly directories: Directories;
}

/** Sends a signal to a process that may have ended meanwhile. */
export function kill(pid: number, signal: NodeJS.Signals): void {
	try {
		process.kill(pid, signal);
	} catch (error) {
		if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
	}
}
