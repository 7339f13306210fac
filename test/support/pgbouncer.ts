import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, freePort, logged } from './daemon.ts';

/** The one that the environment names, such as a newer version than the system's. */
const program = process.env.PGBOUNCER || 'pgbouncer';
const asked = spawnSync(program, ['--version'], { encoding: 'utf8' });
export const hasPgBouncer = asked.status === 0;
if (process.env.PGBOUNCER && !hasPgBouncer) {
	throw new Error(`PGBOUNCER names ${program}, which does not run.`);
}

/** Such as 1.18: as a number, the minor version alone. */
export const minorOfPgBouncer = Number(/PgBouncer 1\.(\d+)/.exec(asked.stdout ?? '')?.[1]);

/** A PgBouncer in transaction mode with a single connection to the server for each login, unless settings say otherwise. */
export class PgBouncer implements AsyncDisposable {
	#process: ChildProcess;
	readonly #folder: string;
	readonly #port: number;

	private constructor(process: ChildProcess, folder: string, port: number) {
		this.#process = process;
		this.#folder = folder;
		this.#port = port;
	}

	/**
	 * @param urls of the logins that may connect.
	 * @param settings lines of pgbouncer.ini besides, of which the last one counts.
	 */
	static async before(
		urls: readonly string[],
		settings: readonly string[] = [],
	): Promise<PgBouncer> {
		const { hostname, port: serverPort } = new URL(urls[0] ?? '');
		const folder = await mkdtemp(join(tmpdir(), 'destinations-pgbouncer-'));
		const port = await freePort();
		const users = urls.map((url) => {
			const { username, password } = new URL(url);
			return `"${username}" "${decodeURIComponent(password)}"`;
		});
		await writeFile(join(folder, 'users.txt'), users.join('\n'));
		const lines = [
			`[databases]\n* = host=${hostname} port=${serverPort}\n[pgbouncer]`,
			...['pool_mode = transaction', 'default_pool_size = 1', 'auth_type = plain'],
			...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir ='],
			`auth_file = ${join(folder, 'users.txt')}`,
			...settings,
		];
		await writeFile(join(folder, 'pgbouncer.ini'), lines.join('\n'));
		// It refuses to be root.
		await chmod(folder, 0o755);
		return new PgBouncer(await start(folder), folder, port);
	}

	/** The URL of a database by way of the pooler. */
	url(of: string): string {
		const url = new URL(of);
		[url.hostname, url.port] = ['127.0.0.1', String(this.#port)];
		return url.href;
	}

	/** Kills it, and starts it again at the same address. */
	async restart(): Promise<void> {
		await end(this.#process, 'SIGKILL');
		this.#process = await start(this.#folder);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await end(this.#process, 'SIGKILL');
		await rm(this.#folder, { recursive: true, force: true });
	}
}

async function start(folder: string): Promise<ChildProcess> {
	const started = spawn(program, [join(folder, 'pgbouncer.ini')], {
		stdio: ['ignore', 'ignore', 'pipe'],
		cwd: '/',
		...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
	});
	await logged(started, 'process up');
	return started;
}
