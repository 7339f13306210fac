/** A part of a source. */
interface Chunk<T> {
	readonly items: readonly T[];
	/** Whether the source has nothing behind it. */
	readonly isLast: boolean;
}

/** Reads items of one shard in order, from the first on or behind one. */
export type Source<T> = (after: T | undefined, limit: number) => Promise<Chunk<T>>;

/** Items of one source that were read and not taken yet. */
class Reader<T> {
	readonly #source: Source<T>;
	readonly #most: number;
	#size: number;
	#items: readonly T[] = [];
	#at = 0;
	#ended = false;

	constructor(source: Source<T>, size: number, most: number) {
		this.#source = source;
		this.#size = size;
		this.#most = most;
	}

	get head(): T | undefined {
		return this.#items[this.#at];
	}

	/** Goes behind the head. */
	take(): void {
		this.#at += 1;
	}

	/** Reads on where nothing is left: each time twice as much, as more of the items are here than elsewhere. */
	async fill(): Promise<void> {
		if (this.head !== undefined || this.#ended) return;
		const { items, isLast } = await this.#source(this.#items.at(-1), this.#size);
		this.#items = items;
		this.#at = 0;
		this.#ended = isLast || items.length === 0;
		this.#size = Math.min(2 * this.#size, this.#most);
	}
}

/**
 * Items of several sources in one order, which each source has as well. Of each it reads its share of what is wanted, and more
 * where the items come from: about twice what is taken, and a share of each source.
 *
 * @param wanted how many are taken at most.
 */
export async function* merged<T>(
	sources: readonly Source<T>[],
	isBefore: (a: T, b: T) => boolean,
	wanted: number,
): AsyncGenerator<T, void, undefined> {
	const share = Math.ceil(wanted / sources.length);
	const readers = sources.map((source) => new Reader(source, share, wanted));
	await Promise.all(readers.map((reader) => reader.fill()));
	for (;;) {
		let next: { readonly reader: Reader<T>; readonly head: T } | undefined;
		for (const reader of readers) {
			const { head } = reader;
			if (head === undefined) continue;
			if (next === undefined || isBefore(head, next.head)) next = { reader, head };
		}
		if (next === undefined) return;
		next.reader.take();
		yield next.head;
		await next.reader.fill();
	}
}
