import type { Operation } from './messages.ts';

/** What must be none. */
export const faultKinds = ['wrong', 'lost', 'duplicates', 'gaps', 'hangs'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What happened in a part of the run. */
export interface Part {
	operations: number;
	refused: number;
	/** Milliseconds. */
	longest: number;
	readonly errors: Map<string, number>;
}

/** Counts what the load does. */
export class Tally {
	readonly total = newPart();
	readonly kinds = new Map<Operation['kind'], number>();
	readonly faults: Record<FaultKind, number> = {
		...{ wrong: 0, lost: 0, duplicates: 0, gaps: 0, hangs: 0 },
	};
	/** What came of writes whose outcome was unknown. */
	readonly unknown = { done: 0, notDone: 0 };
	#part = newPart();
	#context = 'no fault';
	#onSuccess: ((lane: number) => void) | undefined;
	#described = 0;

	/** Begins another part; returns the one before. */
	next(context: string): Part {
		const part = this.#part;
		this.#part = newPart();
		this.#context = context;
		return part;
	}

	answered(kind: Operation['kind'], millis: number, lane: number): void {
		this.#took(millis);
		for (const part of [this.total, this.#part]) part.operations += 1;
		this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
		this.#onSuccess?.(lane);
	}

	refused(error: string, millis: number): void {
		this.#took(millis);
		for (const part of [this.total, this.#part]) {
			part.refused += 1;
			part.errors.set(error, (part.errors.get(error) ?? 0) + 1);
		}
	}

	/** Counts a fault of the package, and says what it is. */
	fault(kind: FaultKind, said: string): void {
		this.faults[kind] += 1;
		this.#described += 1;
		if (this.#described > 20) return;
		process.stdout.write(`${kind.toUpperCase()} during "${this.#context}": ${said}\n`);
	}

	/** Waits until each lane has had an answer. Returns after how many milliseconds the first and the last had one. */
	async recovered(lanes: number, withinMillis: number): Promise<{ first: number; all: number }> {
		const begun = performance.now();
		const times = new Map<number, number>();
		return new Promise((resolve) => {
			const end = () => {
				clearTimeout(timer);
				this.#onSuccess = undefined;
				const [first = Number.POSITIVE_INFINITY] = times.values();
				const all = times.size < lanes ? Number.POSITIVE_INFINITY : Math.max(...times.values());
				resolve({ first, all });
			};
			const timer = setTimeout(end, withinMillis);
			this.#onSuccess = (lane) => {
				if (!times.has(lane)) times.set(lane, performance.now() - begun);
				if (times.size === lanes) end();
			};
		});
	}

	#took(millis: number): void {
		for (const part of [this.total, this.#part]) part.longest = Math.max(part.longest, millis);
	}
}

function newPart(): Part {
	return { operations: 0, refused: 0, longest: 0, errors: new Map() };
}
