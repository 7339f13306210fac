import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './standby.ts';

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
		await pooler.#ready();
		return pooler;
	}

	/** The URL of a database by way of the pooler. */
	url(of: string): string {
		const url = new URL(of);
		[url.hostname, url.port] = ['127.0.0.1', String(this.#port)];
		return url.href;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#process.exitCode === null && this.#process.signalCode === null) {
			const exited = once(this.#process, 'exit');
			this.#process.kill('SIGKILL');
			await exited;
		}
		await rm(this.#folder, { recursive: true, force: true });
	}

	async #ready(): Promise<void> {
		const { stderr } = this.#process;
		if (stderr === null) throw new Error('the pooler has no log');
		const lines: string[] = [];
		await new Promise<void>((resolve, reject) => {
			this.#process.once('error', reject);
			this.#process.once('exit', () => reject(new Error(lines.slice(-10).join('\n'))));
			createInterface({ input: stderr }).on('line', (line) => {
				lines.push(line);
				if (line.includes('process up')) resolve();
			});
		});
	}
}
