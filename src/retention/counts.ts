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

/** How many entries of the log were recorded before a time, and the smallest and the greatest id of them. */
export async function countEntries(
	statements: Statements,
	olderThan: Date,
): Promise<{
	readonly total: number;
	readonly ids: { readonly first: string; readonly last: string } | undefined;
}> {
	const [row] = await statements.run(
		`SELECT pg_catalog.count(*), pg_catalog.min(id), pg_catalog.max(id) FROM public.destination_audit_log
		 WHERE recorded_at < $1::timestamptz`,
		[olderThan.toISOString()],
	);
	const [total, first = null, last = null] = row ?? [];
	const ids = first === null || last === null ? undefined : { first, last };
	return { total: Number(total), ids };
}

/** How many entries are behind an id. */
export function countBehind(statements: Statements, id: string): Promise<number> {
	return count(statements, 'FROM public.destination_audit_log WHERE id > $1::bigint', [id]);
}

async function count(statements: Statements, from: string, values: unknown[]): Promise<number> {
	const [row] = await statements.run(`SELECT pg_catalog.count(*) ${from}`, values);
	return Number(row?.[0]);
}
