import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { end, freePort, logged } from '../support/daemon.ts';

const program = 'pgbouncer';
export const hasPgBouncer = spawnSync(program, ['--version']).status === 0;

/** A PgBouncer in transaction mode with a single connection to the server for each login. */
export class PgBouncer implements AsyncDisposable {
	readonly #process: ChildProcess;
	readonly #folder: string;
	readonly #port: number;

	private constructor(process: ChildProcess, folder: string, port: number) {
		this.#process = process;
		this.#folder = folder;
		this.#port = port;
	}

	/** @param urls of the logins that may connect. */
	static async before(urls: readonly string[]): Promise<PgBouncer> {
		const { hostname, port: serverPort } = new URL(urls[0] ?? '');
		const folder = await mkdtemp(join(tmpdir(), 'destinations-pgbouncer-'));
		const port = await freePort();
		const users = urls.map((url) => {
			const { username, password } = new URL(url);
			return `"${username}" "${decodeURIComponent(password)}"`;
		});
		await writeFile(join(folder, 'users.txt'), users.join('\n'));
		const settings = [
			`[databases]\n* = host=${hostname} port=${serverPort}\n[pgbouncer]`,
			...['pool_mode = transaction', 'default_pool_size = 1', 'auth_type = plain'],
			...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir ='],
			`auth_file = ${join(folder, 'users.txt')}`,
		];
		await writeFile(join(folder, 'pgbouncer.ini'), settings.join('\n'));
		// It refuses to be root.
		await chmod(folder, 0o755);
		const started = spawn(program, [join(folder, 'pgbouncer.ini')], {
			stdio: ['ignore', 'ignore', 'pipe'],
			cwd: '/',
			...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
		});
		const pooler = new PgBouncer(started, folder, port);
		await logged(started, 'process up');
		return pooler;
	}

	/** The URL of a database by way of the pooler. */
	url(of: string): string {
		const url = new URL(of);
		[url.hostname, url.port] = ['127.0.0.1', String(this.#port)];
		return url.href;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await end(this.#process, 'SIGKILL');
		await rm(this.#folder, { recursive: true, force: true });
	}
}
