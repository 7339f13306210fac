import { DatabaseError } from 'pg';
import { type Finding, failure, note, ok, warning } from './finding.ts';
import { manifest } from './manifest.ts';
import type { ReadOnlySession } from './read-only-session.ts';

const deploy =
	'npx prisma migrate deploy, with DATABASE_URL="$MIGRATOR_URL", the login that owns the tables.';

interface AppliedRow {
	readonly name: string;
	readonly checksum: string;
	readonly finished: boolean;
	readonly rolled_back: boolean;
}

export interface MigrationsChecked {
	readonly findings: Finding[];
	/** Names of the migrations that have not run, so that what they make is missing; undefined where nobody knows. */
	readonly pending: ReadonlySet<string> | undefined;
}

/** What Prisma noted of the migrations against those that this package has. */
export async function checkMigrations(session: ReadOnlySession): Promise<MigrationsChecked> {
	const [table] = await session.rows<{ name: string; schema: string }>(`
		SELECT format('%I.%I', nspname, relname) AS name, quote_ident(nspname) AS schema FROM pg_catalog.pg_class
		JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
		WHERE relname = '_prisma_migrations' AND relkind = 'r'
		ORDER BY nspname = 'destinations_migrations' DESC, nspname = 'public' DESC, nspname LIMIT 1`);
	if (table === undefined) return withoutTable(session);
	const applied = await readApplied(session, table.name);
	if (applied instanceof DatabaseError) {
		return {
			pending: undefined,
			findings: [
				note(`Migrations were not checked: ${applied.message}`, {
					fix: '`npx prisma migrate status` shows it, with the login that migrates. To see it here:',
					sql: `GRANT USAGE ON SCHEMA ${table.schema} TO service_role; GRANT SELECT ON ${table.name} TO service_role;`,
				}),
			],
		};
	}
	return judge(applied, table.name);
}

/** The login may read it where it migrates too, service_role where that was granted. */
async function readApplied(
	session: ReadOnlySession,
	table: string,
): Promise<AppliedRow[] | DatabaseError> {
	const read = () =>
		session.rows<AppliedRow>(`
			SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished,
				rolled_back_at IS NOT NULL AS rolled_back
			FROM ${table} ORDER BY started_at`);
	const rows = await session.attempt(read);
	if (!(rows instanceof DatabaseError)) return rows;
	const asService = await session.attemptAs('service_role', read);
	return asService instanceof DatabaseError ? rows : asService;
}

async function withoutTable(session: ReadOnlySession): Promise<MigrationsChecked> {
	const [{ made } = { made: false }] = await session.rows<{ made: boolean }>(
		`SELECT to_regclass('public.destinations') IS NOT NULL AS made`,
	);
	if (made) {
		return {
			pending: undefined,
			findings: [
				warning('There is no table _prisma_migrations: it is unknown which migrations ran', {
					fix: 'Where all of the schema is found below, say npx prisma migrate resolve --applied NAME for each folder in prisma/migrations.',
				}),
			],
		};
	}
	return {
		pending: new Set(manifest.migrations.map(({ name }) => name)),
		findings: [failure('No migration has run on this database', { fix: deploy })],
	};
}

function judge(applied: readonly AppliedRow[], table: string): MigrationsChecked {
	const findings: Finding[] = [];
	const pending = new Set<string>();
	for (const { name, checksum } of manifest.migrations) {
		const rows = applied.filter((row) => row.name === name && !row.rolled_back);
		const done = rows.find(({ finished }) => finished);
		if (done === undefined) pending.add(name);
		if (rows.some(({ finished }) => !finished)) {
			findings.push(
				failure(`Migration ${name} failed, or is running now`, {
					fix: `Where it is not running: npx prisma migrate resolve --rolled-back ${name}; then ${deploy}`,
				}),
			);
		} else if (done === undefined) {
			const rolledBack = applied.some((row) => row.name === name);
			findings.push(
				failure(`Migration ${name} is pending${rolledBack ? ': it was rolled back' : ''}`, {
					fix: deploy,
				}),
			);
		} else if (done.checksum !== checksum) {
			findings.push(
				failure(`Migration ${name} was edited: what ran is not what this package has`, {
					fix: 'Find out what ran. Where all of the schema is found below, it came to the same, and this says so:',
					sql: `UPDATE ${table} SET checksum = '${checksum}' WHERE migration_name = '${name}';`,
				}),
			);
		}
	}
	const known = new Set(manifest.migrations.map(({ name }) => name));
	for (const name of new Set(applied.map((row) => row.name))) {
		if (known.has(name)) continue;
		findings.push(
			warning(`Migration ${name} is not known to this package`, {
				fix: 'If a newer release of this package made it, install that one here. If it is your own, ignore this.',
			}),
		);
	}
	if (findings.length === 0) findings.push(ok(`All ${known.size} migrations have run`));
	return { findings, pending };
}
