import type { Destination } from '../destinations/destination.ts';
import { DestinationsError } from '../errors.ts';
import type { ReadRow } from './open-row.ts';
import type { SettingsEncryption } from './settings-encryption.ts';
import { openAtHand } from './stored-settings.ts';

/** What is needed of a destination to change its settings. */
export type SeenDestination = Pick<
	Destination,
	'id' | 'organizationId' | 'type' | 'environment' | 'version' | 'settings'
>;

/** A row with its settings as they are stored: encrypted. */
interface SeenRow extends Omit<SeenDestination, 'settings'> {
	readonly envelope: unknown;
}

/** How many rows a client remembers of all its databases: at most 10 MB. */
export const maxSeenRows = 5000;
const maxCiphertextLength = 2000;

/**
 * The destinations that a client read or wrote one by one, each as it was the last time, so that an update of settings need
 * not read what it changes. Others may have changed them since: whoever uses one writes to its version alone.
 */
export class SeenRows {
	/** The one that was used least recently is the first. */
	readonly #rows = new Map<string, SeenRow>();
	readonly #maxRows: number;

	constructor(maxRows = maxSeenRows) {
		this.#maxRows = maxRows;
	}

	/** @param row as it was sent, with its settings encrypted. A row of which not all columns were read is left out. */
	note({
		id,
		organizationId,
		type,
		environment,
		version,
		settings,
		settingsEncrypted,
	}: ReadRow): void {
		if (typeof id !== 'string' || settings === undefined) return;
		if (environment === undefined || version === undefined) return;
		this.#rows.delete(id);
		if (settingsEncrypted !== true || isLong(settings)) return;
		const seen = { id, organizationId, type, environment, version, envelope: settings };
		this.#rows.set(id, seen as SeenRow); // what the columns hold, by their CHECKs
		if (this.#rows.size <= this.#maxRows) return;
		for (const oldest of this.#rows.keys()) {
			this.#rows.delete(oldest);
			return;
		}
	}

	/**
	 * A destination with its settings in clear; nothing where it was not seen, belongs to another organization, or does not
	 * open with what is at hand.
	 */
	open(
		id: string,
		organizationId: string | undefined,
		encryption: SettingsEncryption,
	): SeenDestination | undefined {
		const row = this.#rows.get(id);
		if (row === undefined || (organizationId ?? row.organizationId) !== row.organizationId) {
			return undefined;
		}
		const { envelope, ...seen } = row;
		const context = { ...seen, destinationId: id };
		try {
			const settings = openAtHand(encryption, envelope, context);
			// Settings are validated by the row's type when they are written.
			return settings && ({ ...seen, settings } as SeenDestination);
		} catch (error) {
			if (error instanceof DestinationsError) return undefined;
			throw error;
		}
	}
}

function isLong(envelope: unknown): boolean {
	const { ct } = envelope as { ct?: unknown }; // an object, by a CHECK
	return typeof ct !== 'string' || ct.length > maxCiphertextLength;
}
