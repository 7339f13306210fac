import { UnavailableError } from '../errors.ts';
import type { Organization } from './organization.ts';
import type { Read } from './reads.ts';

/** How many organizations one statement reads. */
const maxBatch = 1_000;

/** How often what changed while it was read, or came from another server than the one that is polled, is read. */
export const maxRounds = 3;

/** Who waits for an organization. */
class Waiter {
	readonly promise: Promise<Organization>;
	resolve: (organization: Organization) => void = () => {};
	reject: (error: unknown) => void = () => {};
	rounds = 0;

	constructor() {
		this.promise = new Promise((resolve, reject) => {
			this.resolve = resolve;
			this.reject = reject;
		});
	}
}

/** What a batch asks of the database. */
export interface BatchReader {
	begin(): Read;
	/** Reads organizations by one statement; undefined where another server answered than the one that is polled. */
	read(organizationIds: readonly string[]): Promise<((id: string) => Organization) | undefined>;
	/** Keeps what was read, unless it changed meanwhile. */
	keep(organizationId: string, organization: Organization): void;
	end(read: Read): void;
}

/**
 * Reads organizations that are not at hand: those that are asked for in one turn of the event loop, or while another
 * batch is under way, by one statement, and each once however many callers wait.
 */
export class Batches {
	readonly #reader: BatchReader;
	#next = new Map<string, Waiter>();
	#scheduled = false;
	#current: { readonly waiters: ReadonlyMap<string, Waiter>; readonly read: Read } | undefined;

	constructor(reader: BatchReader) {
		this.#reader = reader;
	}

	load(organizationId: string): Promise<Organization> {
		const current = this.#current?.waiters.get(organizationId);
		if (current !== undefined && !this.#current?.read.missed(organizationId)) {
			return current.promise;
		}
		const waiter = this.#next.get(organizationId) ?? new Waiter();
		this.#add(organizationId, waiter);
		return waiter.promise;
	}

	/** Has everybody who waits for a statement that was not sent fail. */
	rejectAll(error: unknown): void {
		const waiting = this.#next;
		this.#next = new Map();
		for (const waiter of waiting.values()) waiter.reject(error);
	}

	#add(organizationId: string, waiter: Waiter): void {
		const other = this.#next.get(organizationId);
		if (other === undefined) this.#next.set(organizationId, waiter);
		else if (other !== waiter) other.promise.then(waiter.resolve, waiter.reject);
		if (this.#scheduled || this.#current !== undefined) return;
		this.#scheduled = true;
		setImmediate(() => {
			this.#scheduled = false;
			void this.#run();
		});
	}

	async #run(): Promise<void> {
		while (this.#next.size > 0) {
			const waiters = this.#take();
			const read = this.#reader.begin();
			this.#current = { waiters, read };
			try {
				await this.#load(waiters, read);
			} catch (error) {
				for (const waiter of waiters.values()) waiter.reject(error);
			} finally {
				this.#reader.end(read);
				this.#current = undefined;
			}
		}
	}

	/** As many as one statement reads; the others come next. */
	#take(): ReadonlyMap<string, Waiter> {
		const entries = [...this.#next];
		this.#next = new Map(entries.slice(maxBatch));
		return new Map(entries.slice(0, maxBatch));
	}

	async #load(waiters: ReadonlyMap<string, Waiter>, read: Read): Promise<void> {
		const found = await this.#reader.read([...waiters.keys()]);
		for (const [id, waiter] of waiters) {
			waiter.rounds += 1;
			const isOther = found === undefined;
			if ((isOther || read.missed(id)) && waiter.rounds < maxRounds) this.#again(id, waiter);
			else if (isOther) waiter.reject(severalServers());
			else {
				const organization = found(id);
				// One that changes all the time is answered as it was after the call began, and not kept.
				if (!read.missed(id)) this.#reader.keep(id, organization);
				waiter.resolve(organization);
			}
		}
	}

	/** While a batch is under way nothing is scheduled: what is added comes right after it. */
	#again(organizationId: string, waiter: Waiter): void {
		this.#add(organizationId, waiter);
	}
}

export function severalServers(): UnavailableError {
	return new UnavailableError(
		'What was read came from another server than the one that is polled. Leave `pool.max` at 1 where the address leads to several.',
	);
}
