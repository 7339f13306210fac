import type { SealedStore } from './encrypted-tables.ts';

/** A row of a store. */
export interface SealedRow {
	/** Its primary key, as one text. */
	readonly key: string;
	readonly destination_id: string;
	readonly organization_id: string;
	readonly type: string;
	/** The envelope; null where the settings are not encrypted. */
	readonly settings: unknown;
	/** Settings that are not encrypted, as Postgres writes them: JavaScript might round a number. */
	readonly plaintext: string | null;
}

/** Which rows of a store are meant. */
export interface Wanted {
	readonly organizationId?: string | undefined;
	/** Leaves out what is sealed with this key. */
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
	store: SealedStore,
	wanted: Wanted,
	after: string | undefined,
	limit: number,
): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(store, wanted, values);
	if (after !== undefined) {
		const parts = keyParts(after);
		const bounds = store.key.map(({ type }, index) => `$${values.push(parts[index])}::${type}`);
		conditions.push(`(${keyNames(store)}) > (${bounds.join(', ')})`);
	}
	return { text: select(store, conditions, `ORDER BY ${keyNames(store)} LIMIT ${limit}`), values };
}

/** Those of the rows with these keys that are still wanted. */
export function selectAgain(
	store: SealedStore,
	wanted: Wanted,
	keys: readonly string[],
): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(store, wanted, values);
	conditions.push(
		`(${keyNames(store)}) IN (SELECT * FROM unnest(${keyLists(store, keys, values)}))`,
	);
	return { text: select(store, conditions, ''), values };
}

/** A few rows that are sealed with a key. */
export function selectSamples(store: SealedStore, keyId: string, limit: number): Statement {
	const condition = `settings_encrypted AND settings ->> 'kid' = $1`;
	return { text: select(store, [condition], `LIMIT ${limit}`), values: [keyId] };
}

export function countWanted(store: SealedStore, wanted: Wanted): Statement {
	const values: unknown[] = [];
	const conditions = conditionsOf(store, wanted, values);
	return {
		text: `SELECT count(*)::integer AS count FROM public.${store.table} WHERE ${conditions.join(' AND ')}`,
		values,
	};
}

function select(store: SealedStore, conditions: readonly string[], tail: string): string {
	return `SELECT ${keyTexts(store, '')} AS key, ${store.destinationId} AS destination_id,
			organization_id, type,
			CASE WHEN settings_encrypted THEN settings END AS settings,
			CASE WHEN NOT settings_encrypted THEN settings::text END AS plaintext
		FROM public.${store.table}
		WHERE ${conditions.join(' AND ')}
		${tail}`;
}

function conditionsOf(store: SealedStore, wanted: Wanted, values: unknown[]): string[] {
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
			`${store.destinationId} IN (SELECT id FROM public.destinations WHERE ${organization})`,
		);
	}
	return conditions;
}

/** What a row's settings are replaced with, if they are still the old ones. */
export interface Replacement {
	readonly key: string;
	/** The ciphertext that was read; of settings that are not encrypted, their whole text. */
	readonly old: string;
	readonly sealed: string;
}

/**
 * Replaces a page of settings in one statement, each only where it is still what was read, and gives the
 * keys of the rows that took it. Rows that somebody holds are passed over, not waited for: so a rotation
 * never waits for a user's transaction, and no two of them can block each other.
 *
 * Postgres checks the condition again on the row as it locks it, and from then on nobody changes it.
 */
export function replacePage(store: SealedStore, page: readonly Replacement[]): Statement {
	const values: unknown[] = [page.map(({ old }) => old), page.map(({ sealed }) => sealed)];
	const lists = keyLists(
		store,
		page.map(({ key }) => key),
		values,
	);
	const same = (left: string, right: string) =>
		store.key.map(({ name }) => `${left}.${name} = ${right}.${name}`).join(' AND ');
	const text = `WITH page AS (
			SELECT * FROM unnest($1::text[], $2::jsonb[], ${lists}) AS page (old, sealed, ${keyNames(store)})
		), held AS MATERIALIZED (
			SELECT page.* FROM page
			JOIN public.${store.table} AS d ON ${same('d', 'page')} AND page.old =
				CASE WHEN d.settings_encrypted THEN d.settings ->> 'ct' ELSE d.settings::text END
			FOR NO KEY UPDATE OF d SKIP LOCKED
		)
		UPDATE public.${store.table} AS d
		SET settings = held.sealed, settings_encrypted = true
		FROM held
		WHERE ${same('d', 'held')}
		RETURNING ${keyTexts(store, 'd.')} AS key`;
	return { text, values };
}

/** Lists of key columns, as parameters of `unnest`. */
function keyLists({ key }: SealedStore, keys: readonly string[], values: unknown[]): string {
	const rows = keys.map(keyParts);
	return key
		.map(({ type }, index) => `$${values.push(rows.map((parts) => parts[index]))}::${type}[]`)
		.join(', ');
}

function keyNames({ key }: SealedStore): string {
	return key.map(({ name }) => name).join(', ');
}

/** One text, because pg takes arrays apart slowly. */
function keyTexts({ key }: SealedStore, prefix: string): string {
	return key.map(({ name }) => `${prefix}${name}::text`).join(` || ',' || `);
}

/** The parts of a key that {@link keyTexts} gave. */
export function keyParts(key: string): string[] {
	return key.split(',');
}
