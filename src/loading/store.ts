import type { ScopedSql } from '../database/scoped-sql.ts';
import { meaningOf } from '../database/sql-errors.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { UnknownKeyError } from '../errors.ts';
import type { Operations } from '../telemetry/operations.ts';
import { Batches, maxRounds, severalServers } from './batches.ts';
import { OrganizationCache } from './cache.ts';
import type { LoadedDestination } from './loaded-destination.ts';
import { loadingError } from './loading-error.ts';
import type { Counters } from './metrics.ts';
import { openRows, type UnopenedRow } from './opening.ts';
import { nobody, Organization, type Slot, slotOf } from './organization.ts';
import { type Read, Reads } from './reads.ts';
import { type ReadRows, readOrganizations, readPage, type StoredRow } from './rows.ts';

/** Rows that `preload` reads with one statement. */
const pageSize = 5_000;

/** The nil UUID (RFC 9562, section 5.9), before which no organization comes. */
const first = '00000000-0000-0000-0000-000000000000';

const reading = { name: 'loader.read', operation: 'read', table: 'destinations' };

/** What the store needs of the loader. */
export interface StoreTools {
	readonly sql: ScopedSql;
	/** Where what it asks of the database runs as operations. */
	readonly operations: Operations;
	readonly encryption: SettingsEncryption;
	readonly counters: Counters;
	/** The server that is polled. */
	readonly server: () => string | undefined;
	/** Finds out which one it is now. */
	readonly poll: () => Promise<void>;
	readonly leaveOut: (unopened: UnopenedRow) => void;
}

/** Organizations in memory, and how they come there. */
export class Store {
	readonly cache: OrganizationCache;
	readonly #tools: StoreTools;
	readonly #reads = new Reads();
	readonly #batches: Batches;

	constructor(capacity: number, tools: StoreTools) {
		this.cache = new OrganizationCache(capacity);
		this.#tools = tools;
		this.#batches = new Batches({
			begin: () => this.#reads.begin(),
			read: (ids) => this.#read(ids),
			keep: (id, organization) => this.cache.put(id, organization),
			end: (read) => this.#reads.end(read),
		});
	}

	/** What is at hand for an answer. */
	slot(organizationId: string, environment: Environment, now: number): Slot | undefined {
		const organization = this.cache.get(organizationId);
		if (organization === undefined) return undefined;
		const slot = slotOf(organization, environment);
		return slot !== undefined && now < slot.expiresAt ? slot : undefined;
	}

	/** What an organization has enabled, read and opened where it is not at hand. */
	async find(
		organizationId: string,
		environment: Environment,
	): Promise<readonly LoadedDestination[]> {
		const slot =
			this.slot(organizationId, environment, performance.now()) ??
			(await this.#load(organizationId, environment));
		return this.#open(slot, () => this.#load(organizationId, environment));
	}

	/** Forgets what changed. */
	forget(changed: readonly string[] | 'all'): void {
		this.#reads.note(changed);
		if (changed === 'all') this.cache.clear();
		else for (const organizationId of changed) this.cache.delete(organizationId);
	}

	/** Reads every organization until the cache is full. Settings stay encrypted. */
	async preload(): Promise<void> {
		let after: string | undefined = first;
		while (after !== undefined && !this.cache.full) after = await this.#preloadPage(after);
	}

	/** Returns behind which organization the next page begins; undefined behind the last. */
	async #preloadPage(after: string): Promise<string | undefined> {
		for (let round = 0; round < maxRounds; round += 1) {
			const read = this.#reads.begin();
			try {
				const { server, rows } = await this.#counted(() =>
					readPage(this.#tools.sql, after, pageSize),
				);
				if (server === this.#tools.server()) return this.#keepPage(rows, after, read);
				await this.#tools.poll();
			} finally {
				this.#reads.end(read);
			}
		}
		throw severalServers();
	}

	#keepPage(rows: readonly StoredRow[], after: string, read: Read): string | undefined {
		const organizations = byOrganization(rows);
		const isLastPage = rows.length < pageSize;
		let last = after;
		for (const [id, own] of organizations) {
			// The last of a full page may go on behind it. None has as many rows as a page.
			if (!isLastPage && id === rows.at(-1)?.organizationId) break;
			if (this.cache.full) return undefined;
			if (!read.missed(id)) this.cache.put(id, new Organization(own));
			last = id;
		}
		return isLastPage ? undefined : last;
	}

	/** Has everybody who waits fail, and forgets everything. */
	close(error: unknown): void {
		this.#batches.rejectAll(error);
		this.forget('all');
	}

	async #load(organizationId: string, environment: Environment): Promise<Slot> {
		const organization = await this.#batches.load(organizationId);
		const slot = slotOf(organization, environment);
		if (slot === undefined) throw new Error('The environment was not checked');
		return slot;
	}

	/** Opens a slot, once however many wait. @param loadAgain where a key is unknown: rows may have been rotated meanwhile. */
	async #open(slot: Slot, loadAgain?: () => Promise<Slot>): Promise<readonly LoadedDestination[]> {
		if (slot.opened !== undefined) return slot.opened;
		slot.opening ??= this.#openRows(slot, loadAgain).finally(() => {
			slot.opening = undefined;
		});
		return slot.opening;
	}

	async #openRows(
		slot: Slot,
		loadAgain: (() => Promise<Slot>) | undefined,
	): Promise<readonly LoadedDestination[]> {
		const { destinations, unopened, expiresAt } = await openRows(
			this.#tools.encryption,
			slot.stored ?? [],
		);
		const unknownKey = unopened.some(({ error }) => error instanceof UnknownKeyError);
		if (unknownKey && loadAgain !== undefined) return this.#open(await loadAgain());
		for (const row of unopened) this.#tools.leaveOut(row);
		slot.fill(destinations, expiresAt);
		return destinations;
	}

	async #read(ids: readonly string[]): Promise<((id: string) => Organization) | undefined> {
		const { server, rows } = await this.#counted(() => readOrganizations(this.#tools.sql, ids));
		if (server !== this.#tools.server()) {
			await this.#tools.poll();
			return undefined;
		}
		const organizations = byOrganization(rows);
		return (id) => {
			const own = organizations.get(id);
			return own === undefined ? nobody : new Organization(own);
		};
	}

	/** Runs a read, and once more where its connection was lost, or a standby cancelled it. */
	#counted(read: () => Promise<ReadRows>): Promise<ReadRows> {
		return this.#tools.operations.run(reading, () => this.#countedRead(read));
	}

	async #countedRead(read: () => Promise<ReadRows>): Promise<ReadRows> {
		const { counters } = this.#tools;
		try {
			counters.loads += 1;
			return await read().catch((error: unknown) => {
				if (!['retry', 'unavailable'].includes(meaningOf(error))) throw error;
				counters.loads += 1;
				return read();
			});
		} catch (error) {
			counters.failures += 1;
			throw loadingError(error);
		}
	}
}

function byOrganization(rows: readonly StoredRow[]): Map<string, StoredRow[]> {
	const organizations = new Map<string, StoredRow[]>();
	for (const row of rows) {
		const own = organizations.get(row.organizationId);
		if (own === undefined) organizations.set(row.organizationId, [row]);
		else own.push(row);
	}
	return organizations;
}
