import type { PoolClient, PoolConfig } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { processOf } from './pg-protocol.ts';
import type { Scope } from './scope.ts';
import { sqlStateOf } from './sql-errors.ts';
import { mayNotSwitch } from './translate-errors.ts';

type Role = Scope['role'];

/**
 * Which process answers, whether prisma/scale/citus.sql was run, which made that function, and whether the login reads this package's tables, or the platform's, by itself: a superuser, their
 * owner, a member of a role that inherits. A statement that arrives without its scope would then see the rows of every
 * organization. In a session of a pooler, somebody else may have left another role.
 */
const readsByItself = (
	process: number | null,
) => `SELECT coalesce(pg_catalog.bool_or(relname NOT IN ('organizations', 'users')), false) AS own,
		pg_catalog.count(*) > 0 AS any,
		pg_catalog.pg_backend_pid() AS process,
		EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = 'public'::pg_catalog.regnamespace
			AND proname = 'destinations_changed_here') AS distributed
	FROM pg_catalog.pg_class
	WHERE relnamespace = 'public'::pg_catalog.regnamespace AND relkind IN ('r', 'p')
		AND relname IN ('destinations', 'destination_audit_log', 'destination_settings_history', 'destination_data_keys',
			'organizations', 'users')
		AND pg_catalog.has_any_column_privilege(CASE WHEN pg_catalog.pg_backend_pid() = ${process ?? 'null'}
			THEN current_user ELSE session_user END, oid, 'SELECT')`;

/** Whether the session's role may set the scope. On a hardened server its login alone may. */
const setsScopes = `SELECT pg_catalog.has_function_privilege('pg_catalog.set_config(text,text,boolean)', 'EXECUTE') AS sets`;

/** Connections behind which another process answers than the one that took them: those of a pooler. */
const pooled = new WeakSet<PoolClient>();

/**
 * Whether the session behind a connection may be another one for each transaction, and others' in between: nothing of it can
 * be relied on, such as what it began with and the statements that it has prepared.
 */
export function isPooled(client: PoolClient): boolean {
	return pooled.has(client);
}

/** Sessions that rest in a role, by their connections. */
const roles = new WeakMap<PoolClient, Role>();

/** The role in which the session of a connection rests; undefined for one that rests as its login. */
export function roleAtRest(client: PoolClient): Role | undefined {
	return roles.get(client);
}

/** SQL that lets a session rest in a role. Not set_config(), which a proxy does not know for a setting. */
export const restAs = (role: Role) => `SET ROLE ${role}`;

export interface RestOptions {
	/** Whether sessions are the pool's own. Those of a pooler in transaction mode are others', too. */
	readonly named: boolean;
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
}

/**
 * Lets sessions of a login that reads by itself rest in a role that sees nothing without claims. Behind a proxy that
 * sends statements of one session to several servers, such as pgpool-II, the scope arrives at one of them and the
 * statement at another; without this it ran there as the login.
 */
export function withRoleAtRest(config: PoolConfig, role: Role, options: RestOptions): PoolConfig {
	return {
		...config,
		verify: (client, done) => {
			rest(client, role, options).then(
				() => (config.verify === undefined ? done() : config.verify(client, done)),
				done,
			);
		},
	};
}

async function rest(client: PoolClient, role: Role, { named, citus }: RestOptions): Promise<void> {
	const reads = await answer(client, readsByItself(processOf(client)));
	if ((reads.distributed === yes) !== citus) throw citus ? notDistributed() : distributed();
	const another = reads.process !== String(processOf(client));
	if (named && another && !(await isPgpool(client))) pooled.add(client);
	if (reads.any !== yes) return;
	if (!named || isPooled(client)) {
		if (reads.own === yes) throw tooPowerful('behind a pooler (`namedStatements: false`)');
		return;
	}
	await client.query(restAs(role)).catch((error: Error) => {
		throw sqlStateOf(error) === '42501' ? mayNotSwitch(role, error) : error;
	});
	if ((await answer(client, setsScopes)).sets === yes) {
		roles.set(client, role);
		return;
	}
	if (reads.own === yes) throw tooPowerful('on a hardened server');
	await client.query('RESET ROLE');
}

/**
 * Whether pgpool-II answers, which has several servers and keeps a session on each for one client at a time
 * (https://www.pgpool.net/docs/latest/en/html/sql-show-pool-version.html). Postgres knows no such setting.
 */
function isPgpool(client: PoolClient): Promise<boolean> {
	return client.query('SHOW pool_version').then(
		() => true,
		(error: unknown) => {
			if (sqlStateOf(error) === '42704') return false;
			throw error;
		},
	);
}

/** How Postgres writes that something is so. */
const yes = 't';

/** One row as texts, whichever parsers the pool has. */
async function answer(client: PoolClient, text: string): Promise<Record<string, string>> {
	const { fields, rows } = await client.query<string[]>({
		...{ text, rowMode: 'array' },
		types: { getTypeParser: () => (value: string) => value },
	});
	const [row = []] = rows;
	return Object.fromEntries(fields.map(({ name }, at) => [name, row[at] ?? '']));
}

function notDistributed(): ConfigurationError {
	return new ConfigurationError(
		'With `citus: true` the tables must be distributed, and in this database they are not. Run prisma/scale/citus.sql on the coordinator, as docs/guides/scale.md says, or leave the option out.',
	);
}

/** Workers would not learn of the scope, and show nothing. */
function distributed(): ConfigurationError {
	return new ConfigurationError(
		'The tables of this database are distributed by Citus: prisma/scale/citus.sql was run. Set `citus: true`, or give the address of another database.',
	);
}

function tooPowerful(where: string): ConfigurationError {
	return new ConfigurationError(
		`The database login can read the tables of destinations without a role, and ${where} nothing would keep a statement from doing so. Use a login that is only a member of its role: prisma/grants/logins.sql creates it.`,
	);
}
