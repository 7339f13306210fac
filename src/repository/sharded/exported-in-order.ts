import type { AuditFilter } from '../audit/filter.ts';
import { merged, type Source } from './merge.ts';
import { naming, type ServiceShard } from './shard.ts';
import { cursorOf, keyOf, type Position, type Positions } from './shard-cursor.ts';

/** A line of an export, and when its entry was recorded. */
interface Line {
	readonly text: string;
	readonly recordedAt: string;
}

/** The logs of all shards as lines of JSON, the oldest first. One page of each is in memory. */
export async function* exportOfShards(
	shards: readonly ServiceShard[],
	filter: AuditFilter,
	from: Positions | undefined,
	onCursor: ((cursor: string) => void) | undefined,
): AsyncGenerator<string, void, undefined> {
	const ends = new Map<string, Position>();
	const exports = shards.map((shard) => {
		const key = keyOf(shard);
		const note = (cursor: string) => ends.set(key, cursor);
		return shard.audit.export({ ...filter, cursor: from?.get(key) ?? undefined, onCursor: note });
	});
	const sources = exports.map((lines, at): Source<Line> => {
		const shard = shards[at];
		return async () => {
			const next = shard === undefined ? lines.next() : naming(shard, lines.next());
			const { done, value } = await next;
			if (done) return { items: [], isLast: true };
			const { recordedAt } = JSON.parse(value) as { recordedAt: string }; // as `toEntry` makes it
			return { items: [{ text: value, recordedAt }], isLast: false };
		};
	});
	try {
		const isBefore = (a: Line, b: Line) => a.recordedAt < b.recordedAt;
		for await (const { text } of merged(sources, isBefore, sources.length)) yield text;
	} finally {
		await Promise.all(exports.map((lines) => lines.return()));
	}
	onCursor?.(cursorOf(ends));
}
