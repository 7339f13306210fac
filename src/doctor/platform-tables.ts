import type { FoundObject } from './catalog.ts';
import { foreignTables } from './expected-objects.ts';
import { type Finding, ok, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

const script = 'Have their owner run prisma/grants/platform-tables.sql';

interface AccessRow {
	readonly service: boolean;
	readonly tenant: boolean;
	readonly protected: boolean;
	readonly shown: boolean;
}

/** Whether destinations can be read together with organizations and users that somebody else made. */
export async function checkPlatformTables(
	session: ReadOnlySession,
	catalog: readonly FoundObject[],
): Promise<Finding[]> {
	const findings: Finding[] = [];
	for (const table of foreignTables(catalog)) {
		const [row] = await session.rows<AccessRow>(
			`SELECT has_column_privilege('service_role', c.oid, 'id', 'SELECT') AS service,
				has_column_privilege('authenticated', c.oid, 'id', 'SELECT') AS tenant,
				c.relrowsecurity AS protected,
				EXISTS (
					SELECT FROM pg_catalog.pg_policy
					WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('*', 'r')
						AND (0 = ANY (polroles) OR 'authenticated'::regrole = ANY (polroles))
				) AS shown
			FROM pg_catalog.pg_class AS c WHERE c.oid = $1::regclass`,
			[table],
		);
		if (row !== undefined) findings.push(...judge(table, row));
	}
	return findings;
}

function judge(
	table: string,
	{ service, tenant, protected: secured, shown }: AccessRow,
): Finding[] {
	const findings: Finding[] = [];
	if (tenant && !secured) {
		findings.push(
			warning(`Tenants may read the ids of everybody in ${table}: it has no row level security`, {
				fix: `${script}, after:`,
				sql: `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;`,
			}),
		);
	}
	const roles = [...(service ? [] : ['service_role']), ...(tenant ? [] : ['authenticated'])];
	if (roles.length > 0) {
		findings.push(
			warning(`${roles.join(' and ')} may not read ${table}(id): what includes it is refused`, {
				fix: `${script}${secured ? '' : ', which grants tenants access only with row level security on'}.`,
			}),
		);
	} else if (secured && !shown) {
		findings.push(
			warning(`No policy of ${table} shows tenants a row: what includes it finds nothing`, {
				fix: `${script}.`,
			}),
		);
	}
	return findings.length === 0 ? [ok(`${table} can be read together with destinations`)] : findings;
}
