import { loaderScope } from '../database/scope.ts';
import type { ScopedSql } from '../database/scoped-sql.ts';
import { ConfigurationError } from '../errors.ts';

/**
 * What distinguishes a server's history of transactions from another's, as SQL that every statement here brings along:
 *
 * - when the server was started: another server behind the same address has another time, a promoted standby keeps it;
 * - when its statistics were last emptied, which Postgres does as it recovers from a crash. With `synchronous_commit`
 *   off, a crash may undo what others had seen;
 * - the database and the two tables, which a restored dump has made again.
 */
export const serverIdentity = `concat_ws('/',
	extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()),
	(SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()),
	to_regclass('public.destinations')::oid, to_regclass('public.destination_audit_log')::oid)`;

/** Roles that say how a login proves who it is, and give no rights (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html). */
const markers = ['rds_iam'];

const fitness = `SELECT quote_ident(own.rolname),
	own.rolsuper OR role.rolsuper,
	own.rolbypassrls OR role.rolbypassrls,
	own.rolcreaterole OR role.rolcreaterole,
	own.rolreplication OR role.rolreplication,
	EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace
		AND relname IN ('destinations', 'destination_audit_log', 'destination_data_keys') AND relowner = own.oid),
	to_json(ARRAY(SELECT rolname FROM pg_catalog.pg_roles AS other
		WHERE NOT own.rolsuper AND other.oid NOT IN (own.oid, role.oid) AND other.rolname <> ALL ($1)
			AND pg_has_role(own.oid, other.oid, 'MEMBER') ORDER BY 1)),
	to_json(ARRAY(SELECT wanted FROM unnest(ARRAY['destinations', 'destination_audit_log']) AS wanted
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_policy
			WHERE polrelid = to_regclass('public.' || wanted) AND polpermissive AND polcmd IN ('r', '*')
				AND polroles && ARRAY[role.oid, 0::oid]))),
	to_json(ARRAY(SELECT wanted FROM unnest(ARRAY['trigger_log_created_destinations',
			'trigger_log_changed_destinations', 'trigger_log_purged_destinations']) AS wanted
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger
			WHERE tgrelid = to_regclass('public.destinations') AND tgname = wanted AND tgenabled IN ('O', 'A'))))
	FROM pg_catalog.pg_roles AS own, pg_catalog.pg_roles AS role
	WHERE own.rolname = session_user AND role.rolname = 'destinations_loader'`;

/**
 * Whether the login has the rights of a loader and no others, and whether the server shows it what it needs to see:
 * a policy or a trigger that is gone would look as if nothing had changed.
 *
 * @throws ConfigurationError if not.
 */
export async function checkFitness(sql: ScopedSql): Promise<void> {
	const [row] = await sql.run(loaderScope, fitness, [markers]);
	if (row === undefined) throw new ConfigurationError('The login of the loader is unknown.');
	const [login = '', superuser, bypassrls, createrole, replication, owner, ...lists] = row;
	const powers = [
		[superuser, 'is a superuser'],
		[bypassrls, 'bypasses row level security (BYPASSRLS)'],
		[createrole, 'may create roles (CREATEROLE)'],
		[replication, 'may replicate every table (REPLICATION)'],
		[owner, 'owns the tables'],
	].flatMap(([has, power]) => (has === 't' ? [power] : []));
	const [others, policies, triggers] = lists.map((list) => JSON.parse(list ?? '[]') as string[]); // arrays of names
	if (others?.length) powers.push(`may switch to ${others.join(', ')}`);
	if (powers.length > 0) {
		throw new ConfigurationError(
			`The login ${login} ${powers.join(', ')}. A loader's may switch to destinations_loader and nothing else: create one with prisma/grants/logins.sql.`,
		);
	}
	const missing = [
		...(policies ?? []).map((table) => `a policy of ${table} for destinations_loader`),
		...(triggers ?? []).map((trigger) => `the trigger ${trigger}`),
	];
	if (missing.length > 0) {
		throw new ConfigurationError(
			`The database lacks ${missing.join(', ')}, without which changes would not be seen. \`npx consent-destinations doctor\` says how to mend it.`,
		);
	}
}
