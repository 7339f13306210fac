import type { Edit } from './edits.ts';

/** An event that was handled. */
export interface Handled {
	/** When it came, on the clock of `performance`. */
	readonly at: number;
	/** Milliseconds until every destination had it. */
	readonly latency: number;
}

const [width, height, left, bottom] = [720, 320, 56, 40];
const bucketMillis = 250;

/** An SVG: the latency of events, and how soon each edit was known, over time. */
export function chart(start: number, handled: readonly Handled[], edits: readonly Edit[]): string {
	const end = Math.max(...handled.map(({ at }) => at), start + 1);
	const top = Math.max(300, ...edits.map(({ freshness }) => freshness));
	const x = (at: number) => left + ((at - start) / (end - start)) * (width - left - 16);
	const y = (millis: number) => height - bottom - (millis / top) * (height - bottom - 40);
	const buckets: number[][] = [];
	for (const { at, latency } of handled) {
		const bucket = Math.floor((at - start) / bucketMillis);
		buckets[bucket] = [...(buckets[bucket] ?? []), latency];
	}
	const line = (share: number) =>
		buckets
			// Skips those without an event, which the list does not have.
			.flatMap((latencies, bucket) => {
				const middle = Math.min(end, start + (bucket + 0.5) * bucketMillis);
				return `${x(middle).toFixed(1)},${y(quantile(latencies, share)).toFixed(1)}`;
			})
			.join(' ');
	const scale = [0, 100, 200, 300].map(
		(millis) =>
			`<path d="M${left} ${y(millis)}H${width - 16}" stroke="#d1d9e0"/><text x="${left - 8}" y="${y(millis) + 4}" text-anchor="end">${millis} ms</text>`,
	);
	const dots = edits.map(
		({ at, freshness }) =>
			`<circle cx="${x(at).toFixed(1)}" cy="${y(freshness).toFixed(1)}" r="4" fill="#bc4c00"/>`,
	);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>text{font:12px system-ui,sans-serif;fill:#1f2328}</style><rect width="${width}" height="${height}" fill="#fff"/>
<text x="${left}" y="20" font-weight="600">Latency of events, and how soon an edit of a destination is known</text>
${scale.join('\n')}
<polyline points="${line(0.5)}" fill="none" stroke="#0550ae" stroke-width="2"/>
<polyline points="${line(0.99)}" fill="none" stroke="#54aeff" stroke-width="2"/>
${dots.join('\n')}
<text x="${left}" y="${height - 12}">blue: latency, p50 and p99 of each quarter second; dots: an edit, from its commit until the pipeline knows</text>
</svg>
`;
}

export function quantile(values: readonly number[], share: number): number {
	const sorted = [...values].sort((one, other) => one - other);
	return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
