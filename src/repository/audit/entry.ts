import type { TextRow } from '../../database/scoped-sql.ts';
import { fieldName } from '../../destinations/columns.ts';
import type { Place } from '../cursor.ts';

/** What happened to a destination. `keys_rotated` and `log_pruned` concern many destinations, or all of them. */
export type AuditAction = (typeof auditActions)[number];

export const auditActions = [
	'created',
	'imported',
	'copied',
	'updated',
	'enabled',
	'disabled',
	'soft_deleted',
	'restored',
	'purged',
	'keys_rotated',
	'log_pruned',
] as const;

/** A field before and after a change. Times are in ISO 8601. For a new destination, `old` is left out. */
export interface FieldChange {
	/** The value before the change. */
	readonly old?: unknown;
	/** The value after the change. */
	readonly new?: unknown;
}

/** One change of one destination, as the database recorded it. */
export interface AuditEntry {
	/** Its place in the log, a decimal number. */
	readonly id: string;
	/** UUID. Null for a key rotation and for a removal of entries, as are `destinationId` and `version`. */
	readonly organizationId: string | null;
	/** UUID. The destination may have been purged since. */
	readonly destinationId: string | null;
	/** The destination's version after the change. */
	readonly version: number | null;
	/** What happened. */
	readonly action: AuditAction;
	/**
	 * What changed, by field. Settings are not included. A copy also has `copiedFrom`, the id of the original. A removal of
	 * entries has their number (`entries`), the first and the last id (`firstId`, `lastId`), and when the newest of them was
	 * recorded (`recordedAt`).
	 */
	readonly changes: Readonly<Record<string, FieldChange>>;
	/** Whether settings changed, and which, if the writer said so. Never a value. */
	readonly settings: { readonly changed: boolean; readonly fields: readonly string[] };
	/** UUID of the user who acted; null for a system. The user may have been deleted since. */
	readonly actorId: string | null;
	/** The database role that wrote. */
	readonly role: string;
	/** The database login that wrote. */
	readonly login: string;
	/** When the transaction began, by the database's clock. */
	readonly recordedAt: Date;
	/**
	 * The id of the Postgres transaction, the same for all its entries. With Citus it is that of one worker, preceded by the
	 * worker.
	 */
	readonly transactionId: string;
}

/** Changes by column, as the log stores them. */
type ColumnChanges = Readonly<Record<string, FieldChange & { fields?: readonly string[] }>>;

/** As {@link toEntry} reads them. */
export const entryColumns = `id, organization_id, destination_id, version, action, changes, actor_id, role, login,
	recorded_at, transaction_id`;

/**
 * Entries that made a version, by whether it changed settings. A purge made none. Both are in the order of their
 * index, which takes its own condition alone.
 */
export const versionKinds = ['', 'NOT '].map(
	(not) => `${not}settings_changed AND settings_changed IS NOT NULL`,
);

export function toEntry(texts: TextRow): AuditEntry {
	// By the order of `entryColumns`; the table says which are never null.
	const [id, , , version, action, changesText, , role, login, recordedAt, transactionId] =
		texts as string[];
	// The database writes it in this form, and nobody else does.
	const { settings, ...changes }: ColumnChanges = JSON.parse(changesText ?? '{}');
	return {
		id: String(id),
		organizationId: texts[1] ?? null,
		destinationId: texts[2] ?? null,
		version: version === null ? null : Number(version),
		action: action as AuditAction, // the database writes no others
		changes: Object.fromEntries(
			Object.entries(changes).map(([column, change]) => [fieldName(column), change]),
		),
		settings: { changed: settings !== undefined, fields: settings?.fields ?? [] },
		actorId: texts[6] ?? null,
		role: String(role),
		login: String(login),
		recordedAt: new Date(String(recordedAt)),
		transactionId: String(transactionId),
	};
}

/** The place of an entry in the order of time. */
export function placeInTime(texts: TextRow): Place {
	return { key: String(texts[9]), id: String(texts[0]) };
}

/** The place of an entry in the order of transactions. */
export function placeInTransactions(texts: TextRow) {
	return { transaction: String(texts[10]), id: String(texts[0]) };
}
