import { nobody, type Organization } from './organization.ts';

/** How many organizations without anything are remembered: their number is in the hands of who sends their ids. */
const maxUnknown = 10_000;

/**
 * Organizations by id, bounded. Who was not asked for since the last round makes room first ("second chance",
 * an approximation of LRU that costs an answer a flag and not a move). Organizations without anything have a bound of
 * their own, so that made-up ids push no real organization out.
 */
export class OrganizationCache {
	readonly #capacity: number;
	/** In the order in which their turn comes to make room. */
	readonly #organizations = new Map<string, Organization>();
	readonly #unknown = new Map<string, Organization>();
	evictions = 0;

	constructor(capacity: number) {
		this.#capacity = capacity;
	}

	get size(): number {
		return this.#organizations.size;
	}

	get unknown(): number {
		return this.#unknown.size;
	}

	get full(): boolean {
		return this.size >= this.#capacity;
	}

	get(organizationId: string): Organization | undefined {
		const known = this.#organizations.get(organizationId);
		if (known === undefined) return this.#unknown.get(organizationId);
		known.used = true;
		return known;
	}

	put(organizationId: string, organization: Organization): void {
		this.delete(organizationId);
		if (organization === nobody) {
			if (this.unknown >= maxUnknown) this.#forgetFirstUnknown();
			this.#unknown.set(organizationId, nobody);
			return;
		}
		if (this.full) this.#makeRoom();
		this.#organizations.set(organizationId, organization);
	}

	delete(organizationId: string): boolean {
		return this.#organizations.delete(organizationId) || this.#unknown.delete(organizationId);
	}

	clear(): void {
		this.#organizations.clear();
		this.#unknown.clear();
	}

	/** Forgets what was opened by keys that may not be used any more. */
	deleteExpired(now: number): void {
		for (const [id, organization] of this.#organizations) {
			if (organization.slots().some(({ expiresAt }) => expiresAt <= now)) this.delete(id);
		}
	}

	#makeRoom(): void {
		// Each turn takes a flag or an organization away, so that it comes to an end.
		for (const [id, organization] of this.#organizations) {
			this.#organizations.delete(id);
			if (!organization.used) {
				this.evictions += 1;
				return;
			}
			organization.used = false;
			this.#organizations.set(id, organization);
		}
	}

	#forgetFirstUnknown(): void {
		for (const id of this.#unknown.keys()) {
			this.#unknown.delete(id);
			return;
		}
	}
}
