import type { Measured } from './messages.ts';

const megabyte = 1024 * 1024;

/** By how much the heap may be larger in the last third of a long run than in the first, in megabytes. */
const allowedGrowth = 8;

/** Heap and connections of the process that is never killed, after collections. */
export class Memory {
	readonly #heaps: number[] = [];
	#last: readonly Measured[] = [];

	measured(workers: readonly Measured[]): void {
		this.#last = workers;
		const [first] = workers;
		if (first !== undefined) this.#heaps.push(first.heap / megabyte);
	}

	/** What was not let go of. */
	leaks(long: boolean): string[] {
		const waiting = this.#last.reduce((sum, { connections }) => sum + connections.waiting, 0);
		const leaks = waiting > 0 ? [`${waiting} calls still wait for a connection`] : [];
		const growth = this.#growth();
		if (long && growth > allowedGrowth) leaks.push(`the heap grew by ${growth.toFixed(1)} MB`);
		return leaks;
	}

	toString(): string {
		const connections = this.#last.map(({ connections: { total } }) => total);
		const parts = Math.min(6, this.#heaps.length);
		const heaps = Array.from({ length: parts }, (_, part) => {
			const from = Math.floor((part * this.#heaps.length) / parts);
			const to = Math.floor(((part + 1) * this.#heaps.length) / parts);
			return median(this.#heaps.slice(from, to)).toFixed(1);
		});
		return [
			`heap ${heaps.join(', ')} MB from the beginning to the end`,
			`${this.#growth().toFixed(1)} MB more in the last third than in the first (medians of ${this.#heaps.length} collections)`,
			`${connections.join(' + ')} connections at last`,
		].join(', ');
	}

	#growth(): number {
		const third = Math.ceil(this.#heaps.length / 3);
		return median(this.#heaps.slice(-third)) - median(this.#heaps.slice(0, third));
	}
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
