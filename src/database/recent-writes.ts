import type { Scope } from './scope.ts';

/** For how long a write whose end is not known, in milliseconds, may still be committed. */
const unsettledMillis = 10_000;

/** So many organizations are distinguished. Of the others, the newest write of any counts. */
const maxOrganizations = 10_000;

/** A write that this process made. */
interface Write {
	/** How many there were before. */
	readonly number: number;
	/** From when on a position of the primary is known to be behind it, on the clock of `performance`. */
	readonly settledAt: number;
	/** A position of the write-ahead log behind it, once one is known. */
	position?: string;
}

/** What is known once the primary has said where its write-ahead log ends. */
interface KnownPosition {
	readonly position: string;
	/** How many writes were over when it was asked. */
	readonly writes: number;
	/** When it was asked. */
	readonly at: number;
}

/**
 * What this process wrote, so that nobody reads a replica which has less than that. A write learns its position from the first read
 * behind it, which is sent to the primary for that reason: so it costs no write anything.
 */
export class RecentWrites {
	#count = 0;
	#known: KnownPosition | undefined;
	/** By organization, the oldest first. */
	readonly #byOrganization = new Map<string, Write>();
	/** The newest that may concern every organization. */
	#ofAnybody: Write | undefined;

	/**
	 * Notes that something may have been written in a scope.
	 *
	 * @param unsettled whether it may be committed later than now.
	 */
	note({ organizationId }: Scope, unsettled = false): void {
		this.#count += 1;
		const settledAt = performance.now() + (unsettled ? unsettledMillis : 0);
		const write = { number: this.#count, settledAt };
		if (organizationId === undefined) {
			this.#ofAnybody = later(this.#ofAnybody, write);
			return;
		}
		const before = this.#byOrganization.get(organizationId);
		// Behind all others, because the first is the next to be forgotten.
		this.#byOrganization.delete(organizationId);
		this.#byOrganization.set(organizationId, later(before, write));
		if (this.#byOrganization.size <= maxOrganizations) return;
		for (const [oldest, forgotten] of this.#byOrganization) {
			this.#byOrganization.delete(oldest);
			this.#ofAnybody = later(this.#ofAnybody, forgotten);
			return;
		}
	}

	/**
	 * The position that a replica must have replayed, so that an organization finds there what was written: `unknown` as long as the
	 * primary must be asked for it, undefined where nothing was written.
	 */
	positionFor(organizationId: string): string | undefined {
		const positions = [this.#byOrganization.get(organizationId), this.#ofAnybody].flatMap(
			(write) => (write === undefined ? [] : [this.#positionOf(write)]),
		);
		if (positions.includes(unknown)) return unknown;
		return positions.sort((a, b) => Number(numberOf(a) - numberOf(b))).at(-1);
	}

	/** Returns what takes the position of the primary, which is about to be asked for it. */
	beginToLearn(): (position: string) => void {
		const [writes, at] = [this.#count, performance.now()];
		return (position) => {
			if (this.#known === undefined || this.#known.writes <= writes) {
				this.#known = { position, writes, at };
			}
		};
	}

	#positionOf(write: Write): string {
		const known = this.#known;
		if (known !== undefined && known.writes >= write.number && known.at >= write.settledAt) {
			write.position ??= known.position;
		}
		return write.position ?? unknown;
	}
}

/** For a position that is not known yet. */
export const unknown = 'unknown';

/** One write for two: the newer, and settled when both are. */
function later(first: Write | undefined, second: Write): Write {
	if (first === undefined) return second;
	const [newer, older] = first.number > second.number ? [first, second] : [second, first];
	return newer.settledAt >= older.settledAt
		? newer
		: { number: newer.number, settledAt: older.settledAt };
}

/** A `pg_lsn` (https://www.postgresql.org/docs/current/datatype-pg-lsn.html) as a number. */
function numberOf(position: string): bigint {
	const [high = '0', low = '0'] = position.split('/');
	return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
