import { madeRoles } from './expected-objects.ts';
import { type Finding, failure, note, ok, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

interface RoleRow {
	readonly name: string;
	readonly superuser: boolean;
	readonly bypassrls: boolean;
	readonly createrole: boolean;
	readonly can_login: boolean;
	readonly uses_schema: boolean;
	readonly creates_in_schema: boolean;
	/** Roles that it may switch to, and those of them that bypass it by BYPASSRLS. */
	readonly member_of: readonly string[];
	readonly powerful: readonly string[];
}

/** Roles whose members see or change rows, or the server, beside every policy; of a name in `r`. */
export const isPowerful = `(r.rolsuper OR r.rolbypassrls OR r.rolcreaterole
	OR r.oid = (SELECT relowner FROM pg_catalog.pg_class WHERE oid = to_regclass('public.destinations'))
	OR r.rolname IN ('service_role', 'destinations_loader', 'pg_read_all_data', 'pg_write_all_data', 'pg_maintain',
		'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))`;

/** Roles of hosts whose members administer a server, though they have no attribute that says so. */
const rolesOfHosts = [
	'rds_superuser',
	'rdsadmin',
	'cloudsqlsuperuser',
	'cloudsqladmin',
	'alloydbsuperuser',
	'azure_pg_admin',
	'azuresu',
	'neon_superuser',
	'supabase_admin',
];

const administers = (
	role: string,
) => `(${role}.rolsuper OR ${role}.rolcreaterole OR ${role}.rolcreatedb
	OR ${role}.rolreplication OR ${role}.rolname IN (${rolesOfHosts.map((name) => `'${name}'`).join(', ')})
	OR EXISTS (SELECT FROM pg_catalog.pg_shdepend
		WHERE refclassid = 'pg_catalog.pg_authid'::regclass AND refobjid = ${role}.oid AND deptype = 'o'
			AND dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))))`;

/**
 * Whether a login administers the server or the database, by SQL on its row `own` of pg_roles: it owns something, has
 * an attribute of administrators, or may switch to such a role. A fix that takes something from it could lock
 * everybody out, so none is printed.
 */
export const isAdministrator = `(${administers('own')} OR EXISTS (
	SELECT FROM pg_catalog.pg_roles AS other
	WHERE other.oid <> own.oid AND pg_has_role(own.oid, other.oid, 'MEMBER') AND ${administers('other')}
		AND other.rolname NOT IN ('authenticated', 'service_role', 'destinations_loader', 'anon')))`;

/** The roles that statements run as. */
/** @param citus whether the tables are distributed: then the coordinator connects to workers as these roles. */
export async function checkRoles(session: ReadOnlySession, citus = false): Promise<Finding[]> {
	const rows = await session.rows<RoleRow>(
		`SELECT quote_ident(own.rolname) AS name, own.rolsuper AS superuser, own.rolbypassrls AS bypassrls,
			own.rolcreaterole AS createrole, own.rolcanlogin AS can_login,
			has_schema_privilege(own.oid, 'public', 'USAGE') AS uses_schema,
			has_schema_privilege(own.oid, 'public', 'CREATE') AS creates_in_schema,
			array_remove(array_agg(quote_ident(r.rolname) ORDER BY r.rolname), NULL) AS member_of,
			coalesce(array_agg(quote_ident(r.rolname) ORDER BY r.rolname)
				FILTER (WHERE ${isPowerful}), '{}') AS powerful
		FROM pg_catalog.pg_roles AS own
		LEFT JOIN pg_catalog.pg_roles AS r ON r.oid <> own.oid AND NOT own.rolsuper
			AND pg_has_role(own.oid, r.oid, 'MEMBER')
		WHERE own.rolname = ANY ($1)
		GROUP BY own.oid, own.rolname, own.rolsuper, own.rolbypassrls, own.rolcreaterole, own.rolcanlogin
		ORDER BY own.rolname`,
		[madeRoles],
	);
	const findings = rows.flatMap((row) => judge(citus ? { ...row, can_login: false } : row));
	for (const name of madeRoles) {
		if (rows.some((row) => row.name === name)) continue;
		findings.push(
			failure(`Role ${name} does not exist`, {
				fix: 'Create it, then grant what the schema lacks below:',
				sql: `CREATE ROLE ${name} NOLOGIN NOINHERIT;`,
			}),
		);
	}
	if (findings.length === 0)
		findings.push(ok(`Roles ${madeRoles.join(', ')} have no more than they need`));
	return findings;
}

function judge(row: RoleRow): Finding[] {
	const { name } = row;
	const isService = name === 'service_role';
	const findings: Finding[] = [];
	const take = (attribute: string, what: string) =>
		findings.push(failure(`Role ${name} ${what}`, { sql: `ALTER ROLE ${name} NO${attribute};` }));
	if (row.superuser) take('SUPERUSER', 'is a superuser: no policy and no grant binds it');
	if (row.createrole) take('CREATEROLE', 'may create roles, and so give itself others');
	if (row.bypassrls) {
		// Supabase's own is so, and its policies let it see everything here anyway.
		if (isService) findings.push(note('Role service_role has BYPASSRLS, as on Supabase'));
		else take('BYPASSRLS', 'bypasses row level security');
	}
	if (row.can_login) {
		findings.push(
			warning(`Role ${name} may log in: whoever knows its password sets the claims freely`, {
				sql: `ALTER ROLE ${name} NOLOGIN;`,
			}),
		);
	}
	for (const other of row.member_of) {
		const powerful = row.powerful.includes(other);
		if (!powerful && isService) continue;
		const report = powerful ? failure : warning;
		findings.push(
			report(`Role ${name} is a member of ${other}, and may switch to it`, {
				sql: `REVOKE ${other} FROM ${name};`,
			}),
		);
	}
	if (!row.uses_schema && name !== 'anon') {
		findings.push(
			failure(`Role ${name} may not use schema public, where the tables are`, {
				sql: `GRANT USAGE ON SCHEMA public TO ${name};`,
			}),
		);
	}
	if (row.creates_in_schema && !row.superuser && name !== 'anon') {
		findings.push(
			warning(`Role ${name} may create tables and functions in schema public`, {
				fix: 'Unless others need it there:',
				sql: `REVOKE CREATE ON SCHEMA public FROM PUBLIC, ${name};`,
			}),
		);
	}
	return findings;
}
