import { DatabaseError } from 'pg';
import { type Finding, failure, ok, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';
import { isAdministrator, isPowerful } from './roles.ts';

export interface Login {
	/** As SQL writes it. */
	readonly name: string;
	readonly superuser: boolean;
	readonly bypassrls: boolean;
	readonly createrole: boolean;
	readonly owner: boolean;
	/** Whether it administers the server or the database: then nothing is taken from it. */
	readonly administrator: boolean;
	/** Powerful roles that it may switch to, but for service_role and, of a loader, destinations_loader. */
	readonly powerful: readonly string[];
	/** Of the roles that statements run as, those whose rights it has without becoming them. */
	readonly inherited: readonly string[];
	/** Whether it may call set_config(), by which every statement becomes a tenant's. */
	readonly sets: boolean;
	/** Settings that its sessions begin with and that change what a statement finds or may see, and how to take each away. */
	readonly settings: readonly { readonly setting: string; readonly reset: string }[];
	/** Why it cannot switch to the role; undefined where it can. */
	readonly notTenant: string | undefined;
	readonly notService: string | undefined;
	readonly notLoader: string | undefined;
	/** Since PostgreSQL 16 a membership says itself whether it is inherited. */
	readonly grantsInherit: boolean;
	/** What distinguishes the database from others. */
	readonly database: string;
}

type LoginRow = Omit<Login, 'notTenant' | 'notService' | 'notLoader'>;

export async function readLogin(session: ReadOnlySession): Promise<Login> {
	const [row] = await session.rows<LoginRow>(`
		SELECT quote_ident(own.rolname) AS name, own.rolsuper AS superuser,
			own.rolbypassrls AS bypassrls, own.rolcreaterole AS createrole,
			coalesce(own.oid = (SELECT relowner FROM pg_catalog.pg_class
				WHERE oid = to_regclass('public.destinations')), false) AS owner,
			${isAdministrator} AS administrator,
			array(SELECT quote_ident(r.rolname) FROM pg_catalog.pg_roles AS r
				WHERE r.oid <> own.oid AND NOT own.rolsuper AND r.rolname <> 'service_role'
					AND ${isPowerful} AND pg_has_role(own.oid, r.oid, 'MEMBER')
				ORDER BY r.rolname) AS powerful,
			array(SELECT r.rolname::text FROM pg_catalog.pg_roles AS r
				WHERE r.rolname IN ('authenticated', 'service_role', 'destinations_loader') AND r.oid <> own.oid
					AND pg_has_role(own.oid, r.oid, 'USAGE')
				ORDER BY r.rolname) AS inherited,
			has_function_privilege(own.oid, 'pg_catalog.set_config(text, text, boolean)', 'EXECUTE') AS sets,
			array(SELECT json_build_object('setting', setting, 'reset', format('ALTER %s RESET %I;', CASE
					WHEN setrole = 0 THEN format('DATABASE %I', current_database())
					WHEN setdatabase = 0 THEN format('ROLE %I', own.rolname)
					ELSE format('ROLE %I IN DATABASE %I', own.rolname, current_database()) END, setting))
				FROM pg_catalog.pg_db_role_setting, unnest(setconfig) AS entry, split_part(entry, '=', 1) AS setting
				WHERE setrole IN (0, own.oid)
					AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
					AND setting ~* '^(search_path|role|row_security|.*_preload_libraries|(request|destinations)[.].*)$'
				ORDER BY setting) AS settings,
			current_setting('server_version_num')::integer >= 160000 AS "grantsInherit",
			concat_ws('/', (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()),
				extract(epoch FROM pg_postmaster_start_time())) AS database
		FROM pg_catalog.pg_roles AS own WHERE own.rolname = session_user`);
	if (row === undefined) throw new Error('the login is not a role of the server');
	const refusal = async (role: string) => {
		const answer = await session.attemptAs(role, async () => undefined);
		return answer instanceof DatabaseError ? answer.message : undefined;
	};
	return {
		...row,
		notTenant: await refusal('authenticated'),
		notService: await refusal('service_role'),
		notLoader: await refusal('destinations_loader'),
	};
}

const ownLogins = 'Give services logins without rights of their own: prisma/grants/logins.sql.';

/** Of an administrator's login nothing is to be altered or taken away: services are to have another. */
function sparing({ administrator }: Login, findings: readonly Finding[]): Finding[] {
	return findings.map((finding) => {
		if (!administrator || finding.sql === undefined) return finding;
		const { sql: _, ...rest } = finding;
		return { ...rest, fix: `It is an administrator's login, and stays as it is. ${ownLogins}` };
	});
}

/** What a service's logins may do. @param service the second login, where there is one. */
export function checkLogins(tenant: Login, service: Login | undefined): Finding[] {
	const elsewhere = misplaced(tenant, 'authenticated');
	const findings = elsewhere ? [elsewhere] : sparing(tenant, powersOf(tenant));
	const serviceElsewhere = service && misplaced(service, 'service_role');
	if (serviceElsewhere !== undefined) findings.push(serviceElsewhere);
	else if (service !== undefined && service.name !== tenant.name) {
		findings.push(...sparing(service, powersOf(service)));
	}
	if (tenant.notTenant !== undefined && elsewhere === undefined) {
		findings.push(
			failure(`${tenant.name} cannot switch to the role authenticated: ${tenant.notTenant}`, {
				fix: 'forOrganization() needs it:',
				sql: `GRANT authenticated TO ${tenant.name};`,
			}),
		);
	}
	const server = service ?? tenant;
	if (service !== undefined && service.database !== tenant.database) {
		findings.push(
			failure('The two URLs lead to different databases, or the server was restarted in between', {
				fix: 'Give both logins the same host and database.',
			}),
		);
	}
	if (server.notService !== undefined && serviceElsewhere === undefined) {
		const report = service === undefined ? warning : failure;
		findings.push(
			report(`${server.name} cannot switch to the role service_role: ${server.notService}`, {
				fix:
					service === undefined
						? "Set DATABASE_SERVICE_URL to the URL of the service's login: asService(), rotate, verify and purge need it."
						: 'asService(), rotate, verify and purge need it:',
				...(service === undefined ? {} : { sql: `GRANT service_role TO ${server.name};` }),
			}),
		);
	}
	findings.push(...sparing(tenant, separationOf(tenant, service)));
	return findings;
}

/** Of each role that statements run as: why a login cannot switch to it, and the variable of the login that can. */
const roles = {
	authenticated: { refused: 'notTenant', variable: 'DATABASE_URL', whose: 'the login for tenants' },
	service_role: {
		refused: 'notService',
		variable: 'DATABASE_SERVICE_URL',
		whose: "the service's login",
	},
	destinations_loader: {
		refused: 'notLoader',
		variable: 'DATABASE_LOADER_URL',
		whose: 'the login of loaders',
	},
} as const;

/**
 * A login that can switch to another role than it is here for is the login of another variable: to grant it the role, or to
 * take its own from it, would break the separation of logins.
 */
function misplaced(login: Login, role: keyof typeof roles): Finding | undefined {
	const { refused, variable, whose } = roles[role];
	const others = Object.entries(roles).filter(([, other]) => login[other.refused] === undefined);
	const [[other] = []] = others;
	if (login[refused] === undefined || other === undefined) return undefined;
	return failure(
		`${login.name} cannot switch to the role ${role}, but can switch to ${other}: ${variable} has the URL of another login`,
		{ fix: `Set ${variable} to the URL of ${whose}.` },
	);
}

/** What the login of loaders can do: switch to its role, and no other. */
export function checkLoader(login: Login): Finding[] {
	const elsewhere = misplaced(login, 'destinations_loader');
	if (elsewhere !== undefined) return [elsewhere];
	return sparing(login, loaderFindings(login));
}

function loaderFindings(login: Login): Finding[] {
	const { name } = login;
	const findings = powersOf({
		...login,
		powerful: login.powerful.filter((role) => role !== 'destinations_loader'),
	});
	if (login.superuser) return findings;
	if (login.notLoader !== undefined) {
		findings.push(
			failure(`${name} cannot switch to the role destinations_loader: ${login.notLoader}`, {
				fix: 'createDestinationsLoader() needs it:',
				sql: `GRANT destinations_loader TO ${name};`,
			}),
		);
	}
	for (const [role, refused] of [
		['authenticated', login.notTenant],
		['service_role', login.notService],
	]) {
		if (refused !== undefined) continue;
		findings.push(
			failure(`${name} may switch to ${role}, and a loader does not start with such a login`, {
				fix: 'A login of loaders is a member of destinations_loader only:',
				sql: `REVOKE ${role} FROM ${name};`,
			}),
		);
	}
	return findings;
}

/** What keeps injected SQL of a tenant from acting for every organization. */
function separationOf(tenant: Login, service: Login | undefined): Finding[] {
	if (tenant.superuser || tenant.notTenant !== undefined) return [];
	if (tenant.notService !== undefined) {
		return [ok(`${tenant.name} may switch to authenticated and not service_role`)];
	}
	if (service === undefined || service.name === tenant.name) {
		return [
			warning(
				`${tenant.name} serves tenants and the service: role and claims of each statement keep them apart, but SQL of a tenant's own may SET ROLE service_role`,
				{
					fix: 'Two logins close that: prisma/grants/logins.sql makes them. Services connect with each for what it is for; doctor reads DATABASE_URL and DATABASE_SERVICE_URL.',
				},
			),
		];
	}
	return [
		failure(`${tenant.name} may switch to service_role, which only ${service.name} should`, {
			fix: "A tenant's own SQL could:",
			sql: `REVOKE service_role FROM ${tenant.name};`,
		}),
	];
}

function powersOf(login: Login): Finding[] {
	const { name } = login;
	if (login.superuser) {
		return [
			failure(`${name} is a superuser, for whom neither row level security nor grants hold`, {
				fix: ownLogins,
			}),
		];
	}
	const findings: Finding[] = [];
	if (login.owner) {
		findings.push(
			failure(`${name} owns the tables: it may switch row level security off`, { fix: ownLogins }),
		);
	}
	if (login.bypassrls) {
		findings.push(
			failure(`${name} bypasses row level security (BYPASSRLS)`, {
				sql: `ALTER ROLE ${name} NOBYPASSRLS;`,
			}),
		);
	}
	if (login.createrole) {
		findings.push(
			failure(`${name} may create roles, and so give itself others (CREATEROLE)`, {
				fix: ownLogins,
			}),
		);
	}
	for (const role of login.powerful) {
		findings.push(
			failure(`${name} may switch to ${role}, which has more power than any policy`, {
				sql: `REVOKE ${role} FROM ${name};`,
			}),
		);
	}
	for (const role of login.inherited) {
		findings.push(
			warning(`${name} has the rights of ${role} without becoming it`, {
				fix: 'Without SET ROLE a login should have no rights on any table:',
				sql: login.grantsInherit
					? `GRANT ${role} TO ${name} WITH INHERIT FALSE;\nALTER ROLE ${name} NOINHERIT;`
					: `ALTER ROLE ${name} NOINHERIT;`,
			}),
		);
	}
	for (const { setting, reset } of login.settings) {
		findings.push(
			warning(`Sessions of ${name} begin with a ${setting} of their own`, {
				fix: 'Nothing of this package needs it, and SQL that ran as the login could have set it:',
				sql: reset,
			}),
		);
	}
	if (!login.sets) {
		findings.push(
			failure(`${name} may not call set_config(), so that no statement runs`, {
				sql: `GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO ${name};`,
			}),
		);
	}
	return findings.length === 0
		? [ok(`${name} has no rights except to switch to its role`)]
		: findings;
}
