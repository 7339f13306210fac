import { wantedColumns } from './columns.ts';
import type { Transaction } from './connection.ts';
import { adoptionSchema, ownTables, replacedSchema } from './migrations.ts';

/** What a database holds, as far as an adoption is concerned. */
export interface Found {
	/**
	 * `former`: a table that no migration of this package made; `own`: one that they made; `moved`: theirs, while what
	 * it replaced is still there; `absent`: there is none.
	 */
	readonly table: 'former' | 'own' | 'moved' | 'absent';
	/** Whether an adoption has begun. */
	readonly underWay: boolean;
	/** Rows of a former table. */
	readonly rows: number;
	/** What goes with the table: names, for the operator to see. */
	readonly goes: readonly string[];
	/** Foreign keys of other tables that lead here. */
	readonly referring: readonly ForeignKey[];
	/** Why the table cannot be adopted as it is. */
	readonly obstacles: readonly string[];
}

/** A foreign key of a table of the host's. */
export interface ForeignKey {
	/** As SQL writes them. */
	readonly table: string;
	readonly name: string;
	readonly definition: string;
}

const table = `to_regclass('public.destinations')`;

export async function inspect(transaction: Transaction): Promise<Found> {
	const [state] = await transaction.rows<{
		has_version: boolean;
		exists: boolean;
		under_way: boolean;
		replaced: boolean;
	}>(`SELECT ${table} IS NOT NULL AS exists,
		EXISTS (SELECT FROM pg_attribute WHERE attrelid = ${table} AND attname = 'version' AND NOT attisdropped)
			AND to_regclass('public.destination_audit_log') IS NOT NULL AS has_version,
		EXISTS (SELECT FROM pg_namespace WHERE nspname = '${adoptionSchema}') AS under_way,
		to_regclass('${replacedSchema}.destinations') IS NOT NULL AS replaced`);
	const underWay = state?.under_way === true;
	const nothing = { underWay, rows: 0, goes: [], referring: [], obstacles: [] };
	if (state === undefined || !state.exists) return { ...nothing, table: 'absent' };
	if (state.has_version) return { ...nothing, table: state.replaced ? 'moved' : 'own' };
	const found = [
		...(await columnObstacles(transaction)),
		...(await names(transaction, obstacles, [underWay ? [] : ownTables.slice(1)])),
	];
	return {
		...nothing,
		table: 'former',
		// Of a table that it does not own, the login may see no row.
		rows: found.length > 0 ? 0 : await countRows(transaction),
		goes: await names(transaction, goes),
		referring: await foreignKeysTo(transaction, 'public.destinations'),
		obstacles: found,
	};
}

async function countRows(transaction: Transaction): Promise<number> {
	const [row] = await transaction.rows<{ count: number }>(
		'SELECT count(*)::float8 AS count FROM public.destinations',
	);
	return row?.count ?? 0;
}

/** Foreign keys of other tables that lead to a table. */
export async function foreignKeysTo(
	transaction: Transaction,
	to: string,
): Promise<readonly ForeignKey[]> {
	return transaction.rows<{ table: string; name: string; definition: string }>(
		`SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name,
			regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') AS definition
		 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass($1) AND conparentid = 0 ORDER BY 1, 2`,
		[to],
	);
}

async function columnObstacles(transaction: Transaction): Promise<string[]> {
	const found = await transaction.rows<{ name: string; type: string }>(
		`SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS type
		 FROM pg_attribute WHERE attrelid = ${table} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
	);
	const missing = wantedColumns.flatMap(({ name, type }) => {
		const is = found.find((column) => column.name === name);
		if (is === undefined) return [`It has no column ${name} (${type}): add it.`];
		if (sameKind(type, is.type)) return [];
		return [`Its column ${name} is of type ${is.type}, and must be of type ${type}: change it.`];
	});
	const known = new Set(wantedColumns.map(({ name }) => name));
	const extra = found.filter(({ name }) => !known.has(name));
	return [
		...missing,
		...extra.map(
			({ name }) =>
				`Its column ${name} is not one of this package's: copy it to a table of your own, by the destination's id, and drop it.`,
		),
	];
}

/** Texts of any length are compared by what is in them. */
function sameKind(wanted: string, is: string): boolean {
	const kind = (type: string) => type.replace(/character varying(\(\d+\))?/, 'text');
	return kind(wanted) === kind(is);
}

async function names(
	transaction: Transaction,
	query: string,
	values: unknown[] = [],
): Promise<string[]> {
	const rows = await transaction.rows<{ text: string }>(
		`SELECT text FROM (${query}) AS found (text) ORDER BY text`,
		values,
	);
	return rows.map(({ text }) => text);
}

/** Indexes, constraints, policies and grants come again, as the migrations make them. */
const goes = `SELECT 'index ' || indexrelid::regclass FROM pg_index WHERE indrelid = ${table}
	UNION ALL SELECT 'policy ' || quote_ident(polname) FROM pg_policy WHERE polrelid = ${table}
	UNION ALL SELECT 'constraint ' || quote_ident(conname) FROM pg_constraint WHERE conrelid = ${table} AND contype IN ('c', 'f')
	UNION ALL SELECT 'trigger ' || quote_ident(tgname) FROM pg_trigger WHERE tgrelid = ${table} AND NOT tgisinternal
		AND tgname !~ '^destinations_adoption'
	UNION ALL SELECT format('grant to %s', coalesce(quote_ident(rolname), 'PUBLIC'))
		FROM pg_class, aclexplode(relacl) AS given LEFT JOIN pg_roles AS r ON r.oid = given.grantee
		WHERE pg_class.oid = ${table} AND given.grantee <> relowner GROUP BY rolname`;

/** What would be lost, or go on with the table that is replaced. */
const obstacles = `
	SELECT format('The login %I does not own it. Set DATABASE_URL to the URL of its owner, or of a member of that role.', current_user)
		FROM pg_class WHERE oid = ${table} AND NOT pg_has_role(relowner, 'USAGE')
	UNION ALL SELECT format('Row level security hides its rows from the login %I: ALTER TABLE public.destinations NO FORCE ROW LEVEL SECURITY, or run this as a superuser.', current_user)
		FROM pg_class WHERE oid = ${table} AND pg_has_role(relowner, 'USAGE') AND row_security_active(oid)
	UNION ALL SELECT format('The table %s refers to it, and the login %I does not own that table. Set DATABASE_URL to the URL of a member of both owners.',
			conrelid::regclass, current_user)
		FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
		WHERE contype = 'f' AND confrelid = ${table} AND NOT pg_has_role(relowner, 'USAGE')
	UNION ALL SELECT 'It is not a plain table: a partitioned table, a partition or a view cannot be adopted.'
		FROM pg_class WHERE oid = ${table} AND (relkind <> 'r' OR relispartition)
	UNION ALL SELECT format('The table %s inherits from it or is inherited by it: end that.', other::regclass)
		FROM (SELECT inhrelid AS other FROM pg_inherits WHERE inhparent = ${table}
			UNION SELECT inhparent FROM pg_inherits WHERE inhrelid = ${table}) AS inherits
	UNION ALL SELECT DISTINCT format('The view %s reads it: drop it, and create it again afterwards.', ev_class::regclass)
		FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid
		WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = ${table}
			AND ev_class <> ${table}
	UNION ALL SELECT format('It has the rule %I: drop it.', rulename) FROM pg_rewrite WHERE ev_class = ${table}
	UNION ALL SELECT format('It has the trigger %I: drop it, and create it again afterwards if it is still needed.', tgname)
		FROM pg_trigger WHERE tgrelid = ${table} AND NOT tgisinternal
			AND tgname !~ '^(trigger_update_destinations_updated_at|destinations_adoption.*)$'
	UNION ALL SELECT format('The publication %I names it: drop it from there, and add it again afterwards.', pubname)
		FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid WHERE prrelid = ${table}
	UNION ALL SELECT format('The trigger %I of %s calls update_destinations_updated_at(), which is replaced: give it a function of its own.',
			tgname, tgrelid::regclass)
		FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
		WHERE proname = 'update_destinations_updated_at' AND pronamespace = 'public'::regnamespace AND tgrelid <> ${table}
			AND tgrelid IS DISTINCT FROM to_regclass('${adoptionSchema}.destinations')
	UNION ALL SELECT format('There is a table %s already, and the migrations make one of that name: rename it.', oid::regclass)
		FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)
	UNION ALL SELECT format('public.%s does not exist, and destinations refer to it: see docs/guides/migrate.md#tenants-elsewhere.', wanted)
		FROM unnest(ARRAY['organizations', 'users']) AS wanted WHERE to_regclass('public.' || wanted) IS NULL`;
