import { type Finding, failure, note, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';
import { isAdministrator } from './roles.ts';

type Role = 'authenticated' | 'service_role' | 'destinations_loader';

interface MemberRow {
	readonly name: string;
	readonly role: Role;
	readonly expected: boolean;
	/** Whether it administers the server or the database. */
	readonly administrator: boolean;
	/** Who granted the role to it; empty where it has the role by way of another. */
	readonly grantors: readonly string[];
	/** Whether it may give the role to others. */
	readonly admin: boolean;
}

const powers = {
	authenticated: 'act for any organization',
	service_role: 'act for every organization',
	destinations_loader: 'read what every organization has switched on',
};

/** Where `doctor` was not given the login of a role: what would give it. */
const unlessGiven: Readonly<Partial<Record<Role, string>>> = {
	service_role:
		"If it is the service's own login, set DATABASE_SERVICE_URL (for several databases DATABASE_SERVICE_URLS) to its URL. If it is not a login of any service:",
	destinations_loader:
		'If it is the login of loaders, set DATABASE_LOADER_URL (for several databases DATABASE_LOADER_URLS) to its URL. If it is not a login of any service:',
};

/** PostgREST's login, which comes with Supabase and is a member of all three roles. */
const postgrest = 'authenticator';

/**
 * Logins that may come here as a tenant, as the service or as a loader, beyond those that the doctor was given, superusers and the
 * owner of the tables. An attack that once ran as somebody powerful may have left itself such a login.
 *
 * @param notGiven roles that have a login of their own which the doctor was not given: a member may be that one.
 */
export async function checkMembers(
	session: ReadOnlySession,
	logins: readonly string[],
	notGiven: readonly Role[],
): Promise<Finding[]> {
	const rows = await session.rows<MemberRow>(
		`SELECT quote_ident(own.rolname) AS name, r.rolname AS role,
			quote_ident(own.rolname) = ANY ($1) AS expected, ${isAdministrator} AS administrator,
			array(SELECT CASE WHEN grantor = 10 THEN '' ELSE quote_ident(pg_get_userbyid(grantor)) END
				FROM pg_catalog.pg_auth_members WHERE roleid = r.oid AND member = own.oid ORDER BY 1) AS grantors,
			EXISTS (SELECT FROM pg_catalog.pg_auth_members
				WHERE roleid = r.oid AND member = own.oid AND admin_option) AS admin
		FROM pg_catalog.pg_roles AS own
		JOIN pg_catalog.pg_roles AS r ON r.rolname IN ('authenticated', 'service_role', 'destinations_loader')
			AND r.oid <> own.oid AND pg_has_role(own.oid, r.oid, 'MEMBER')
		WHERE own.rolcanlogin AND NOT own.rolsuper
			AND has_database_privilege(own.oid, current_database(), 'CONNECT')
			AND own.oid IS DISTINCT FROM (SELECT relowner FROM pg_catalog.pg_class
				WHERE oid = to_regclass('public.destinations'))
		ORDER BY own.rolname, r.rolname`,
		[logins],
	);
	return rows.flatMap((row) => judge(row, notGiven.includes(row.role)));
}

function judge(
	{ name, role, expected, administrator, grantors, admin }: MemberRow,
	mayBeOwn: boolean,
): Finding[] {
	if (expected) {
		// Of an administrator among the logins of a service, its other findings say it.
		if (!admin || administrator) return [];
		return [
			failure(`${name} may give ${role} to others (ADMIN OPTION)`, {
				sql: statements(grantors, (by) => `REVOKE ADMIN OPTION FOR ${role} FROM ${name}${by};`),
			}),
		];
	}
	const subject = name;
	const message = `${name} may switch to ${role} here, and so ${powers[role]}`;
	if (name === postgrest) return [note(message, { subject, fix: "It is PostgREST's login." })];
	if (administrator) return [note(message, { subject, fix: "It is an administrator's login." })];
	// A service without loaders has no such URL, and the settings that a loader reads are encrypted.
	const report = mayBeOwn && role === 'destinations_loader' ? note : warning;
	const unless = (mayBeOwn && unlessGiven[role]) || 'Unless it is a login of a service:';
	if (grantors.length === 0) {
		return [
			report(message, {
				fix: `${unless} it is a member by way of another role, see \\drg ${name} in psql, and revoke that.`,
			}),
		];
	}
	const revoke = statements(grantors, (by) => `REVOKE ${role} FROM ${name}${by};`);
	// A script may be run unread. A name may have line breaks.
	const sql = mayBeOwn ? revoke.replace(/^/gm, '-- ') : revoke;
	return [report(message, { subject, fix: unless, sql })];
}

/** Since PostgreSQL 16 each grantor's grant is one of its own. */
function statements(grantors: readonly string[], statement: (by: string) => string): string {
	return grantors.map((name) => statement(name === '' ? '' : ` GRANTED BY ${name}`)).join('\n');
}
