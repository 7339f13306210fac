import { HostDatabase, migrate } from './migrations.ts';

// What Supabase's linter looks for (https://supabase.com/docs/guides/database/database-linter), in queries of our own.
// Left out are its rules on use (unused_index, table_bloat), on other extensions and products, and on whether tables may be
// seen over GraphQL, which this package's are by intent where that is installed.

let host: HostDatabase;

beforeAll(async () => {
	// As Supabase does, which grants everybody everything on what is made.
	host = await HostDatabase.open(`
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role`);
	await migrate(host.client);
});

afterAll(() => host.close());

const tables = `pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`;
const functions = `pg_proc AS p WHERE p.pronamespace IN ('public'::regnamespace, 'auth'::regnamespace)`;
const reachable = ['anon', 'authenticated'];
/** Both expressions of each policy. */
const policies = `pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid,
	LATERAL (VALUES (pg_get_expr(polqual, polrelid)), (pg_get_expr(polwithcheck, polrelid))) AS e (expression)`;
const commands = `unnest(CASE polcmd WHEN '*' THEN '{r,a,w,d}' ELSE ARRAY[polcmd]::text[] END) AS command`;

/** What each rule finds, and something that it must find. */
const rules: Record<string, [query: string, breakage: string]> = {
	unindexed_foreign_keys: [
		`SELECT conname FROM pg_constraint AS f WHERE contype = 'f' AND NOT EXISTS (
			SELECT FROM pg_index WHERE indrelid = conrelid AND indisvalid
				AND (indkey::text || ' ') LIKE array_to_string(conkey, ' ') || ' %')`,
		'DROP INDEX idx_destinations_created_by',
	],
	auth_rls_initplan: [
		`SELECT polname FROM ${policies} WHERE expression ~* '(?<!select )(current_setting|auth\\.\\w+)\\('`,
		`ALTER POLICY destinations_service_access ON destinations
			USING (current_setting('role') = 'service_role')`,
	],
	no_primary_key: [
		`SELECT relname FROM ${tables} AND NOT EXISTS (
			SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)`,
		'ALTER TABLE destination_audit_log DROP CONSTRAINT destination_audit_log_pkey',
	],
	multiple_permissive_policies: [
		`SELECT relname, rolname, command
			FROM pg_policy JOIN pg_class AS c ON c.oid = polrelid, pg_roles AS r, ${commands}
			WHERE polpermissive AND (polroles = '{0}' OR r.oid = ANY (polroles)) AND NOT rolbypassrls
				AND rolname !~ '^pg_'
			GROUP BY relname, rolname, command HAVING count(*) > 1`,
		'CREATE POLICY another ON destinations FOR SELECT USING (false)',
	],
	policy_exists_rls_disabled: [
		`SELECT relname FROM ${tables} AND NOT relrowsecurity
			AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)`,
		'ALTER TABLE destinations DISABLE ROW LEVEL SECURITY',
	],
	rls_enabled_no_policy: [
		`SELECT relname FROM ${tables} AND relrowsecurity
			AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)`,
		`DROP POLICY users_tenant_isolation ON users; DROP POLICY users_service_access ON users;
			DROP POLICY users_mirroring ON users`,
	],
	rls_disabled_in_public: [
		`SELECT relname FROM ${tables} AND NOT relrowsecurity AND EXISTS (
			SELECT FROM unnest($1::text[]) AS role WHERE has_any_column_privilege(role, c.oid, 'SELECT'))`,
		'ALTER TABLE destinations DISABLE ROW LEVEL SECURITY',
	],
	rls_policy_always_true: [
		`SELECT polname FROM ${policies} WHERE polpermissive AND polcmd <> 'r' AND btrim(expression, '( )') IN ('true', '1 = 1')
			AND (polroles = '{0}' OR EXISTS (
				SELECT FROM pg_roles WHERE oid = ANY (polroles) AND rolname = ANY ($1)))`,
		'CREATE POLICY open ON destination_audit_log FOR INSERT WITH CHECK (true)',
	],
	duplicate_index: [
		`SELECT indrelid::regclass FROM pg_index, LATERAL (
				SELECT regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \\S+ ON', '') AS definition) AS d
			GROUP BY indrelid, definition HAVING count(*) > 1`,
		`CREATE INDEX twin ON destinations (enabled) WHERE NOT enabled`,
	],
	function_search_path_mutable: [
		`SELECT proname FROM ${functions}
			AND NOT coalesce(proconfig::text, '') LIKE '%search_path=%'`,
		'ALTER FUNCTION destinations_claim(text) RESET search_path',
	],
	'security_definer_function_executable, by anon or authenticated': [
		`SELECT proname FROM ${functions} AND prosecdef AND EXISTS (
			SELECT FROM unnest($1::text[]) AS role WHERE has_function_privilege(role, p.oid, 'EXECUTE'))`,
		'GRANT EXECUTE ON FUNCTION log_purged_destinations() TO authenticated',
	],
	'security_definer_view, materialized_view_in_api and foreign_table_in_api': [
		`SELECT relname FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')`,
		'CREATE VIEW shown AS SELECT id FROM destinations',
	],
	unsupported_reg_types: [
		`SELECT attname FROM pg_attribute WHERE attrelid IN (SELECT oid FROM ${tables})
			AND NOT attisdropped AND atttypid::regtype::text ~ '^reg'`,
		'ALTER TABLE users ADD COLUMN kind regproc',
	],
	'anything that anon may read': [
		`SELECT relname FROM ${tables} AND has_any_column_privilege('anon', c.oid, 'SELECT')`,
		'GRANT SELECT ON destinations TO anon',
	],
	'rls_references_user_metadata and auth_users_exposed': [
		`SELECT polname FROM ${policies} WHERE expression ~* 'user_metadata|auth\\.users'`,
		`ALTER POLICY destinations_service_access ON destinations USING ('user_metadata' = '')`,
	],
};

async function found(query: string): Promise<unknown[]> {
	const values = query.includes('$1') ? [reachable] : [];
	return (await host.client.query(query, values)).rows;
}

test.each(Object.entries(rules))('%s: nothing is found', async (_, [query, breakage]) => {
	expect(await found(query)).toEqual([]);
	await host.client.query('BEGIN');
	try {
		await host.client.query(breakage);
		expect(await found(query)).not.toEqual([]);
	} finally {
		await host.client.query('ROLLBACK');
	}
});
