import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { end, freePort } from './daemon.ts';

const program = 'pgpool';
export const hasPgpool = spawnSync(program, ['--version']).status === 0;

/** A pgpool-II that sends reads to a standby and everything else to the primary. */
export class Pgpool implements AsyncDisposable {
	readonly #process: ChildProcess;
	readonly #folder: string;
	readonly #port: number;

	private constructor(process: ChildProcess, folder: string, port: number) {
		this.#process = process;
		this.#folder = folder;
		this.#port = port;
	}

	/** @param settings lines of pgpool.conf besides. */
	static async before(
		primaryUrl: string,
		standbyUrl: string,
		settings: readonly string[] = [],
	): Promise<Pgpool> {
		const folder = await mkdtemp(join(tmpdir(), 'destinations-pgpool-'));
		const run = join(folder, 'run');
		await mkdir(run);
		const port = await freePort();
		const servers = [primaryUrl, standbyUrl].flatMap((url, at) => [
			`backend_hostname${at} = '${new URL(url).hostname}'`,
			`backend_port${at} = ${new URL(url).port}`,
			`backend_weight${at} = ${at}`,
		]);
		const lines = [
			...servers,
			"backend_flag0 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'",
			"backend_flag1 = 'DISALLOW_TO_FAILOVER'",
			"backend_clustering_mode = 'streaming_replication'",
			...["listen_addresses = '127.0.0.1'", `port = ${port}`, `pcp_port = ${await freePort()}`],
			...[
				'unix_socket_directories',
				'pcp_socket_dir',
				'wd_ipc_socket_dir',
				'logdir',
				'work_dir',
			].map((name) => `${name} = '${run}'`),
			`pid_file_name = '${join(run, 'pgpool.pid')}'`,
			...["pcp_listen_addresses = ''", "pool_passwd = ''", 'enable_pool_hba = off'],
			...['allow_clear_text_frontend_auth = on', 'num_init_children = 8', 'max_pool = 2'],
			...['load_balance_mode = on', 'sr_check_period = 0', 'health_check_period = 0'],
			...settings,
		];
		const [configuration, pcp] = [join(folder, 'pgpool.conf'), join(folder, 'pcp.conf')];
		await writeFile(configuration, lines.join('\n'));
		await writeFile(pcp, '');
		const started = spawn(program, ['-n', '-f', configuration, '-F', pcp], { stdio: 'ignore' });
		const pgpool = new Pgpool(started, folder, port);
		await pgpool.#ready(primaryUrl);
		return pgpool;
	}

	/** The URL of a database by way of the proxy. */
	url(of: string): string {
		const url = new URL(of);
		url.port = String(this.#port);
		return url.href;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await end(this.#process, 'SIGINT');
		await rm(this.#folder, { recursive: true, force: true });
	}

	async #ready(primaryUrl: string): Promise<void> {
		for (;;) {
			if (this.#process.exitCode !== null) throw new Error('pgpool ended');
			const client = new Client({ connectionString: this.url(primaryUrl) });
			client.on('error', () => {});
			const connected = await client.connect().then(
				() => true,
				() => false,
			);
			await client.end().catch(() => {});
			if (connected) return;
		}
	}
}
