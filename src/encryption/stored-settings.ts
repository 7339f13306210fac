import { withPresets } from '../destinations/presets.ts';
import { DecryptionFailedError } from '../errors.ts';
import { isPlainObject } from '../input/plain-object.ts';
import type { SettingsContext } from './envelope.ts';
import type { PlaintextPolicy, SettingsEncryption } from './settings-encryption.ts';

/** What a row holds instead of settings. */
export type StoredForm = 'plaintext' | 'empty' | 'sealed';

/** How a row holds its settings. Its columns say it, not what its settings look like. */
export function storedForm(settings: unknown, settingsEncrypted: boolean): StoredForm {
	if (!settingsEncrypted) return 'plaintext';
	// The column's default, which a raw insert leaves: no settings yet.
	return isEmptyObject(settings) ? 'empty' : 'sealed';
}

/**
 * Decrypts the settings of a stored row, complete with what counts where nothing was chosen; returns a promise only where the key provider must be asked.
 *
 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError of this row, at once or by the promise.
 */
export function openStored(
	encryption: SettingsEncryption,
	settings: unknown,
	settingsEncrypted: boolean,
	context: SettingsContext,
): Record<string, unknown> | Promise<Record<string, unknown>> {
	const form = storedForm(settings, settingsEncrypted);
	// The table's CHECK allows objects alone.
	const record = settings as Record<string, unknown>;
	if (form === 'empty') return record;
	if (form === 'plaintext') {
		checkPlaintext(encryption.plaintext, context);
		return withPresets(context.type, { ...record });
	}
	return (
		openAtHand(encryption, settings, context) ??
		encryption.decrypt(settings, context).then((opened) => withPresets(context.type, opened))
	);
}

/**
 * Opens encrypted settings like {@link openStored}; returns nothing where the key provider must be asked.
 *
 * @throws DecryptionFailedError if they do not decrypt.
 */
export function openAtHand(
	encryption: SettingsEncryption,
	envelope: unknown,
	context: SettingsContext,
): Record<string, unknown> | undefined {
	const opened = encryption.tryOpen(envelope, context);
	return opened && withPresets(context.type, opened);
}

/** @throws DecryptionFailedError unless settings may be stored without encryption. */
export function checkPlaintext(policy: PlaintextPolicy, context: SettingsContext): void {
	if (policy === 'allow-read') return;
	const { destinationId, organizationId } = context;
	throw new DecryptionFailedError(
		`The settings of destination ${destinationId} are marked as not encrypted, and this client reads encrypted ones only.`,
		{ destinationId, organizationId },
	);
}

function isEmptyObject(value: unknown): boolean {
	return isPlainObject(value) && Object.keys(value).length === 0;
}
