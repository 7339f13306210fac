/** A process that rotates, as the command does, on request, and watches its memory. */
import { constants, setPriority } from 'node:os';
import { rotateKeys } from '../src/index.ts';

export interface RotationOrder {
	readonly connectionString: string;
	readonly keys: string;
	/** After how many rows to stop; without it, at the end or at the message `'stop'`. */
	readonly rows?: number;
}

export interface RotationReport {
	readonly rotated: number;
	readonly seconds: number;
	/** Bytes of resident memory before the first rotation, with everything loaded. */
	readonly idle: number;
	/** The most that it had after any page of any rotation. */
	readonly peak: number;
}

setPriority(constants.priority.PRIORITY_LOW);

const idle = process.memoryUsage.rss();
let peak = idle;
let stop = new AbortController();

process.on('message', async (order: RotationOrder | 'stop') => {
	if (order === 'stop') stop.abort();
	else process.send?.(await rotate(order));
});
process.send?.('ready');

async function rotate({ rows = Number.POSITIVE_INFINITY, ...options }: RotationOrder) {
	stop = new AbortController();
	const start = performance.now();
	let underWay = false;
	const { rotated } = await rotateKeys({
		...options,
		signal: stop.signal,
		onProgress({ done }) {
			peak = Math.max(peak, process.memoryUsage.rss());
			if (done >= rows) stop.abort();
			if (underWay || done === 0) return;
			underWay = true;
			process.send?.('under way');
		},
	});
	const seconds = (performance.now() - start) / 1000;
	return { rotated, seconds, idle, peak } satisfies RotationReport;
}
