import { loaderScope } from '../database/scope.ts';
import type { ScopedSql, TextRow } from '../database/scoped-sql.ts';
import { serverIdentity } from './server.ts';

/** A row as it is stored, of the kind that is enabled and live. */
export interface StoredRow {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
	readonly environment: string;
	/** JSON. */
	readonly settings: string;
	readonly settingsEncrypted: boolean;
	/** As Postgres writes a list. */
	readonly requiredConsent: string;
	readonly testMode: boolean;
	readonly version: number;
}

/** Rows of one statement, and which server it ran on. */
export interface ReadRows {
	readonly server: string;
	readonly rows: readonly StoredRow[];
}

/**
 * The rows that a condition names, all of one snapshot, behind a row that says which server this is. Texts throughout,
 * because both must have the same columns.
 */
const readRows = (
	condition: string,
) => `SELECT ${serverIdentity}, ${Array(9).fill('NULL').join(', ')}
	UNION ALL (SELECT NULL, id::text, organization_id::text, type::text, environment::text, settings::text,
		settings_encrypted::text, required_consent::text, test_mode::text, version::text
	FROM public.destinations WHERE enabled AND deleted_at IS NULL AND ${condition})`;

const ofOrganizations = readRows('organization_id = ANY ($1::uuid[])');
// By the table's column, which an index has in order. Its name alone would be that of the text above, and Postgres would
// sort every row for each page.
const page = readRows('organization_id > $1::uuid ORDER BY destinations.organization_id LIMIT $2');

/** What these organizations have enabled. */
export async function readOrganizations(
	sql: ScopedSql,
	organizationIds: readonly string[],
): Promise<ReadRows> {
	return toRows(await sql.run(loaderScope, ofOrganizations, [organizationIds]));
}

/** What the organizations have enabled whose ids come next, as many rows as `limit` says. */
export async function readPage(sql: ScopedSql, after: string, limit: number): Promise<ReadRows> {
	return toRows(await sql.run(loaderScope, page, [after, limit]));
}

function toRows(texts: readonly TextRow[]): ReadRows {
	const rows: StoredRow[] = [];
	let server: string | null = null;
	for (const text of texts) {
		if (text[0] == null) rows.push(toRow(text));
		else server = text[0];
	}
	if (server === null) throw new Error('Postgres did not say which server it is');
	return { server, rows };
}

function toRow(texts: TextRow): StoredRow {
	// By the order of the statement; none of the columns may be null.
	const [, id, organizationId, type, environment, settings, encrypted, consent, testMode, version] =
		texts as [null, ...string[]];
	if (
		id === undefined ||
		organizationId === undefined ||
		type === undefined ||
		environment === undefined ||
		settings === undefined ||
		consent === undefined
	) {
		throw new Error('Postgres returned fewer columns than the statement has');
	}
	return {
		id,
		organizationId,
		type: shared(type),
		environment: shared(environment),
		settings,
		settingsEncrypted: encrypted === 'true',
		requiredConsent: shared(consent),
		testMode: testMode === 'true',
		version: Number(version),
	};
}

/** Texts of which there are few, so that 500,000 rows do not have one each. */
const texts = new Map<string, string>();
const manyTexts = 1_000;

function shared(text: string): string {
	const known = texts.get(text);
	if (known !== undefined) return known;
	if (texts.size < manyTexts) texts.set(text, text);
	return text;
}
