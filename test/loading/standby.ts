import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Client } from 'pg';
import { end, freePort, logged } from '../support/daemon.ts';

/** A hot standby that streams from a server of this machine: a copy of its files, as `pg_basebackup` makes it. */
export class Standby implements AsyncDisposable {
	readonly port: number;
	readonly #process: ChildProcess;
	readonly #directory: string;

	private constructor(process: ChildProcess, directory: string, port: number) {
		this.#process = process;
		this.#directory = directory;
		this.port = port;
	}

	/** @param admin a superuser of the primary. */
	static async of(primaryUrl: string, admin: Client): Promise<Standby> {
		const [place] = await rowsOf(
			admin,
			`SELECT current_setting('data_directory') AS data,
				(SELECT setting FROM pg_config WHERE name = 'BINDIR') AS programs`,
		);
		const { data = '', programs = '' } = place ?? {};
		// Not below the primary's folder, which goes with it. Postgres's user must get in.
		const directory = await mkdtemp(join(dirname(dirname(data)), 'destinations-standby-'));
		await chmod(directory, 0o711);
		const copy = join(directory, 'data');
		await admin.query(`SELECT pg_backup_start('standby', true)`);
		await cp(data, copy, {
			recursive: true,
			preserveTimestamps: true,
			filter: (path) => !/postmaster\.(pid|opts)$/.test(path),
		});
		const [backup] = await rowsOf(admin, `SELECT labelfile FROM pg_backup_stop(false)`);
		await writeFile(join(copy, 'backup_label'), backup?.labelfile ?? '');
		await writeFile(join(copy, 'standby.signal'), '');
		const { uid, gid } = await stat(data);
		await own(copy, { uid, gid });
		const installation = await outlasting(dirname(programs), dirname(dirname(data)), directory);
		const port = await freePort();
		const { hostname, port: primaryPort, username, password } = new URL(primaryUrl);
		const settings = [
			...[
				'listen_addresses=127.0.0.1',
				'unix_socket_directories=',
				'dynamic_shared_memory_type=mmap',
			],
			...[
				'fsync=off',
				'max_connections=300',
				'max_prepared_transactions=5',
				'wal_retrieve_retry_interval=100ms',
			],
			`primary_conninfo=host=${hostname} port=${primaryPort} user=${username} password=${password}`,
		].flatMap((setting) => ['-c', setting]);
		const started = spawn(
			join(installation, basename(programs), 'postgres'),
			['-D', copy, '-p', String(port), ...settings],
			{
				stdio: ['ignore', 'ignore', 'pipe'],
				cwd: '/',
				...(process.getuid?.() === 0 ? { uid, gid } : {}),
			},
		);
		const standby = new Standby(started, directory, port);
		await logged(started, 'ready to accept read-only connections');
		return standby;
	}

	/** The URL of a database of the primary, on this server. */
	url(of: string): string {
		const url = new URL(of);
		url.port = String(this.port);
		return url.href;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await end(this.#process, 'SIGINT');
		await rm(this.#directory, { recursive: true, force: true });
	}
}

async function rowsOf(admin: Client, sql: string): Promise<Record<string, string>[]> {
	return (await admin.query<Record<string, string>>(sql)).rows;
}

/** Postgres's programs where they are still there once the primary is gone: it may have a copy among its files. */
async function outlasting(installation: string, files: string, directory: string): Promise<string> {
	if (!installation.startsWith(files)) return installation;
	const copy = join(directory, 'programs');
	await cp(installation, copy, { recursive: true });
	return copy;
}

/** Node copies files as its own user, and Postgres runs as another where that is root. */
async function own(directory: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
	if (process.getuid?.() !== 0) return;
	const chown = spawn('chown', ['-R', `${uid}:${gid}`, directory], { stdio: 'ignore' });
	await once(chown, 'exit');
}
