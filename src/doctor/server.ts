import type { ClientConfig } from 'pg';
import { textForm, withTextForm } from '../database/text-form.ts';
import { type Finding, failure, note, ok, warning } from './finding.ts';
import { ReadOnlySession, UnreachableError } from './read-only-session.ts';

/** Versions that the tests run on. */
const oldest = 15;
const newest = 18;

interface ServerRow {
	readonly version: string;
	readonly number: number;
	readonly login: string;
	readonly zone: string;
	readonly is_utc: boolean;
	readonly date_style: string;
	readonly replication_role: string;
	readonly read_only: boolean;
	readonly in_recovery: boolean;
}

/** Summer and winter, because London is on UTC for half of the year. */
const isUtc = `extract(timezone FROM timestamptz '2026-01-01') = 0
	AND extract(timezone FROM timestamptz '2026-07-01') = 0 AS is_utc`;

/** The server, and what a session on it begins with. */
export async function checkServer(
	session: ReadOnlySession,
	config: ClientConfig,
): Promise<Finding[]> {
	const [row] = await session.rows<ServerRow>(`
		SELECT current_setting('server_version') AS version,
			current_setting('server_version_num')::integer AS number,
			quote_ident(session_user) AS login,
			current_setting('TimeZone') AS zone,
			${isUtc},
			current_setting('DateStyle') AS date_style,
			current_setting('session_replication_role') AS replication_role,
			current_setting('default_transaction_read_only')::boolean AS read_only,
			pg_is_in_recovery() AS in_recovery`);
	if (row === undefined) return [];
	const pooled = await session.isProxied();
	return [
		versionFinding(row),
		...stateFindings(row),
		...(await poolerFindings(session, pooled)),
		...(await textFormFindings(row, config, pooled)),
	];
}

function versionFinding({ version, number }: ServerRow): Finding {
	const major = Math.floor(number / 10_000);
	if (major < oldest) {
		return failure(`PostgreSQL ${version} is too old`, {
			fix: `Upgrade to PostgreSQL ${oldest} to ${newest}.`,
		});
	}
	if (major > newest) {
		return warning(`PostgreSQL ${version} is newer than this package knows`, {
			fix: `See whether a newer release of this package names it; ${oldest} to ${newest} are tested.`,
		});
	}
	return ok(`PostgreSQL ${version}`);
}

/** What keeps statements from doing what they do elsewhere. */
function stateFindings({ login, replication_role, read_only, in_recovery }: ServerRow): Finding[] {
	const findings: Finding[] = [];
	if (replication_role !== 'origin') {
		findings.push(
			failure(`session_replication_role is ${replication_role} for ${login}: no trigger runs`, {
				fix: 'Take it out of the settings of the login, the database and the server. For the login:',
				sql: `ALTER ROLE ${login} RESET session_replication_role;`,
			}),
		);
	}
	if (in_recovery) {
		findings.push(
			warning('The server is a replica: nothing can be written here', {
				fix: 'Give services the URL of the primary server.',
			}),
		);
	} else if (read_only) {
		findings.push(
			failure(`default_transaction_read_only is on for ${login}: nothing can be written`, {
				fix: 'Take it out of the settings of the login, the database and the server. For the login:',
				sql: `ALTER ROLE ${login} RESET default_transaction_read_only;`,
			}),
		);
	}
	return findings;
}

async function poolerFindings(session: ReadOnlySession, pooled: boolean): Promise<Finding[]> {
	// https://www.pgpool.net/docs/latest/en/html/sql-show-pool-version.html; Postgres knows no such setting.
	const pgpool = await session.attempt(() =>
		session.rows<{ pool_version: string }>('SHOW pool_version'),
	);
	if (Array.isArray(pgpool)) {
		return [
			warning(
				'pgpool-II stands before the server: where it sends reads to another one, they arrive without their scope and find nothing, or are refused',
				{
					fix: "Give services the address of the primary, or have pgpool-II send their statements there, in pgpool.conf: database_redirect_preference_list = '.*:primary' (with the name of the database in place of .*).",
				},
			),
		];
	}
	if (!pooled) return [];
	return [
		note('A pooler or a proxy stands before the server', {
			fix: 'Set namedStatements: false. docs/recipes/pgbouncer.md has what is supported in session, transaction and statement mode.',
		}),
	];
}

/** What times look like in a session. */
type TextForm = Pick<ServerRow, 'zone' | 'is_utc' | 'date_style'>;

/**
 * Prisma's drivers read times as if they were in UTC, and in a form other than ISO it takes the day for the
 * month. Clients of this package see to both.
 */
async function textFormFindings(
	row: ServerRow,
	config: ClientConfig,
	pooled: boolean,
): Promise<Finding[]> {
	const asClient = await clientTextForm(config);
	if (asClient instanceof Error) {
		const refused = `A session that begins in UTC, as those of clients do, was refused: ${asClient.message}`;
		const fix = 'Set namedStatements: false, with which each statement sets its zone.';
		// With the option all is well, and nothing here shows whether it is set.
		return [pooled ? warning(refused, { fix }) : failure(refused, { fix })];
	}
	// Behind a pooler each statement of a client brings it along, whatever the session has.
	const form = pooled ? { ...asClient, is_utc: true, date_style: textForm.DateStyle } : asClient;
	return [...zoneFindings(row, form), ...dateStyleFindings(row, form)];
}

function zoneFindings(row: ServerRow, asClient: TextForm): Finding[] {
	if (!asClient.is_utc) {
		return [
			failure(`Sessions are in ${asClient.zone} though clients ask for UTC: times are read wrong`, {
				fix: 'Something sets TimeZone after a session begins, such as a pooler or a login trigger: take that away, or set namedStatements: false.',
			}),
		];
	}
	if (row.is_utc) return [ok(`Sessions are in UTC, by default too (${row.zone})`)];
	return [
		warning(
			`Sessions of ${row.login} begin in ${row.zone}. createDestinationsClient sets UTC; a Prisma client of your own would read times wrong`,
			{ fix: 'Let the login begin in UTC:', sql: `ALTER ROLE ${row.login} SET TimeZone = 'UTC';` },
		),
	];
}

function dateStyleFindings(row: ServerRow, asClient: TextForm): Finding[] {
	if (!isIso(asClient)) {
		return [
			failure(
				`Sessions have the DateStyle ${asClient.date_style} though clients ask for ISO: days are read as months`,
				{
					fix: 'Something sets DateStyle after a session begins, such as a pooler or a login trigger: take that away, or set namedStatements: false.',
				},
			),
		];
	}
	if (isIso(row)) return [ok(`Dates are in the ISO form, by default too (${row.date_style})`)];
	return [
		warning(
			`Sessions of ${row.login} begin with the DateStyle ${row.date_style}. createDestinationsClient sets ISO; a Prisma client of your own would read days as months`,
			{
				fix: 'Let the login begin with ISO:',
				sql: `ALTER ROLE ${row.login} SET DateStyle = 'ISO, MDY';`,
			},
		),
	];
}

function isIso({ date_style }: TextForm): boolean {
	return date_style.startsWith('ISO,');
}

/** How a session begins that is opened as a client's. */
async function clientTextForm(config: ClientConfig): Promise<TextForm | UnreachableError> {
	try {
		await using session = await ReadOnlySession.open(withTextForm(config));
		const [row] = await session.rows<TextForm>(
			`SELECT current_setting('TimeZone') AS zone, ${isUtc}, current_setting('DateStyle') AS date_style`,
		);
		return row ?? { zone: 'unknown', is_utc: false, date_style: 'unknown' };
	} catch (error) {
		// Such as PgBouncer's "unsupported startup parameter".
		if (error instanceof UnreachableError) return error;
		throw error;
	}
}
