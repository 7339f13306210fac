import { lockTimeout, type Transaction } from './connection.ts';
import type { ForeignKey } from './inspect.ts';
import {
	adoptionSchema,
	beforeItsMove,
	createHistory,
	type Migration,
	ownTables,
	recordMigrations,
	replacedSchema,
	withLockTimeout,
} from './migrations.ts';

/** A part of the preparation. It happens whole, with its note that it did, or not at all. */
export interface Step {
	readonly name: string;
	run(transaction: Transaction): Promise<void>;
}

/** Migrations that make nothing whose name the table of before has: they run where they are. */
const inPlace = 2;

/** What makes the new tables beside the old one, which notices nothing but one more trigger. */
export function preparation(migrations: readonly Migration[]): Step[] {
	return [
		{ name: 'open the books', run: ({ script }) => script(openBooks) },
		...migrations.slice(0, inPlace).map((migration) => step(migration, runInPlace)),
		{ name: 'make room for the names of the package', run: ({ script }) => script(setAside) },
		...migrations
			.slice(inPlace)
			.map((migration) =>
				step(migration, ({ script }, { sql }) => script(beforeItsMove(sql, lockTimeout))),
			),
		{ name: 'let the rows come', run: letRowsCome },
		{ name: 'note what changes meanwhile', run: ({ script }) => script(noteChanges) },
	];
}

function step(
	migration: Migration,
	run: (transaction: Transaction, migration: Migration) => Promise<void>,
): Step {
	return { name: migration.name, run: (transaction) => run(transaction, migration) };
}

/** It may have run before: a deploy gets as far as to the table that is there. */
async function runInPlace(transaction: Transaction, { name, sql, checksum }: Migration) {
	const [done] = await transaction.rows(
		`SELECT FROM destinations_migrations._prisma_migrations
		 WHERE migration_name = $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL`,
		[name],
	);
	if (done !== undefined) return;
	await transaction.script(withLockTimeout(sql, lockTimeout));
	await transaction.rows(recordMigrations, [[name], [checksum]]);
}

const openBooks = `${createHistory}
	CREATE TABLE ${adoptionSchema}.changed (
		seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
		id uuid NOT NULL
	);
	CREATE TABLE ${adoptionSchema}.copied (up_to uuid NOT NULL);
	INSERT INTO ${adoptionSchema}.copied VALUES ('00000000-0000-0000-0000-000000000000');
	CREATE SCHEMA ${replacedSchema};`;

/** A trigger knows its function by number, so that it goes on from there. */
const setAside = `DO $$ BEGIN
	IF to_regprocedure('public.update_destinations_updated_at()') IS NOT NULL THEN
		ALTER FUNCTION public.update_destinations_updated_at() SET SCHEMA ${replacedSchema};
	END IF;
END $$`;

/** Row level security binds the owner, and triggers would date every row today. Both come back with the move. */
async function letRowsCome({ rows, script }: Transaction): Promise<void> {
	await script(
		[
			...ownTables.map(
				(name) => `ALTER TABLE ${adoptionSchema}.${name} NO FORCE ROW LEVEL SECURITY;`,
			),
			`ALTER TABLE ${adoptionSchema}.destinations DISABLE TRIGGER USER;`,
			`ALTER TABLE ${adoptionSchema}.destination_audit_log DISABLE TRIGGER USER;`,
		].join('\n'),
	);
	// What it writes is what the log has of a row that is created, under another name.
	const [made] = await rows<{ definition: string }>(
		`SELECT pg_get_functiondef('public.log_created_destinations()'::regprocedure) AS definition`,
	);
	const imported = String(made?.definition)
		.replace('public.log_created_destinations', `${adoptionSchema}.log_imported_destinations`)
		.replace('public.destination_audit_log', `${adoptionSchema}.destination_audit_log`)
		.replace(`'created'`, `'imported'`);
	await script(`${imported};
		REVOKE ALL ON FUNCTION ${adoptionSchema}.log_imported_destinations() FROM PUBLIC;
		CREATE TRIGGER destinations_adoption AFTER INSERT ON ${adoptionSchema}.destinations
			REFERENCING NEW TABLE AS new_rows
			FOR EACH STATEMENT EXECUTE FUNCTION ${adoptionSchema}.log_imported_destinations();`);
}

/** From here on the table of before says which rows have to be copied again. ALWAYS, for replication too. */
const noteChanges = `CREATE FUNCTION ${adoptionSchema}.note_change() RETURNS trigger
		LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF TG_OP <> 'INSERT' THEN
			INSERT INTO ${adoptionSchema}.changed (id) VALUES (OLD.id);
		END IF;
		IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.id <> OLD.id) THEN
			INSERT INTO ${adoptionSchema}.changed (id) VALUES (NEW.id);
		END IF;
		RETURN NULL;
	END
	$$;
	REVOKE ALL ON FUNCTION ${adoptionSchema}.note_change() FROM PUBLIC;
	CREATE FUNCTION ${adoptionSchema}.refuse_truncate() RETURNS trigger
		LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		RAISE EXCEPTION 'public.destinations is being adopted: use DELETE, not TRUNCATE';
	END
	$$;
	REVOKE ALL ON FUNCTION ${adoptionSchema}.refuse_truncate() FROM PUBLIC;
	CREATE TRIGGER destinations_adoption AFTER INSERT OR UPDATE OR DELETE ON public.destinations
		FOR EACH ROW EXECUTE FUNCTION ${adoptionSchema}.note_change();
	CREATE TRIGGER destinations_adoption_truncate BEFORE TRUNCATE ON public.destinations
		FOR EACH STATEMENT EXECUTE FUNCTION ${adoptionSchema}.refuse_truncate();
	ALTER TABLE public.destinations ENABLE ALWAYS TRIGGER destinations_adoption;`;

/** Which parts are done. The schema is the sign that an adoption has begun. */
export async function doneSteps(transaction: Transaction): Promise<Set<string>> {
	await transaction.script(`CREATE SCHEMA IF NOT EXISTS ${adoptionSchema};
		CREATE TABLE IF NOT EXISTS ${adoptionSchema}.done (step text PRIMARY KEY)`);
	const rows = await transaction.rows<{ step: string }>(`SELECT step FROM ${adoptionSchema}.done`);
	return new Set(rows.map(({ step }) => step));
}

export async function noteStep(
	transaction: Transaction,
	{ name }: Pick<Step, 'name'>,
): Promise<void> {
	await transaction.rows(`INSERT INTO ${adoptionSchema}.done VALUES ($1)`, [name]);
}

/**
 * Replaces the old table with the new ones. Names of the catalog change and nothing else, so that it takes
 * some milliseconds whatever the size.
 */
export async function move(
	transaction: Transaction,
	migrations: readonly Migration[],
	referring: readonly ForeignKey[],
): Promise<void> {
	const later = migrations.slice(inPlace);
	await transaction.script(
		[
			`ALTER TABLE public.destinations SET SCHEMA ${replacedSchema};`,
			`DROP TRIGGER destinations_adoption ON ${adoptionSchema}.destinations;`,
			`ALTER TABLE ${adoptionSchema}.destinations ENABLE TRIGGER USER;`,
			`ALTER TABLE ${adoptionSchema}.destination_audit_log ENABLE TRIGGER USER;`,
			...ownTables.flatMap((name) => [
				// Of destinations later: PostgreSQL validates a foreign key as the owner, who would find no row.
				...(name === 'destinations'
					? []
					: [`ALTER TABLE ${adoptionSchema}.${name} FORCE ROW LEVEL SECURITY;`]),
				`ALTER TABLE ${adoptionSchema}.${name} SET SCHEMA public;`,
			]),
			// Not valid at first, because to look at each row takes its time: they are validated afterwards.
			...referring.map(
				({ table, name, definition }) =>
					`ALTER TABLE ${table} DROP CONSTRAINT ${name}, ADD CONSTRAINT ${name} ${definition} NOT VALID;`,
			),
		].join('\n'),
	);
	await transaction.rows(recordMigrations, [
		later.map(({ name }) => name),
		later.map(({ checksum }) => checksum),
	]);
}

/** Binds the owner too, and takes away what the new tables replaced, plaintext and all. */
export async function removeReplaced({ script }: Transaction): Promise<void> {
	await script(`ALTER TABLE public.destinations FORCE ROW LEVEL SECURITY;
		DROP TABLE ${replacedSchema}.destinations;
		DROP FUNCTION IF EXISTS ${replacedSchema}.update_destinations_updated_at();
		DROP SCHEMA ${replacedSchema};
		DROP FUNCTION ${adoptionSchema}.log_imported_destinations(), ${adoptionSchema}.note_change(),
			${adoptionSchema}.refuse_truncate();
		DROP TABLE ${adoptionSchema}.changed, ${adoptionSchema}.copied, ${adoptionSchema}.done;
		DROP SCHEMA ${adoptionSchema};`);
}
