/** A column by which a store is read page after page. */
interface KeyColumn {
	readonly name: string;
	readonly type: 'uuid' | 'integer';
}

/**
 * A table with sealed settings. It has the columns `settings`, `settings_encrypted`, `organization_id` and
 * `type`, and lets service_role change the first two while `destinations.rotation` is on.
 */
export interface SealedStore {
	readonly table: 'destinations' | 'destination_settings_history';
	/** The primary key, in its order. */
	readonly key: readonly [KeyColumn, ...KeyColumn[]];
	/** The column with the destination that the settings are sealed to. */
	readonly destinationId: string;
}

/** Every table with sealed settings. A new one is rotated and verified by being listed here. */
export const sealedStores: readonly SealedStore[] = [
	{ table: 'destinations', key: [{ name: 'id', type: 'uuid' }], destinationId: 'id' },
	{
		table: 'destination_settings_history',
		key: [
			{ name: 'destination_id', type: 'uuid' },
			{ name: 'version', type: 'integer' },
		],
		destinationId: 'destination_id',
	},
];
