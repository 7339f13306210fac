import { lookedAt } from './expected-objects.ts';
import { type Finding, failure, type Severity, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

interface StrangerRow {
	readonly name: string;
	readonly drop: string;
	readonly detail: string;
}

/** Neither Postgres's own nor an extension's. */
const foreign = (catalog: string, oid: string, namespace: string) => `
	${namespace} NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
		WHERE classid = 'pg_catalog.${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`;

/** Schemas in which a session finds names that are written without one: its own, temporary ones, and public. */
const onPath = (namespace: string) => `${namespace} IN (
	SELECT n.oid FROM pg_catalog.pg_namespace AS n
	WHERE n.nspname = 'public' OR n.nspname ~ '^pg_temp_' OR quote_ident(n.nspname) = ANY ($2)
		OR n.nspname IN ('authenticated', 'service_role', 'destinations_loader'))`;

const tablesOwner = `(SELECT relowner FROM pg_catalog.pg_class WHERE oid = to_regclass('public.destinations'))`;

const reachable = `(SELECT 'public' UNION ALL SELECT rolname FROM pg_catalog.pg_roles
	WHERE rolname IN ('authenticated', 'anon'))`;

interface Kind {
	readonly severity: Severity & ('failure' | 'warning');
	/** What is said of one, between its name and its detail. */
	readonly says: string;
	/** Returns name, drop and detail. `$1` are the names of this package's tables and functions, `$2` the logins. */
	readonly query: string;
}

const kinds: readonly Kind[] = [
	{
		severity: 'warning',
		says: 'has the name of a function of this package:',
		query: `SELECT format('function %s', p.oid::regprocedure) AS name,
				format('FUNCTION %s', p.oid::regprocedure) AS drop, p.prosrc AS detail
			FROM pg_catalog.pg_proc AS p
			WHERE 'public.' || quote_ident(p.proname) = ANY ($1) AND p.pronamespace <> 'public'::regnamespace`,
	},
	{
		severity: 'warning',
		says: 'runs as the owner of the tables or as service_role, and tenants may call it:',
		query: `SELECT format('function %s', p.oid::regprocedure) AS name,
				format('FUNCTION %s', p.oid::regprocedure) AS drop, p.prosrc AS detail
			FROM pg_catalog.pg_proc AS p
			WHERE p.prosecdef AND (p.proowner = ${tablesOwner} OR p.proowner = to_regrole('service_role'))
				AND ${foreign('pg_proc', 'p.oid', 'p.pronamespace')}
				AND format('%s.%I', p.pronamespace::regnamespace, p.proname) <> ALL ($1)
				AND EXISTS (SELECT FROM ${reachable} AS r (role) WHERE has_function_privilege(role, p.oid, 'EXECUTE'))`,
	},
	{
		severity: 'failure',
		says: 'shows tenants a table of this package with the rights of its owner:',
		query: `SELECT DISTINCT format('view %s', c.oid::regclass) AS name,
				format('%s %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass) AS drop,
				pg_get_viewdef(c.oid) AS detail
			FROM pg_catalog.pg_depend AS d
			JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::regclass
			JOIN pg_catalog.pg_class AS c ON c.oid = w.ev_class AND c.relkind IN ('v', 'm')
			WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> c.oid
				AND d.refobjid::regclass::text = ANY ($1)
				AND d.refobjid::regclass::text NOT IN ('public.organizations', 'public.users')
				AND coalesce(array_to_string(c.reloptions, ','), '') !~ 'security_invoker=(true|on|1|yes)'
				AND EXISTS (SELECT FROM ${reachable} AS r (role) WHERE has_any_column_privilege(role, c.oid, 'SELECT'))`,
	},
	{
		severity: 'warning',
		says: 'is found before the table of this package by who does not write its schema:',
		query: `SELECT format('table %s', c.oid::regclass) AS name, format('TABLE %s', c.oid::regclass) AS drop,
				c.relkind::text AS detail
			FROM pg_catalog.pg_class AS c
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND 'public.' || quote_ident(c.relname) = ANY ($1)
				AND c.relnamespace <> 'public'::regnamespace AND ${onPath('c.relnamespace')}`,
	},
	{
		severity: 'warning',
		says: "has the name of one of PostgreSQL's own, for which it may be taken:",
		query: `SELECT format('type %s', t.oid::regtype) AS name, format('TYPE %s', t.oid::regtype) AS drop,
				format('a type %s', t.typname) AS detail
			FROM pg_catalog.pg_type AS t
			WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typelem = 0 AND ${foreign('pg_type', 't.oid', 't.typnamespace')}
				AND ${onPath('t.typnamespace')} AND EXISTS (SELECT FROM pg_catalog.pg_type AS own
					WHERE own.typname = t.typname AND own.typnamespace = 'pg_catalog'::regnamespace)
			UNION ALL
			SELECT format('function %s', p.oid::regprocedure), format('FUNCTION %s', p.oid::regprocedure), p.prosrc
			FROM pg_catalog.pg_proc AS p
			WHERE ${foreign('pg_proc', 'p.oid', 'p.pronamespace')} AND ${onPath('p.pronamespace')}
				AND EXISTS (SELECT FROM pg_catalog.pg_proc AS own
					WHERE own.proname = p.proname AND own.pronamespace = 'pg_catalog'::regnamespace)
			UNION ALL
			SELECT format('operator %s', o.oid::regoperator), format('OPERATOR %s', o.oid::regoperator), o.oprcode::text
			FROM pg_catalog.pg_operator AS o
			WHERE ${foreign('pg_operator', 'o.oid', 'o.oprnamespace')} AND ${onPath('o.oprnamespace')}
				AND EXISTS (SELECT FROM pg_catalog.pg_operator AS own
					WHERE own.oprname = o.oprname AND own.oprnamespace = 'pg_catalog'::regnamespace)
				AND (o.oprleft = 0 OR EXISTS (SELECT FROM pg_catalog.pg_type
					WHERE oid = o.oprleft AND typnamespace = 'pg_catalog'::regnamespace))`,
	},
];

/**
 * What lies beside this package's objects and could run in their place or go around their policies: no migration
 * made it, and an attack may have left it. What is on the tables themselves, `checkSchema` finds.
 */
export async function checkStrangers(
	session: ReadOnlySession,
	logins: readonly string[],
): Promise<Finding[]> {
	const findings: Finding[] = [];
	for (const { severity, says, query } of kinds) {
		const report = severity === 'failure' ? failure : warning;
		const rows = await session.rows<StrangerRow>(
			`SELECT * FROM (${query}) AS found
			 WHERE $1::text[] IS NOT NULL AND $2::text[] IS NOT NULL ORDER BY name`,
			[lookedAt, logins],
		);
		for (const { name, drop, detail } of rows) {
			findings.push(
				report(`${name} ${says} ${shown(detail)}`, {
					fix: 'Unless it is meant to be there:',
					sql: `DROP ${drop};`,
				}),
			);
		}
	}
	return findings;
}

const shownLength = 120;

function shown(detail: string): string {
	const text = detail.trim().replace(/\s+/g, ' ');
	return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}
