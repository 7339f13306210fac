import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chown, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Directories } from '../../src/testing/supervisor/directories.js';
import { findUser, type User } from '../../src/testing/supervisor/user.js';
import { end, freePort, logged } from '../../test/support/daemon.ts';

const settings = [
	'listen_addresses=127.0.0.1',
	'unix_socket_directories=',
	'dynamic_shared_memory_type=mmap',
	'max_connections=100',
	'fsync=off',
	'wal_level=logical',
];

/** A Postgres of some version, whose data outlive its stops. Everybody of this machine may connect as anybody. */
export class Cluster implements AsyncDisposable {
	readonly data: string;
	readonly port: number;
	readonly #programs: string;
	readonly #folder: string;
	readonly #user: User;
	readonly #directories: Directories;
	#server: ChildProcess | undefined;

	private constructor(
		programs: string,
		port: number,
		{ folder, user, directories }: { folder: string; user: User; directories: Directories },
	) {
		this.data = join(folder, 'data');
		this.port = port;
		this.#programs = programs;
		this.#folder = folder;
		this.#user = user;
		this.#directories = directories;
	}

	/** With new data; it does not run yet. */
	static async make(programs: string): Promise<Cluster> {
		const directories = new Directories();
		const user = await findUser();
		const folder = await directories.forData(user);
		const cluster = new Cluster(programs, await freePort(), { folder, user, directories });
		await mkdir(cluster.data, { mode: 0o700 });
		const { uid, gid } = user;
		if (uid !== undefined && gid !== undefined) {
			for (const path of [folder, cluster.data]) await chown(path, uid, gid);
		}
		const options = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C'];
		await cluster.#run(join(programs, 'initdb'), [
			`--pgdata=${cluster.data}`,
			...options,
			'--no-sync',
			...(await checksums(programs)),
		]);
		return cluster;
	}

	get connectionString(): string {
		return `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
	}

	async start(): Promise<void> {
		const flags = settings.flatMap((setting) => ['-c', setting]);
		const args = ['-D', this.data, '-p', String(this.port), ...flags];
		this.#server = spawn(join(this.#programs, 'postgres'), args, {
			...this.#options(),
			stdio: ['ignore', 'ignore', 'pipe'],
		});
		await logged(this.#server, 'ready to accept connections');
	}

	async stop(): Promise<void> {
		if (this.#server !== undefined) await end(this.#server, 'SIGINT');
	}

	/** Types commands into a shell in a folder of its own, as the user whose the data are. */
	async shell(
		commands: string,
		{ programs, environment }: { programs: string; environment: Record<string, string> },
	): Promise<void> {
		const path = `${programs}${delimiter}${process.env.PATH}`;
		await this.#run('sh', ['-ec', commands], { ...environment, PATH: path });
	}

	async #run(file: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
		const options = this.#options();
		const env = { ...options.env, ...environment };
		await promisify(execFile)(file, args, { ...options, env }).catch((error) => {
			throw new Error(`${error.message}\n${error.stdout}${error.stderr}`);
		});
	}

	#options() {
		return { ...this.#user, cwd: this.#folder, env: { ...process.env, LC_ALL: 'C' } };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.stop();
		await this.#directories.remove();
	}
}

/** From 18 on data have checksums unless one says not to, and `pg_upgrade` wants the same on both sides. */
async function checksums(programs: string): Promise<string[]> {
	const { stdout } = await promisify(execFile)(join(programs, 'postgres'), ['--version']);
	return Number(/\) (\d+)/.exec(stdout)?.[1]) >= 18 ? ['--no-data-checksums'] : [];
}
