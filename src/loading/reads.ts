/**
 * A read that is under way. What changes meanwhile may be missing from it, so its rows must not be kept: they were read
 * before the change was known, and nothing would say so again.
 */
export class Read {
	readonly #changed = new Set<string>();
	#all = false;

	note(changed: readonly string[] | 'all'): void {
		if (changed === 'all') this.#all = true;
		else for (const organizationId of changed) this.#changed.add(organizationId);
	}

	/** Whether an organization changed since the read began. */
	missed(organizationId: string): boolean {
		return this.#all || this.#changed.has(organizationId);
	}
}

/** Reads that are under way. */
export class Reads {
	readonly #underWay = new Set<Read>();

	begin(): Read {
		const read = new Read();
		this.#underWay.add(read);
		return read;
	}

	end(read: Read): void {
		this.#underWay.delete(read);
	}

	note(changed: readonly string[] | 'all'): void {
		for (const read of this.#underWay) read.note(changed);
	}
}
