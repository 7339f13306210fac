import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Answer, Measured, Message, WorkerSetup } from './messages.ts';

/** A message without its number. */
type Unnumbered<M> = M extends unknown ? Omit<M, 'id'> : never;

/** How long a worker has for an order, in milliseconds, which is far more than its time limits. */
const patience = 20_000;

/** What did not come to an end in time. */
export class Hang extends Error {}

export interface WorkerOptions {
	/** A bundle of `processes/worker.ts`. */
	readonly program: string;
	readonly setup: WorkerSetup;
	/** What its process has in its environment besides. */
	readonly environment?: NodeJS.ProcessEnv | undefined;
	/** Called where it ends though nobody killed it. */
	readonly onCrash: (code: number | null) => void;
}

/** A process of the load, and the next one where it was killed. */
export class Worker {
	readonly #program: string;
	readonly #setup: WorkerSetup;
	readonly #environment: NodeJS.ProcessEnv;
	readonly #onCrash: (code: number | null) => void;
	readonly #waiting = new Map<number, (answer: Answer | Measured | undefined) => void>();
	#process: ChildProcess;
	#ready: Promise<void>;
	#orders = 0;
	#killing = false;
	#closed = false;

	constructor({ program, setup, environment = {}, onCrash }: WorkerOptions) {
		this.#program = program;
		this.#setup = setup;
		this.#environment = environment;
		this.#onCrash = onCrash;
		[this.#process, this.#ready] = this.#start();
	}

	/** Resolves once it takes orders. */
	ready(): Promise<void> {
		return this.#ready;
	}

	/** What came of a message; nothing, where the process was killed meanwhile. @throws Hang */
	async send<A extends Answer | Measured>(message: Unnumbered<Message>): Promise<A | undefined> {
		await this.#ready;
		if (!this.#process.connected) return undefined;
		this.#orders += 1;
		const id = this.#orders;
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.#waiting.delete(id);
				reject(new Hang(JSON.stringify(message)));
			}, patience);
			this.#waiting.set(id, (answer) => {
				clearTimeout(timer);
				// Who asks knows what the answer to that message is.
				resolve(answer as A | undefined);
			});
			this.#process.send({ ...message, id }, (error) => {
				// It has ended, which `exit` tells.
				if (error) this.#settle(id, undefined);
			});
		});
	}

	/** Ends it like a crash, and starts another one. */
	async kill(): Promise<void> {
		this.#killing = true;
		const exited = once(this.#process, 'exit');
		this.#process.kill('SIGKILL');
		await exited;
	}

	signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
		this.#process.kill(signal);
	}

	async close(): Promise<void> {
		this.#closed = true;
		this.#process.kill('SIGCONT');
		await this.kill();
	}

	#settle(id: number, answer: Answer | Measured | undefined): void {
		const settle = this.#waiting.get(id);
		this.#waiting.delete(id);
		settle?.(answer);
	}

	#start(): [ChildProcess, Promise<void>] {
		const child = fork(this.#program, {
			execArgv: ['--expose-gc'],
			env: {
				...process.env,
				...this.#environment,
				FAULTS_WORKER: JSON.stringify(this.#setup),
			},
		});
		const ready = new Promise<void>((resolve) => {
			child.once('message', () => resolve());
			child.once('exit', (code) => {
				for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined);
				if (this.#closed) return;
				if (!this.#killing) this.#onCrash(code);
				this.#killing = false;
				[this.#process, this.#ready] = this.#start();
				resolve(this.#ready);
			});
		});
		child.on('message', (message: Answer) => this.#settle(message.id, message));
		return [child, ready];
	}
}
