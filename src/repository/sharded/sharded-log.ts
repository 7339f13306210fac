import { z } from 'zod';
import { limitArguments } from '../../input/argument-count.ts';
import { callback } from '../../input/checks.ts';
import { checkOptions } from '../../input/options.ts';
import { pageLimit } from '../../input/page.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditEntry } from '../audit/entry.ts';
import type { AuditExportOptions } from '../audit/export.ts';
import { type AuditFilter, auditFilter, orderOf } from '../audit/filter.ts';
import type { Page, PageOptions } from '../audit/pages.ts';
import { exportOfShards } from './exported-in-order.ts';
import { naming, organizationIn, type ServiceShard, type ServiceShards } from './shard.ts';
import { cursorOf, keyOf, type Position, positionsIn } from './shard-cursor.ts';

const cursorText = z.string({ error: 'must be the cursor of a list, unchanged' });
const listOptions = auditFilter.extend({ cursor: cursorText.optional(), limit: pageLimit });
const exportOptions = auditFilter.extend({
	cursor: cursorText.optional(),
	onCursor: callback<NonNullable<AuditExportOptions['onCursor']>>().optional(),
});

/**
 * The log of all shards, for the service. Each shard counts its entries by itself, so they are merged by when they were
 * recorded; those of one shard stay in the order in which they were written.
 */
export class ShardedLog implements Record<keyof AuditLog, (...given: never) => unknown> {
	readonly #shards: ServiceShards;

	constructor(shards: ServiceShards) {
		this.#shards = shards;
	}

	async list(options: AuditFilter & PageOptions = {}): Promise<Page<AuditEntry>> {
		const named = organizationIn(options);
		if (named !== undefined) return this.#shards.of(named).audit.list(options);
		const { limit, cursor, ...filter } = checkOptions(listOptions, options);
		// Refuses what only the log of one organization has.
		orderOf(filter, undefined);
		const { all } = this.#shards;
		const positions = cursor === undefined ? undefined : positionsIn(cursor, all);
		const share = Math.ceil(limit / all.length);
		const lists = all.map(
			(shard) => new ListOfShard(shard, filter, positions?.get(keyOf(shard)), share),
		);
		await Promise.all(lists.map((list) => list.fill()));
		const items: AuditEntry[] = [];
		while (items.length < limit) {
			const next = newest(lists);
			if (next === undefined) break;
			items.push(next.entry);
			next.list.take();
			await next.list.fill();
		}
		const left = lists.map((list) => [keyOf(list.shard), list.position] as const);
		const isEnd = left.every(([, position]) => position === null);
		return { items, nextCursor: isEnd ? null : cursorOf(new Map(left)) };
	}

	async *export(options: AuditExportOptions = {}): AsyncGenerator<string, void, undefined> {
		const named = organizationIn(options);
		if (named !== undefined) {
			yield* this.#shards.of(named).audit.export(options);
			return;
		}
		const { cursor, onCursor, ...filter } = checkOptions(exportOptions, options);
		orderOf(filter, undefined);
		const { all } = this.#shards;
		const positions = cursor === undefined ? undefined : positionsIn(cursor, all);
		yield* exportOfShards(all, filter, positions, onCursor);
	}
}

limitArguments(ShardedLog.prototype, { list: 1, export: 1 });

/** The newest entry that was read and is not taken; nothing where a shard may have a newer one that it has not found yet. */
function newest(lists: readonly ListOfShard[]) {
	let found: { readonly list: ListOfShard; readonly entry: AuditEntry } | undefined;
	for (const list of lists) {
		const entry = list.head;
		if (entry === undefined && list.position !== null) return undefined;
		if (entry === undefined) continue;
		if (found === undefined || entry.recordedAt > found.entry.recordedAt) found = { list, entry };
	}
	return found;
}

/** The log of one shard, as far as it was read. */
class ListOfShard {
	readonly shard: ServiceShard;
	readonly #filter: AuditFilter;
	#size: number;
	#items: readonly AuditEntry[] = [];
	#at = 0;
	/** Where the list goes on behind what was read; undefined at its beginning. */
	#next: Position | undefined;

	constructor(shard: ServiceShard, filter: AuditFilter, from: Position | undefined, size: number) {
		this.shard = shard;
		this.#filter = filter;
		this.#next = from;
		this.#size = size;
	}

	get head(): AuditEntry | undefined {
		return this.#items[this.#at];
	}

	/** Where the next page begins: before the head, so that what is written meanwhile is on no later page. */
	get position(): Position {
		return this.head === undefined ? (this.#next ?? null) : String(BigInt(this.head.id) + 1n);
	}

	take(): void {
		this.#at += 1;
	}

	/** Reads on where nothing is left: each time twice as much, as more of the entries are here than elsewhere. */
	async fill(): Promise<void> {
		if (this.head !== undefined || this.#next === null) return;
		const options = { ...this.#filter, cursor: this.#next, limit: this.#size };
		const { items, nextCursor } = await naming(this.shard, this.shard.audit.list(options));
		this.#items = items;
		this.#at = 0;
		this.#next = nextCursor;
		this.#size = Math.min(2 * this.#size, 1000);
	}
}
