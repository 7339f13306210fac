import { DestinationsError, UnsupportedError } from '../errors.ts';
import type { SettingsContext } from './envelope.ts';
import type { SettingsEncryption } from './settings-encryption.ts';
import { openStored } from './stored-settings.ts';

/** A destination as it was read, by the names of its fields. */
export type ReadRow = Record<string, unknown>;

/** What becomes of a row whose settings do not decrypt. */
export type OnUnopened = (row: ReadRow, error: DestinationsError) => void;

export const fail: OnUnopened = (_, error) => {
	throw error;
};

/**
 * Puts the settings of a row in clear in their place. Returns a promise only where the key provider must be asked.
 *
 * @throws UnsupportedError if the row lacks what its settings are bound to.
 */
export function openRow(
	encryption: SettingsEncryption,
	row: ReadRow,
	onUnopened: OnUnopened,
): Promise<void> | undefined {
	try {
		const { settings, settingsEncrypted } = row;
		const opened = openStored(encryption, settings, settingsEncrypted === true, contextOf(row));
		if (opened instanceof Promise) return openLater(opened, row, onUnopened);
		row.settings = opened;
	} catch (error) {
		leaveUnopened(error, row, onUnopened);
	}
	return undefined;
}

async function openLater(
	opening: Promise<unknown>,
	row: ReadRow,
	onUnopened: OnUnopened,
): Promise<void> {
	try {
		row.settings = await opening;
	} catch (error) {
		leaveUnopened(error, row, onUnopened);
	}
}

function leaveUnopened(error: unknown, row: ReadRow, onUnopened: OnUnopened): void {
	if (!(error instanceof DestinationsError)) throw error;
	onUnopened(row, error);
}

function contextOf({ id, organizationId, type, settingsEncrypted }: ReadRow): SettingsContext {
	if (
		typeof id !== 'string' ||
		typeof organizationId !== 'string' ||
		typeof type !== 'string' ||
		typeof settingsEncrypted !== 'boolean'
	) {
		throw new UnsupportedError(
			'Settings can only be decrypted with id, organizationId, type and settingsEncrypted. Do not omit these for the whole Prisma client.',
		);
	}
	return { organizationId, destinationId: id, type };
}
