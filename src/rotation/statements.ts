import type { EncryptedTable } from './encrypted-tables.ts';

/** A row of a table. */
export interface SealedRow {
	/** The columns of its primary key, as one text. */
	readonly row_id: string;
	readonly destination_id: string;
	readonly organization_id: string;
	readonly type: string;
	/** The envelope; null where the settings are not encrypted. */
	readonly settings: unknown;
	/** Settings that are not encrypted, as Postgres writes them: JavaScript might round a number. */
	readonly plaintext: string | null;
}

/** Which rows of a table are meant. */
export interface Wanted {
	readonly organizationId?: string | undefined;
	/** Leaves out what is encrypted with this key. */
	readonly exceptKeyId?: string | undefined;
	/** Whether rows whose settings are not encrypted are wanted too. */
	readonly plaintext: boolean;
	/** Whether rows without settings are wanted too: the column's default, `{}`. */
	readonly empty?: boolean;
}

export interface Statement {
	readonly text: string;
	readonly values: unknown[];
}

/** The next rows in the order of the primary key, soft-deleted ones included. */
export function selectPage(
	table: EncryptedTable,
	wanted: Wanted,
	after: string | undefined,
	limit: number,
): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(table, wanted, values);
	if (after !== undefined) {
		const parts = rowIdParts(after);
		const bounds = table.rowId.map(({ type }, index) => `$${values.push(parts[index])}::${type}`);
		conditions.push(`(${rowIdNames(table)}) > (${bounds.join(', ')})`);
	}
	return {
		text: select(table, conditions, `ORDER BY ${rowIdNames(table)} LIMIT ${limit}`),
		values,
	};
}

/** Those of the rows with these ids that are still wanted. */
export function selectAgain(
	table: EncryptedTable,
	wanted: Wanted,
	rowIds: readonly string[],
): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(table, wanted, values);
	conditions.push(
		`(${rowIdNames(table)}) IN (SELECT * FROM unnest(${rowIdLists(table, rowIds, values)}))`,
	);
	return { text: select(table, conditions, ''), values };
}

/** A few rows that are encrypted with a key. */
export function selectSamples(table: EncryptedTable, keyId: string, limit: number): Statement {
	const condition = `settings_encrypted AND settings ->> 'kid' = $1`;
	return { text: select(table, [condition], `LIMIT ${limit}`), values: [keyId] };
}

export function countWanted(table: EncryptedTable, wanted: Wanted): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(table, wanted, values);
	return {
		text: `SELECT count(*)::integer AS count FROM public.${table.name} WHERE ${conditions.join(' AND ')}`,
		values,
	};
}

function select(table: EncryptedTable, conditions: readonly string[], tail: string): string {
	return `SELECT ${rowIdText(table, '')} AS row_id, ${table.destinationId} AS destination_id,
			organization_id, type,
			CASE WHEN settings_encrypted THEN settings END AS settings,
			CASE WHEN NOT settings_encrypted THEN settings::text END AS plaintext
		FROM public.${table.name}
		WHERE ${conditions.join(' AND ')}
		${tail}`;
}

function conditionsOf(table: EncryptedTable, wanted: Wanted, values: unknown[]): string[] {
	const sealed = ['settings_encrypted'];
	// Rows without settings have no key id, so the comparison leaves them out as well.
	if (wanted.exceptKeyId !== undefined) {
		sealed.push(`settings ->> 'kid' <> $${values.push(wanted.exceptKeyId)}`);
	} else if (!wanted.empty) {
		sealed.push(`settings <> '{}'`);
	}
	const conditions = [
		wanted.plaintext ? `(${sealed.join(' AND ')} OR NOT settings_encrypted)` : sealed.join(' AND '),
	];
	if (wanted.organizationId !== undefined) {
		const organization = `organization_id = $${values.push(wanted.organizationId)}::uuid`;
		conditions.push(
			organization,
			// The history has no index by organization, but one by destination.
			`${table.destinationId} IN (SELECT id FROM public.destinations WHERE ${organization})`,
		);
	}
	return conditions;
}

/** What a row's settings are replaced with, if they are still the old ones. */
export interface Replacement {
	readonly rowId: string;
	/** The ciphertext that was read; of settings that are not encrypted, their whole text. */
	readonly old: string;
	readonly sealed: string;
}

/**
 * Replaces a page of settings in one statement, with Citus in one for each organization, each only where it is still what was read;
 * a statement returns the keys of the rows that took it. Rows that somebody holds are passed over, not waited for: so a rotation
 * never waits for a user's transaction, and no two of them can block each other.
 *
 * Postgres checks the condition again on the row as it locks it, and from then on nobody changes it.
 */
export function replacements(
	table: EncryptedTable,
	page: readonly Replacement[],
	citus: boolean,
): Statement[] {
	if (!citus) return [replacePage(table, page)];
	const byOrganization = new Map<string, Replacement[]>();
	for (const row of page) {
		const [organizationId = ''] = rowIdParts(row.rowId);
		byOrganization.set(organizationId, [...(byOrganization.get(organizationId) ?? []), row]);
	}
	return [...byOrganization].map(([id, rows]) => replacePage(table, rows, id));
}

/** @param organizationId the only one whose rows they are, where the database is to know. */
export function replacePage(
	table: EncryptedTable,
	page: readonly Replacement[],
	organizationId?: string,
): Statement {
	const values: unknown[] = [page.map(({ old }) => old), page.map(({ sealed }) => sealed)];
	const lists = rowIdLists(
		table,
		page.map(({ rowId }) => rowId),
		values,
	);
	const same = (left: string, right: string) =>
		table.rowId.map(({ name }) => `${left}.${name} = ${right}.${name}`).join(' AND ');
	const ofOne =
		organizationId === undefined
			? ''
			: `AND d.organization_id = $${values.push(organizationId)}::uuid`;
	const text = `WITH page AS (
			SELECT * FROM unnest($1::text[], $2::jsonb[], ${lists}) AS page (old, sealed, ${rowIdNames(table)})
		), held AS MATERIALIZED (
			SELECT page.* FROM page
			JOIN public.${table.name} AS d ON ${same('d', 'page')} AND page.old =
				CASE WHEN d.settings_encrypted THEN d.settings ->> 'ct' ELSE d.settings::text END
			WHERE true ${ofOne}
			FOR NO KEY UPDATE OF d SKIP LOCKED
		)
		UPDATE public.${table.name} AS d
		SET settings = held.sealed, settings_encrypted = true
		FROM held
		WHERE ${same('d', 'held')} ${ofOne}
		RETURNING ${rowIdText(table, 'd.')} AS row_id`;
	return { text, values };
}

/** Lists of the values of each column, as parameters of `unnest`. */
function rowIdLists(
	{ rowId }: EncryptedTable,
	rowIds: readonly string[],
	values: unknown[],
): string {
	const rows = rowIds.map(rowIdParts);
	return rowId
		.map(({ type }, index) => `$${values.push(rows.map((parts) => parts[index]))}::${type}[]`)
		.join(', ');
}

function rowIdNames({ rowId }: EncryptedTable): string {
	return rowId.map(({ name }) => name).join(', ');
}

/** One text, because pg takes arrays apart slowly. */
function rowIdText({ rowId }: EncryptedTable, prefix: string): string {
	return rowId.map(({ name }) => `${prefix}${name}::text`).join(` || ',' || `);
}

/** The values of the columns that {@link rowIdText} joined. */
export function rowIdParts(rowId: string): string[] {
	return rowId.split(',');
}
