import { type ClientConfig, DatabaseError } from 'pg';
import { maxLagSeconds } from '../database/question.ts';
import { type Finding, failure, ok, warning } from './finding.ts';
import { ReadOnlySession, UnreachableError } from './read-only-session.ts';

interface ReplicaRow {
	readonly login: string;
	readonly in_recovery: boolean;
	readonly receives: boolean;
	readonly lag: number | null;
	readonly cluster: string;
	readonly database: string;
}

const place = `(SELECT system_identifier::text FROM pg_control_system()) AS cluster,
	(SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database`;

/** Whether each replica may be read: a standby of this primary, that is not far behind, with a login that may be an organization's. */
export async function checkReplicas(
	primary: ReadOnlySession,
	config: ClientConfig,
	urls: readonly string[],
): Promise<Finding[]> {
	if (urls.length === 0) return [];
	const [own] = await primary.rows<Pick<ReplicaRow, 'cluster' | 'database'>>(`SELECT ${place}`);
	const findings: Finding[] = [];
	for (const connectionString of urls) {
		findings.push(...(await reach({ ...config, connectionString }, own)));
	}
	return findings;
}

/** A function of its own: in a loop, esbuild's `await using` throws the error of one round in the next. */
async function reach(
	config: ClientConfig,
	primary: Pick<ReplicaRow, 'cluster' | 'database'> | undefined,
): Promise<Finding[]> {
	try {
		await using replica = await ReadOnlySession.open(config);
		return await checkReplica(replica, primary);
	} catch (error) {
		if (!(error instanceof UnreachableError)) throw error;
		const fix = 'Start it, or correct DATABASE_REPLICA_URLS.';
		return [warning(`${error.message}. The primary is read instead`, { fix })];
	}
}

async function checkReplica(
	replica: ReadOnlySession,
	primary: Pick<ReplicaRow, 'cluster' | 'database'> | undefined,
): Promise<Finding[]> {
	const { target } = replica;
	const [row] = await replica.rows<ReplicaRow>(`
		SELECT quote_ident(session_user) AS login, pg_is_in_recovery() AS in_recovery,
			EXISTS (SELECT FROM pg_stat_wal_receiver) AS receives,
			CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
				ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END AS lag, ${place}`);
	if (row === undefined || primary === undefined) return [];
	if (row.cluster !== primary.cluster || row.database !== primary.database) {
		const fix = 'Name standbys that stream from the primary.';
		return [failure(`${target} is not a replica of the primary: it is another database`, { fix })];
	}
	if (!row.in_recovery) {
		const fix = 'Name a standby instead, or leave it out. After a failover, name the new standby.';
		return [
			warning(`${target} is not a replica: it is a primary, which is not read as one`, { fix }),
		];
	}
	const role = await replica.attemptAs('authenticated', async () => undefined);
	if (role instanceof DatabaseError) {
		const fix = 'On the primary, as an administrator:';
		const sql = `GRANT authenticated TO ${row.login};`;
		return [failure(`${row.login} may not switch to authenticated on ${target}`, { fix, sql })];
	}
	if (!row.receives) {
		const fix = 'See whether the primary lets it in: its log, and pg_stat_replication there.';
		return [warning(`The replica ${target} receives nothing from its primary`, { fix })];
	}
	const lag = row.lag ?? 0;
	if (lag < maxLagSeconds) return [ok(`The replica ${target} is ${lag.toFixed(1)} s behind`)];
	const fix = 'See what holds up its replay: a long statement, or a disk that is too slow.';
	return [warning(`The replica ${target} is ${lag.toFixed(0)} s behind and is not read`, { fix })];
}
