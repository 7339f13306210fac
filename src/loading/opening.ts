import { parse as parseArray } from 'postgres-array';
import { type DestinationType, isDestinationType } from '../destinations/registry.ts';
import type { ConsentPurpose, Environment } from '../destinations/vocabulary.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { openStored } from '../encryption/stored-settings.ts';
import { DestinationsError, UnsupportedError } from '../errors.ts';
import { type LoadedDestination, LoadedDestinationOf } from './loaded-destination.ts';
import type { StoredRow } from './rows.ts';

/** After this long the key provider that failed is asked again, in milliseconds. */
const retryAfter = 5_000;

/** A row that is left out, and why. */
export interface UnopenedRow {
	readonly row: StoredRow;
	readonly error: DestinationsError;
}

/** Rows in the clear. */
export interface OpenedRows {
	readonly destinations: readonly LoadedDestination[];
	readonly unopened: readonly UnopenedRow[];
	/** Until when they may be used, on the clock of `performance`. */
	readonly expiresAt: number;
}

/** Opens rows. One that does not decrypt is left out, and harms no other. */
export async function openRows(
	encryption: SettingsEncryption,
	rows: readonly StoredRow[],
): Promise<OpenedRows> {
	const destinations: LoadedDestination[] = [];
	const unopened: UnopenedRow[] = [];
	let expiresAt = Number.POSITIVE_INFINITY;
	for (const row of rows) {
		try {
			const { destination, until } = await openRow(encryption, row);
			destinations.push(destination);
			expiresAt = Math.min(expiresAt, until);
		} catch (error) {
			if (!(error instanceof DestinationsError)) throw error;
			unopened.push({ row, error });
			if (error.retryable) expiresAt = Math.min(expiresAt, performance.now() + retryAfter);
		}
	}
	return { destinations: Object.freeze(destinations), unopened, expiresAt };
}

async function openRow(encryption: SettingsEncryption, row: StoredRow) {
	const { id, organizationId, type, settingsEncrypted } = row;
	if (!isDestinationType(type)) {
		throw new UnsupportedError(
			`Destination ${id} has a type that this version does not know. Upgrade @consent-io/destinations.`,
			{ destinationId: id, organizationId },
		);
	}
	const context = { destinationId: id, organizationId, type };
	const stored: unknown = JSON.parse(row.settings);
	const settings = await openStored(encryption, stored, settingsEncrypted, context);
	// What is not encrypted by a key does not expire with one.
	const sealed = settingsEncrypted && settings !== stored;
	return {
		destination: loaded(type, row, settings),
		until: sealed ? encryption.expiresAt(stored, context) : Number.POSITIVE_INFINITY,
	};
}

function loaded(
	type: DestinationType,
	{ id, organizationId, environment, requiredConsent, testMode, version }: StoredRow,
	settings: Record<string, unknown>,
): LoadedDestination {
	// Settings belong to the type, and the table's CHECKs hold the words of the other columns.
	return new LoadedDestinationOf({
		...{ id, organizationId, type, testMode, version },
		environment: environment as Environment,
		requiredConsent: parseArray(requiredConsent) as ConsentPurpose[], // by a CHECK of the column
		settings: settings as never,
	}) as LoadedDestination;
}
