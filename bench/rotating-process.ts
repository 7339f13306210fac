/** A process that rotates, as the command does, and watches its memory. */
import { constants, setPriority } from 'node:os';
import { rotateKeys } from '../src/index.ts';

export interface RotationMemory {
	/** Bytes of resident memory before the rotation, with everything loaded. */
	readonly idle: number;
	/** The most that it had after any page. */
	readonly peak: number;
	readonly rotated: number;
	readonly seconds: number;
}

setPriority(constants.priority.PRIORITY_LOW);

const stop = new AbortController();

process.on('message', async (orders: { connectionString: string; keys: string } | 'stop') => {
	if (orders === 'stop') {
		stop.abort();
		return;
	}
	const idle = process.memoryUsage.rss();
	let peak = idle;
	const start = performance.now();
	let underWay = false;
	const { rotated } = await rotateKeys({
		...orders,
		signal: stop.signal,
		onProgress({ done }) {
			peak = Math.max(peak, process.memoryUsage.rss());
			if (underWay || done === 0) return;
			underWay = true;
			process.send?.('under way');
		},
	});
	const memory = { idle, peak, rotated, seconds: (performance.now() - start) / 1000 };
	process.send?.(memory, () => process.exit());
});
process.send?.('ready');
