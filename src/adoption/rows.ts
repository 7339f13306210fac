import { isDestinationType } from '../destinations/registry.ts';
import { settingsIssues } from '../destinations/validate.ts';
import { Environment } from '../destinations/vocabulary.ts';
import { settingsToJson } from '../encryption/canonical-json.ts';
import { looksLikeEnvelope, sealJson } from '../encryption/envelope.ts';
import { ValidationError, type ValidationIssue } from '../errors.ts';
import { isPlainObject } from '../input/plain-object.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import { insertedColumns, insertedValues, refusedParts } from './columns.ts';
import type { Transaction } from './connection.ts';
import { type FormerSealing, isFormerEnvelope } from './former-settings.ts';
import { adoptionSchema } from './migrations.ts';

/** Why a row cannot become one of this package's. Never holds a value of the row. */
export interface UnfitRow {
	/** UUID. */
	readonly destinationId: string;
	/** UUID. */
	readonly organizationId: string;
	readonly reason: string;
}

/** How a row holds its settings so far. */
export type FormerForm = 'plaintext' | 'sealed' | 'empty';

interface FormerRow {
	readonly id: string;
	readonly organization_id: string;
	readonly type: string;
	readonly environment: string;
	/** As Postgres writes it. */
	readonly settings: string;
	readonly refused: readonly string[];
}

/** A row that fits, with what its column `settings` is to hold. */
interface FitRow {
	readonly id: string;
	readonly form: FormerForm;
	readonly settings: string;
}

export interface Judged {
	readonly fit: readonly FitRow[];
	readonly unfit: readonly UnfitRow[];
}

/** Of a page that is cut first: otherwise the planner would prepare for all rows, and read every organization. */
const selectFrom = (
	page: string,
) => `SELECT d.id::text, d.organization_id::text, d.type, d.environment,
		d.settings::text AS settings, ${refusedParts} AS refused
	FROM (SELECT * FROM public.destinations ${page}) AS d`;

/** The next rows in the order of their ids. */
export function selectAfter(
	transaction: Transaction,
	after: string,
	limit: number,
): Promise<FormerRow[]> {
	return transaction.rows<FormerRow & Record<string, unknown>>(
		selectFrom(`WHERE id > $1::uuid ORDER BY id LIMIT ${limit}`),
		[after],
	);
}

export function selectByIds(
	transaction: Transaction,
	ids: readonly string[],
): Promise<FormerRow[]> {
	return transaction.rows<FormerRow & Record<string, unknown>>(
		selectFrom(`WHERE id = ANY ($1::uuid[]) LIMIT ${ids.length}`),
		[ids],
	);
}

/** Live rows of which there may be only one. */
export async function selectDuplicates(transaction: Transaction): Promise<UnfitRow[]> {
	const rows = await transaction.rows<{ id: string; organization_id: string }>(
		`SELECT id::text, organization_id::text FROM (
			SELECT id, organization_id, type, environment,
				count(*) OVER (PARTITION BY organization_id, type, environment) AS same
			FROM public.destinations WHERE deleted_at IS NULL) AS d
		 WHERE same > 1 ORDER BY organization_id, type, environment, d.id`,
	);
	return rows.map((row) => unfit(row, duplicate));
}

const duplicate =
	'another live row has the same organization, type and environment: keep one, and set deleted_at of the others';

/** Decrypts the settings of rows, judges the rows as the package judges what is created, and encrypts the settings again. */
export class Judge {
	readonly #keys: TenantKeys;
	readonly #former: FormerSealing | undefined;

	/** @param former what opens settings that are encrypted, where its key was given. */
	constructor(keys: TenantKeys, former: FormerSealing | undefined) {
		this.#keys = keys;
		this.#former = former;
	}

	/** @param seals whether the settings are encrypted too, which takes most of the time; else they are left empty. */
	async judge(rows: readonly FormerRow[], seals = true): Promise<Judged> {
		const fit: FitRow[] = [];
		const unfitRows: UnfitRow[] = [];
		for (const row of rows) {
			const read = this.#read(row.settings);
			const checked = 'reason' in read ? { reasons: [read.reason] } : checkSettings(row, read);
			const reasons = [...row.refused, ...checked.reasons];
			if (reasons.length > 0 || 'reason' in read) {
				unfitRows.push(unfit(row, reasons.join('; ')));
				continue;
			}
			const { json } = checked;
			const settings = json === undefined || !seals ? '{}' : await this.#seal(row, json);
			fit.push({ id: row.id, form: read.form, settings });
		}
		return { fit, unfit: unfitRows };
	}

	/**
	 * The column `settings_encrypted` is not asked: it is true by default, whatever an application wrote. What decides is
	 * the form, which no settings of a type have.
	 */
	#read(text: string): { form: FormerForm; settings: object } | { reason: string } {
		const stored: unknown = JSON.parse(text);
		if (!isPlainObject(stored)) return { reason: 'settings: must be an object' };
		if (Object.keys(stored).length === 0) return { form: 'empty', settings: stored };
		if (looksLikeEnvelope(stored)) return { reason: 'settings: are an envelope of this package' };
		if (!isFormerEnvelope(stored)) return { form: 'plaintext', settings: stored };
		if (this.#former === undefined) {
			return {
				reason:
					'settings: are encrypted; set DESTINATIONS_FORMER_KEY to the key that encrypted them',
			};
		}
		const json = this.#former.open(stored);
		if (json === undefined)
			return { reason: 'settings: do not decrypt with DESTINATIONS_FORMER_KEY' };
		return { form: 'sealed', settings: opened(json) };
	}

	async #seal(row: FormerRow, json: string): Promise<string> {
		const context = { organizationId: row.organization_id, destinationId: row.id, type: row.type };
		const key = await this.#keys.primary(row.organization_id);
		return JSON.stringify(sealJson(json, key, context));
	}
}

/** What an earlier application encrypted need not be JSON; then it is not settings of any type. */
function opened(json: string): object {
	try {
		const value: unknown = JSON.parse(json);
		return isPlainObject(value) ? value : [];
	} catch {
		return [];
	}
}

/** What a create would store of these settings, or why it would refuse them. Without settings there is nothing to check. */
function checkSettings(
	row: FormerRow,
	{ form, settings }: { form: FormerForm; settings: object },
): { readonly json?: string; readonly reasons: readonly string[] } {
	// An unknown type is among what the table refuses.
	if (form === 'empty' || !isDestinationType(row.type)) return { reasons: [] };
	const { value, issues } = settingsIssues(row.type, settings, environmentOf(row));
	if (value === undefined || issues.length > 0) return { reasons: issues.map(issueText) };
	try {
		return { json: settingsToJson(value), reasons: [] };
	} catch (error) {
		if (!(error instanceof ValidationError)) throw error;
		return { reasons: error.issues.map(issueText) };
	}
}

function issueText({ path, message }: Pick<ValidationIssue, 'path' | 'message'>): string {
	return `${path.join('.')}: ${message}`;
}

function environmentOf({ environment }: FormerRow): Environment | undefined {
	return Object.values(Environment).find((known) => known === environment);
}

function unfit(row: Pick<FormerRow, 'id' | 'organization_id'>, reason: string): UnfitRow {
	return { destinationId: row.id, organizationId: row.organization_id, reason };
}

/**
 * Brings rows into the new table, each as it is at this moment but for its settings, and their entries into the log.
 * Returns the ids of those that were not taken: their place is taken by another row.
 */
export async function insertRows(
	transaction: Transaction,
	rows: readonly FitRow[],
): Promise<string[]> {
	if (rows.length === 0) return [];
	const ids = rows.map(({ id }) => id);
	const left = await transaction.rows<{ id: string }>(
		`WITH page AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::jsonb[]) AS page (id, settings)),
		made AS (
			INSERT INTO ${adoptionSchema}.destinations (${insertedColumns})
			SELECT ${insertedValues} FROM page JOIN public.destinations AS d ON d.id = page.id
			ON CONFLICT DO NOTHING RETURNING id)
		SELECT d.id::text FROM page JOIN public.destinations AS d ON d.id = page.id
		 WHERE NOT EXISTS (SELECT FROM made WHERE made.id = d.id)
			AND NOT EXISTS (SELECT FROM ${adoptionSchema}.destinations AS there WHERE there.id = d.id)`,
		[ids, rows.map(({ settings }) => settings)],
	);
	return left.map(({ id }) => id);
}

/** Takes rows out of the new table and the log again. */
export async function removeRows(transaction: Transaction, ids: readonly string[]): Promise<void> {
	for (const [table, column] of [
		['destinations', 'id'],
		['destination_audit_log', 'destination_id'],
	]) {
		await transaction.rows(
			`DELETE FROM ${adoptionSchema}.${table} WHERE ${column} = ANY ($1::uuid[])`,
			[ids],
		);
	}
}

export const whyNotTaken = duplicate;
