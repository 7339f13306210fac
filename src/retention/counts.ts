import { isUnseen, readClusterCursor } from '../repository/audit/cluster-position.ts';
import { exportedBy } from '../repository/audit/export-cursor.ts';
import type { Range } from '../repository/audit/prune.ts';
import type { Statements } from '../repository/statements.ts';

/** How many destinations a purge would remove. */
export function countDeleted(statements: Statements, olderThan: Date): Promise<number> {
	return count(statements, 'FROM public.destinations WHERE deleted_at < $1::timestamptz', [
		olderThan.toISOString(),
	]);
}

/** Which earlier settings are to go. */
interface SettingsBounds {
	readonly keep: number | undefined;
	readonly olderThan: Date | undefined;
	/** Those of destinations that were deleted before this go with them. */
	readonly deletedOlderThan: Date | undefined;
}

/** How many earlier settings are too many or too old, of destinations that stay. */
export function countSettings(
	statements: Statements,
	{ keep, olderThan, deletedOlderThan }: SettingsBounds,
): Promise<number> {
	return count(
		statements,
		`FROM (SELECT replaced_at,
				pg_catalog.row_number() OVER (PARTITION BY organization_id, destination_id ORDER BY version DESC) AS place
			  FROM public.destination_settings_history AS history
			 WHERE NOT EXISTS (SELECT FROM public.destinations AS d
				WHERE d.organization_id = history.organization_id AND d.id = history.destination_id
				  AND d.deleted_at < $3::timestamptz)) AS earlier
		 WHERE place > $1::bigint OR replaced_at < $2::timestamptz`,
		[keep ?? null, olderThan?.toISOString() ?? null, deletedOlderThan?.toISOString() ?? null],
	);
}

/** How many entries of the log were recorded before a time, and where they are, as {@link pruneLog} wants it. */
export async function countEntries(
	statements: Statements,
	olderThan: Date,
): Promise<{ readonly total: number; readonly ranges: readonly Range[] }> {
	const [place, grouped] = statements.citus
		? ['transaction_id', 'GROUP BY transaction_id >> 48 ORDER BY 2']
		: ['id', ''];
	const rows = await statements.run(
		`SELECT pg_catalog.count(*), pg_catalog.min(${place}), pg_catalog.max(${place})
		 FROM public.destination_audit_log WHERE recorded_at < $1::timestamptz ${grouped}`,
		[olderThan.toISOString()],
	);
	return {
		total: rows.reduce((sum, [entries]) => sum + Number(entries), 0),
		ranges: rows.flatMap(([, first, last]) => (first && last ? [{ first, last }] : [])),
	};
}

/** How many entries the export with a cursor did not see. */
export async function countUnseen(
	statements: Statements,
	cursor: string | undefined,
): Promise<number> {
	const all = 'FROM public.destination_audit_log';
	if (cursor === undefined) return count(statements, all, []);
	const values: unknown[] = [];
	const query = { value: (value: unknown) => `$${values.push(value)}` };
	const unseen = statements.citus
		? isUnseen(readClusterCursor(cursor).position, query)
		: `id > ${query.value(exportedBy(cursor).newest)}::bigint`;
	return count(statements, `${all} WHERE ${unseen}`, values);
}

async function count(statements: Statements, from: string, values: unknown[]): Promise<number> {
	const [row] = await statements.run(`SELECT pg_catalog.count(*) ${from}`, values);
	return Number(row?.[0]);
}
