/**
 * What a loader is doing. With `shards`, `live` and `stale` hold for all of them, and `interrupted` for anything between.
 *
 * - `initializing`: `start()` has not resolved yet.
 * - `live`: the last poll succeeded, so answers are at most as old as the poll interval.
 * - `interrupted`: the last poll failed, or a standby has lost its primary. Answers come from memory, and grow older.
 * - `stale`: this has lasted for `maxStalenessMillis`. Calls fail until the database is back.
 * - `closed`: `close()` was called.
 */
export type LoaderStatus = 'initializing' | 'live' | 'interrupted' | 'stale' | 'closed';

/** How old answers are. By the clock at each look, not by a timer, which a blocked event loop would hold up. */
export class Freshness {
	readonly #maxStaleness: number;
	readonly #onChange: (status: LoaderStatus) => void;
	#goodAt = Number.NEGATIVE_INFINITY;
	#phase: 'initializing' | 'started' | 'closed' = 'initializing';
	#failing = false;
	#reported: LoaderStatus = 'initializing';
	#timer: NodeJS.Timeout | undefined;

	/** Until when there are answers, on the clock of `performance`. */
	goodUntil = Number.NEGATIVE_INFINITY;

	constructor(maxStaleness: number, onChange: (status: LoaderStatus) => void) {
		this.#maxStaleness = maxStaleness;
		this.#onChange = onChange;
	}

	get status(): LoaderStatus {
		if (this.#phase !== 'started') return this.#phase;
		if (performance.now() >= this.goodUntil) return 'stale';
		return this.#failing ? 'interrupted' : 'live';
	}

	/** How old an answer is at most, in milliseconds; null before the first poll. */
	get age(): number | null {
		return this.#goodAt === Number.NEGATIVE_INFINITY ? null : performance.now() - this.#goodAt;
	}

	started(): void {
		this.#phase = 'started';
		this.#update();
	}

	/** @param at when the poll was sent: what is in memory was right then. */
	succeeded(at: number): void {
		this.#goodAt = at;
		this.#failing = false;
		this.#update();
	}

	failed(): void {
		this.#failing = true;
		this.#update();
	}

	close(): void {
		this.#phase = 'closed';
		this.#update();
	}

	#update(): void {
		clearTimeout(this.#timer);
		const started = this.#phase === 'started';
		this.goodUntil = started ? this.#goodAt + this.#maxStaleness : Number.NEGATIVE_INFINITY;
		const { status } = this;
		if (status !== this.#reported) {
			this.#reported = status;
			this.#onChange(status);
		}
		if (!started || status === 'stale') return;
		// For the event alone. A timer may be a millisecond early.
		const left = this.goodUntil - performance.now();
		this.#timer = setTimeout(() => this.#update(), Math.max(1, left)).unref();
	}
}
