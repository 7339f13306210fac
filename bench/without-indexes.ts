import type { Client } from 'pg';

/**
 * Drops every index of some tables, so that they are filled in less time; returns the statements that make them again.
 */
export async function dropIndexes(admin: Client, tables: readonly string[]): Promise<string[]> {
	const { rows } = await admin.query<{ drop: string; create: string }>(
		`SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
		             ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END AS drop,
		        CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
		             ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname,
		                         pg_get_constraintdef(c.oid)) END AS create
		   FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
		  WHERE i.indrelid = ANY ($1::text[]::regclass[])
		  ORDER BY c.oid, i.indexrelid`,
		[tables],
	);
	await admin.query(rows.map(({ drop }) => drop).join('; '));
	return rows.map(({ create }) => create);
}

/** Fills tables without their indexes, which are built afterwards. */
export async function fillWithoutIndexes(
	admin: Client,
	tables: readonly string[],
	fill: () => Promise<void>,
): Promise<void> {
	const indexes = await dropIndexes(admin, tables);
	await fill();
	await admin.query(`SET maintenance_work_mem = '512MB'; ${indexes.join('; ')}`);
}
