/** By how much an interval is shorter at most, so that many processes do not ask at the same time. */
const jitter = 0.1;

/** The longest pause after failures, in milliseconds. */
const longestPause = 5_000;

/** Does something again and again: once in an interval, more rarely while it fails, and never twice at the same time. */
export class Poller {
	readonly #interval: number;
	readonly #work: () => Promise<void>;
	#timer: NodeJS.Timeout | undefined;
	#underWay: Promise<void> | undefined;
	#failures = 0;
	#stopped = true;

	constructor(interval: number, work: () => Promise<void>) {
		this.#interval = interval;
		this.#work = work;
	}

	start(): void {
		this.#stopped = false;
		this.#schedule(0);
	}

	/** Resolves once what is under way is done. */
	async stop(): Promise<void> {
		this.#stopped = true;
		clearTimeout(this.#timer);
		await this.#underWay?.catch(() => {});
	}

	/** Does it now, or waits for what is under way. Rejects where it fails. */
	now(): Promise<void> {
		this.#underWay ??= this.#run().finally(() => {
			this.#underWay = undefined;
		});
		return this.#underWay;
	}

	async #run(): Promise<void> {
		clearTimeout(this.#timer);
		const begun = performance.now();
		try {
			await this.#work();
			this.#failures = 0;
		} catch (error) {
			this.#failures += 1;
			throw error;
		} finally {
			this.#schedule(performance.now() - begun);
		}
	}

	/** @param took what is taken from the pause, so that the interval is from one beginning to the next. */
	#schedule(took: number): void {
		if (this.#stopped) return;
		clearTimeout(this.#timer);
		const interval = this.#interval * (1 - jitter * Math.random());
		const pause = Math.max(interval, Math.min(interval * 2 ** this.#failures, longestPause));
		// A failure is reported by the work itself.
		this.#timer = setTimeout(() => this.now().catch(() => {}), Math.max(0, pause - took));
	}
}
