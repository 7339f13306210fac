import type { TextRow } from '../../database/scoped-sql.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { openStored } from '../../encryption/stored-settings.ts';

/** Settings of a destination that were replaced, as they are stored. */
export interface EarlierSettings {
	readonly destinationId: string;
	/** The last version that had them. */
	readonly version: number;
	readonly organizationId: string;
	readonly type: string;
	readonly settings: unknown;
	readonly settingsEncrypted: boolean;
}

/** As {@link toEarlierSettings} reads them. */
export const earlierColumns =
	'destination_id, version, organization_id, type, settings, settings_encrypted';

export function toEarlierSettings(texts: TextRow): EarlierSettings {
	// By the order of `earlierColumns`, none of which is null.
	const [destinationId = '', version, organizationId = '', type = '', settings = '', encrypted] =
		texts as string[];
	return {
		destinationId,
		version: Number(version),
		organizationId,
		type,
		settings: JSON.parse(settings),
		settingsEncrypted: encrypted === 't',
	};
}

/** Decrypts settings that were replaced: they stay bound to their destination. */
export async function openEarlier(
	encryption: SettingsEncryption,
	row: EarlierSettings,
): Promise<Record<string, unknown>> {
	const { settings, settingsEncrypted, organizationId, destinationId, type } = row;
	const context = { organizationId, destinationId, type };
	return openStored(encryption, settings, settingsEncrypted, context);
}
