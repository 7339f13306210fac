import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The service as `npm start` runs it, without npm between, so that signals reach it. */
export class ServiceProcess {
	/** What it has printed so far. */
	output = '';
	readonly #child: ChildProcess;
	readonly #exited: Promise<number | null>;

	/** @param environment All of it that is about the service; what the tests themselves were given is not passed on. */
	constructor(environment: Record<string, string>) {
		const { PATH, HOME, TEST_POSTGRES } = process.env;
		this.#child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
			cwd: root,
			env: { PATH, HOME, TEST_POSTGRES, PORT: '0', ...environment },
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		for (const stream of [this.#child.stdout, this.#child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.output += text;
			});
		}
		this.#exited = once(this.#child, 'close').then(([code]) => code);
	}

	/** Waits until it has printed this, and returns the match. */
	async printed(pattern: RegExp): Promise<RegExpExecArray> {
		for (;;) {
			const match = pattern.exec(this.output);
			if (match !== null) return match;
			if (this.#child.exitCode !== null) throw new Error(`It ended: ${this.output}`);
			await sleep(20);
		}
	}

	async url(): Promise<string> {
		const [, url = ''] = await this.printed(/listening at (http:[^"]+)/);
		return url;
	}

	signal(name: 'SIGTERM' | 'SIGINT'): void {
		this.#child.kill(name);
	}

	/** The exit status; null if a signal ended it. */
	exited(): Promise<number | null> {
		return this.#exited;
	}

	/** Ends it if it runs still. */
	async kill(): Promise<void> {
		this.#child.kill('SIGKILL');
		await this.#exited;
	}
}
