interface Entry<Value> {
	readonly value: Value;
	readonly expiresAt: number;
}

/**
 * Values by name that are fetched when they are asked for, once however many callers wait, and kept for a
 * time. Bounded; failures are not kept.
 */
export class ExpiringCache<Value> {
	readonly #capacity: number;
	readonly #seconds: number;
	/** In the order in which they came, the oldest first. */
	readonly #entries = new Map<string, Entry<Value>>();
	readonly #underWay = new Map<string, Promise<Value>>();

	constructor(capacity: number, seconds: number) {
		this.#capacity = capacity;
		this.#seconds = seconds;
	}

	/** The value if it is at hand and not too old. */
	get(name: string): Value | undefined {
		const entry = this.#entries.get(name);
		if (entry === undefined) return undefined;
		if (entry.expiresAt !== Number.POSITIVE_INFINITY && entry.expiresAt <= performance.now()) {
			this.#entries.delete(name);
			return undefined;
		}
		return entry.value;
	}

	async load(name: string, fetch: () => Promise<Value>): Promise<Value> {
		const cached = this.get(name);
		if (cached !== undefined) return cached;
		const underWay = this.#underWay.get(name);
		if (underWay !== undefined) return underWay;
		const loading = this.#fetch(name, fetch).finally(() => this.#underWay.delete(name));
		this.#underWay.set(name, loading);
		return loading;
	}

	delete(name: string): void {
		this.#entries.delete(name);
	}

	async #fetch(name: string, fetch: () => Promise<Value>): Promise<Value> {
		// Counted from when the provider was asked: its answer is as old as that.
		const expiresAt = performance.now() + this.#seconds * 1000;
		const value = await fetch();
		this.#entries.delete(name);
		if (this.#entries.size >= this.#capacity) {
			const oldest = this.#entries.keys().next();
			if (!oldest.done) this.#entries.delete(oldest.value);
		}
		this.#entries.set(name, { value, expiresAt });
		return value;
	}
}
