import { type Finding, note, ok } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

const script = 'prisma/grants/hardening.sql';

/** What each measure of the script takes away, and whether everybody, or a role that everybody may be, still has it. */
const measures: readonly (readonly [may: string, condition: string])[] = [
	[
		'set claims by set_config()',
		`has_function_privilege(role, 'pg_catalog.set_config(text, text, boolean)', 'EXECUTE')`,
	],
	[
		'write functions and DO blocks',
		`EXISTS (SELECT FROM pg_catalog.pg_language
			WHERE lanpltrusted AND has_language_privilege(role, oid, 'USAGE'))`,
	],
	[
		'make temporary types and tables',
		`has_database_privilege(role, current_database(), 'TEMPORARY')`,
	],
	['create in schema public', `has_schema_privilege(role, 'public', 'CREATE')`],
];

/** Whether what an injected statement could use is taken from everybody. */
export async function checkHardening(session: ReadOnlySession): Promise<Finding[]> {
	const conditions = measures.map(([, condition]) => `bool_or(${condition})`);
	const [row] = await session.rows<{ open: readonly boolean[] }>(`
		SELECT ARRAY[${conditions.join(', ')}] AS open FROM (
			SELECT 'public' UNION ALL
			SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('authenticated', 'service_role', 'destinations_loader', 'anon')
		) AS everybody (role)`);
	const open = measures.filter((_, index) => row?.open[index]).map(([may]) => may);
	if (open.length === 0) return [ok(`Hardened, as ${script} does`)];
	const applied = open.length < measures.length - 1 ? 'Hardened in part' : 'Not hardened';
	return [
		note(`${applied}: SQL of a tenant's own may ${open.join(', ')}`, {
			fix: `On a server of your own, run ${script} as a superuser; SECURITY.md says what for.`,
		}),
	];
}
