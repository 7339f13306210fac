interface Entry<Value> {
	readonly value: Value;
	readonly expiresAt: number;
}

/**
 * Values by group and name that are fetched when they are asked for, once however many callers wait, and kept
 * for a time. Bounded; failures are not kept. Two names, because joining them into one for each row of a result
 * takes longer than looking them up one after the other.
 */
export class ExpiringCache<Value> {
	readonly #capacity: number;
	readonly #seconds: number;
	#size = 0;
	/** In the order in which they came, the oldest first; no group is empty. */
	readonly #groups = new Map<string, Map<string, Entry<Value>>>();
	readonly #underWay = new Map<string, Promise<Value>>();

	constructor(capacity: number, seconds: number) {
		this.#capacity = capacity;
		this.#seconds = seconds;
	}

	/** The value if it is at hand and not too old. */
	get(group: string, name: string): Value | undefined {
		const entry = this.#groups.get(group)?.get(name);
		if (entry === undefined) return undefined;
		if (entry.expiresAt !== Number.POSITIVE_INFINITY && entry.expiresAt <= performance.now()) {
			this.delete(group, name);
			return undefined;
		}
		return entry.value;
	}

	/** Until when the value may be used, on the clock of `performance`; the distant past where it is not at hand. */
	expiresAt(group: string, name: string): number {
		return this.#groups.get(group)?.get(name)?.expiresAt ?? Number.NEGATIVE_INFINITY;
	}

	async load(group: string, name: string, fetch: () => Promise<Value>): Promise<Value> {
		const cached = this.get(group, name);
		if (cached !== undefined) return cached;
		const both = JSON.stringify([group, name]);
		const underWay = this.#underWay.get(both);
		if (underWay !== undefined) return underWay;
		const loading = this.#fetch(group, name, fetch).finally(() => this.#underWay.delete(both));
		this.#underWay.set(both, loading);
		return loading;
	}

	delete(group: string, name: string): void {
		const entries = this.#groups.get(group);
		if (!entries?.delete(name)) return;
		this.#size -= 1;
		if (entries.size === 0) this.#groups.delete(group);
	}

	async #fetch(group: string, name: string, fetch: () => Promise<Value>): Promise<Value> {
		// Counted from when the provider was asked: its answer is as old as that.
		const expiresAt = performance.now() + this.#seconds * 1000;
		const value = await fetch();
		this.delete(group, name);
		if (this.#size >= this.#capacity) this.#deleteOldest();
		const entries = this.#groups.get(group) ?? new Map<string, Entry<Value>>();
		this.#groups.set(group, entries.set(name, { value, expiresAt }));
		this.#size += 1;
		return value;
	}

	/** The oldest of the oldest group: of keys, one of those that are the first to retire. */
	#deleteOldest(): void {
		for (const [group, entries] of this.#groups) {
			const oldest = entries.keys().next();
			if (!oldest.done) this.delete(group, oldest.value);
			return;
		}
	}
}
