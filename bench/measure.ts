/** Whether everything runs once, to see that it runs: such figures say nothing, and none is kept. */
export const quick = process.argv.includes('--quick');

/** How often something is done that is measured so many times. */
export function often(times: number): number {
	return quick ? 1 : times;
}

/** One way of doing the same work. */
export interface Variant {
	readonly name: string;
	/** Does the work once. */
	readonly run: () => Promise<unknown>;
}

export interface MeasureOptions {
	/** How often each variant gets its turn. */
	readonly rounds: number;
	/** How often a variant does its work in one turn. */
	readonly repeats: number;
	/**
	 * How many are under way at once within a turn, which then counts by the mean.
	 *
	 * @defaultValue one after the other, of which the median counts
	 */
	readonly inFlight?: number;
	/**
	 * How often a variant does its work before it counts: V8 compiles what runs often, and a service runs for long.
	 *
	 * @defaultValue two turns
	 */
	readonly warmUp?: number;
}

export interface Measured {
	readonly name: string;
	/** Median of the turns, in milliseconds for one piece of work. */
	readonly median: number;
	/** Median of the ratios to the first variant's turn of the same round, and the middle half of them. */
	readonly ratio: number;
	readonly ratioLow: number;
	readonly ratioHigh: number;
}

/**
 * Measures variants in turn, A B C A B C and in the next round the other way round, so that a machine
 * whose speed drifts slows all of them. The first variant is what the others are compared with.
 */
export async function measure(
	variants: readonly [Variant, ...Variant[]],
	options: MeasureOptions,
): Promise<Measured[]> {
	const [rounds, repeats] = [often(options.rounds), often(options.repeats)];
	const { inFlight } = options;
	const warmUp = often(options.warmUp ?? 2 * repeats);
	for (const variant of variants) await turn(variant, warmUp, inFlight);
	const turns = new Map(variants.map((variant) => [variant, [] as number[]]));
	for (let round = 0; round < rounds; round += 1) {
		const order = round % 2 === 0 ? variants : [...variants].reverse();
		for (const variant of order) turns.get(variant)?.push(await turn(variant, repeats, inFlight));
	}
	const base = turns.get(variants[0]) ?? [];
	return variants.map((variant) => {
		const times = turns.get(variant) ?? [];
		const ratios = times.map((time, round) => time / (base[round] ?? Number.NaN));
		return {
			name: variant.name,
			median: quantile(times, 0.5),
			ratio: quantile(ratios, 0.5),
			ratioLow: quantile(ratios, 0.25),
			ratioHigh: quantile(ratios, 0.75),
		};
	});
}

/** Milliseconds for one piece of work: the median where they come one by one, the mean where in flight. */
async function turn({ run }: Variant, repeats: number, inFlight?: number): Promise<number> {
	if (inFlight === undefined) {
		const times: number[] = [];
		for (let repeat = 0; repeat < repeats; repeat += 1) {
			const start = performance.now();
			await run();
			times.push(performance.now() - start);
		}
		return quantile(times, 0.5);
	}
	const start = performance.now();
	await runAtOnce(run, repeats, inFlight);
	return (performance.now() - start) / repeats;
}

/** Does the work so many times, so many of them at once. */
export async function runAtOnce(
	run: () => Promise<unknown>,
	times: number,
	inFlight: number,
): Promise<void> {
	let left = times;
	const worker = async () => {
		while (left > 0) {
			left -= 1;
			await run();
		}
	};
	await Promise.all(Array.from({ length: inFlight }, worker));
}

export function quantile(values: readonly number[], at: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? Number.NaN;
}
