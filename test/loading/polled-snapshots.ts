/** What a transaction snapshot sees, as `pg_current_snapshot()` has it. */
export class Snapshot {
	readonly #xmax: bigint;
	readonly #running: ReadonlySet<bigint>;

	constructor(xmax: string, running: readonly string[]) {
		this.#xmax = BigInt(xmax);
		this.#running = new Set(running.map(BigInt));
	}

	/** Whether it sees a transaction that was committed at some time. */
	sees(transaction: bigint): boolean {
		return transaction < this.#xmax && !this.#running.has(transaction);
	}
}

/**
 * Reads the snapshots of polls off the wire: a poll is the one statement of a loader whose answer is a row of nine texts,
 * the first of which is the number of a transaction.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class PolledSnapshots {
	readonly #found: (snapshot: Snapshot) => void;
	#bytes = Buffer.alloc(0);

	constructor(found: (snapshot: Snapshot) => void) {
		this.#found = found;
	}

	/** @param bytes what a server sent on one connection. */
	push(bytes: Buffer): void {
		this.#bytes = Buffer.concat([this.#bytes, bytes]);
		while (this.#bytes.length >= 5) {
			const end = 1 + this.#bytes.readInt32BE(1);
			if (this.#bytes.length < end) return;
			const isRow = this.#bytes[0] === 'D'.charCodeAt(0);
			if (isRow) this.#read(this.#bytes.subarray(5, end));
			this.#bytes = this.#bytes.subarray(end);
		}
	}

	#read(row: Buffer): void {
		if (row.readInt16BE(0) !== 9) return;
		const texts: string[] = [];
		let at = 2;
		for (let column = 0; column < 3; column += 1) {
			const length = row.readInt32BE(at);
			texts.push(row.toString('utf8', at + 4, at + 4 + length));
			at += 4 + length;
		}
		const [xmin = '', xmax = '', running = ''] = texts;
		if (/^\d+$/.test(xmin)) this.#found(new Snapshot(xmax, JSON.parse(running)));
	}
}
