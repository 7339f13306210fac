import { execFile, spawnSync } from 'node:child_process';
import { chown, mkdir, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { User } from '../../src/testing/supervisor/user.js';

const run = promisify(execFile);
const size = '4g';

/** Where a server has its data: a file system of its own in memory, which can be made full, where root may mount one. */
export class Disk {
	readonly path: string;
	/** Why it cannot be made full, where it cannot. */
	readonly unlimited: string | undefined;

	private constructor(path: string, unlimited: string | undefined) {
		this.path = path;
		this.unlimited = unlimited;
	}

	static async mount(path: string, { uid, gid }: User): Promise<Disk> {
		await mkdir(path);
		const refusal = await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]).then(
			() => undefined,
			(error: Error) => error.message.trim().split('\n').at(-1) ?? 'mount failed',
		);
		if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
		if (refusal === undefined) {
			process.once('exit', () => spawnSync('umount', ['--lazy', path], { stdio: 'ignore' }));
		}
		return new Disk(path, refusal);
	}

	/** Leaves nothing free. */
	async fill(): Promise<void> {
		for (let attempt = 1; ; attempt += 1) {
			const { blocks, bfree, bsize } = await statfs(this.path);
			try {
				await this.#resize(String((blocks - bfree) * bsize));
				return;
			} catch (error) {
				// The server has written meanwhile: less than what is there no file system can be.
				if (attempt === 100) throw error;
			}
		}
	}

	async enlarge(): Promise<void> {
		await this.#resize(size);
	}

	async #resize(to: string): Promise<void> {
		await run('mount', ['-o', `remount,size=${to}`, this.path]);
	}

	async unmount(): Promise<void> {
		if (this.unlimited === undefined) await run('umount', ['--lazy', this.path]);
	}
}
