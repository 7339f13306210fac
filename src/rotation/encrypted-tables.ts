/** A column by which a table is read page after page. */
interface RowIdColumn {
	readonly name: string;
	readonly type: 'uuid' | 'integer';
}

/**
 * A table with encrypted settings. It has the columns `settings`, `settings_encrypted`, `organization_id` and
 * `type`, and lets service_role change the first two while `destinations.rotation` is on.
 */
export interface EncryptedTable {
	readonly name: 'destinations' | 'destination_settings_history';
	/** The columns of its primary key, in their order: a row's id. "Key" is a word for encryption here. */
	readonly rowId: readonly [RowIdColumn, ...RowIdColumn[]];
	/** The column with the destination that the settings are bound to. */
	readonly destinationId: string;
}

/** The same where they are distributed by Citus: by the organization first, as their primary keys are there. */
const distributedTables = (): readonly EncryptedTable[] =>
	encryptedTables.map((table) => ({
		...table,
		rowId: [{ name: 'organization_id', type: 'uuid' }, ...table.rowId],
	}));

export const encryptedTablesOf = ({ citus }: { readonly citus: boolean }) =>
	citus ? distributedTables() : encryptedTables;

/** Every table with encrypted settings. A new one is rotated and verified by being listed here. */
export const encryptedTables: readonly EncryptedTable[] = [
	{ name: 'destinations', rowId: [{ name: 'id', type: 'uuid' }], destinationId: 'id' },
	{
		name: 'destination_settings_history',
		rowId: [
			{ name: 'destination_id', type: 'uuid' },
			{ name: 'version', type: 'integer' },
		],
		destinationId: 'destination_id',
	},
];
