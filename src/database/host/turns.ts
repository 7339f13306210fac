/** Has the calls on one handle run one after the other, whichever scopes they are of. */
export class Turns {
	static readonly #all = new WeakMap<object, Turns>();
	#idle: Promise<unknown> = Promise.resolve();

	static of(handle: object): Turns {
		const turns = Turns.#all.get(handle) ?? new Turns();
		Turns.#all.set(handle, turns);
		return turns;
	}

	take<T>(work: () => Promise<T>): Promise<T> {
		const done = this.#idle.then(work);
		this.#idle = done.catch(() => {});
		return done;
	}
}
