import { Environment } from '../destinations/vocabulary.ts';
import type { LoadedDestination } from './loaded-destination.ts';
import type { StoredRow } from './rows.ts';

const nothing: readonly never[] = Object.freeze([]);

/** What an organization has enabled in one environment: rows as they are stored, or opened. */
export class Slot {
	/** The rows until they are opened. */
	stored: readonly StoredRow[] | undefined;
	/** What callers get; undefined until it is opened. */
	opened: readonly LoadedDestination[] | undefined;
	/** The same as a promise, so that an answer from memory makes none. */
	answer: Promise<readonly LoadedDestination[]> | undefined;
	/** Until when it may be used, on the clock of `performance`. */
	expiresAt = Number.POSITIVE_INFINITY;
	/** The opening that is under way. */
	opening: Promise<readonly LoadedDestination[]> | undefined;

	constructor(stored: readonly StoredRow[]) {
		this.stored = stored;
		if (stored.length === 0) this.fill(nothing, Number.POSITIVE_INFINITY);
	}

	fill(opened: readonly LoadedDestination[], expiresAt: number): void {
		this.stored = undefined;
		this.opened = opened;
		this.answer = Promise.resolve(opened);
		this.expiresAt = expiresAt;
	}
}

/** Of an environment in which an organization has nothing. Shared, because nothing of it changes. */
const emptySlot = new Slot(nothing);

/** What an organization has enabled. */
export class Organization {
	readonly development: Slot;
	readonly staging: Slot;
	readonly production: Slot;
	/** Whether it was asked for since the cache last looked for room. */
	used = false;

	constructor(rows: readonly StoredRow[]) {
		const slot = (environment: Environment) => {
			const own = rows.filter((row) => row.environment === environment);
			return own.length === 0 ? emptySlot : new Slot(own);
		};
		this.development = slot(Environment.development);
		this.staging = slot(Environment.staging);
		this.production = slot(Environment.production);
	}

	slots(): readonly Slot[] {
		return [this.development, this.staging, this.production];
	}
}

/** Of every organization that has nothing enabled, or does not exist. */
export const nobody = new Organization(nothing);

/** By a list of names, because what a caller calls an environment may be the name of something else. */
export function slotOf(organization: Organization, environment: Environment): Slot | undefined {
	switch (environment) {
		case 'production':
			return organization.production;
		case 'staging':
			return organization.staging;
		case 'development':
			return organization.development;
		default:
			return undefined;
	}
}
