import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createDestinationsClient } from '../../../src/index.ts';
import { type Fault, type Stage, sql } from '../fault.ts';
import { type Job, runJob, startJob } from '../jobs.ts';
import { killedDeployment } from './deployment.ts';

const day = 24 * 60 * 60 * 1000;
/** How many rows there are to purge, and to seal again. */
const doomed = 1500;
const sealedBefore = 400;

/** Starts a job and kills it, some times; then lets it come to its end. Returns how often it was killed before. */
async function killAndRepeat({ job: program }: Stage, job: Job): Promise<number> {
	let killed = 0;
	for (let attempt = 0; attempt < 3; attempt += 1) {
		const child = await startJob(program, job);
		const exited = once(child, 'exit');
		await delay(50 + Math.random() * 300);
		child.kill('SIGKILL');
		const [, signal] = await exited;
		if (signal === 'SIGKILL') killed += 1;
	}
	await runJob(program, job);
	return killed;
}

export const jobFaults: readonly Fault[] = [
	{ name: 'kill -9 of a rotation', run: killRotation },
	{ name: 'kill -9 of a purge', run: killPurge },
	{ name: 'kill -9 of prisma migrate deploy', run: killedDeployment },
];

/** What a process of yesterday's key has written is sealed with today's, which the load seals with already. */
async function killRotation(stage: Stage): Promise<string> {
	const { connectionString, serviceConnectionString } = stage.logins;
	const keys = stage.keys.split(',').reverse().join();
	await using yesterday = createDestinationsClient({
		...{ connectionString, serviceConnectionString, keys },
	});
	const organizations = await sql<{ id: string }>(
		stage,
		'INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id',
		[sealedBefore],
	);
	const { destinations } = yesterday.asService();
	await Promise.all(
		organizations.map(({ id: organizationId }) =>
			destinations.create({
				...{ organizationId, type: 'posthog', name: 'Old', settings: { apiKey: 'phc_old' } },
			}),
		),
	);
	const killed = await killAndRepeat(stage, {
		...{ kind: 'rotate', connectionString: serviceConnectionString, keys: stage.keys },
	});
	const [left] = await sql<{ count: number }>(
		stage,
		`SELECT count(*)::integer FROM destinations WHERE settings ->> 'kid' = $1`,
		[keys.split(':')[0]],
	);
	if (left?.count !== 0) throw new Error(`${left?.count} rows have yesterday's key`);
	return `${killed} killed before the end`;
}

async function killPurge(stage: Stage): Promise<string> {
	const { keys, logins } = stage;
	const [organization] = await sql<{ id: string }>(
		stage,
		'INSERT INTO organizations DEFAULT VALUES RETURNING id',
	);
	if (organization === undefined) throw new Error('there is no organization');
	// Past the triggers, which would say that it was deleted now.
	await sql(
		stage,
		`SET session_replication_role = replica;
		 INSERT INTO destinations (organization_id, type, name, environment, settings, deleted_at)
		 SELECT '${organization.id}', 'console', 'Doomed', 'production', '{}', now() - interval '2 days'
		   FROM generate_series(1, ${doomed})`,
	);
	const connectionString = logins.serviceConnectionString;
	const olderThan = new Date(Date.now() - day).toISOString();
	const killed = await killAndRepeat(stage, {
		...{ kind: 'purge', connectionString, keys, olderThan },
	});
	const [left] = await sql<{ rows: number; purged: number }>(
		stage,
		`SELECT (SELECT count(*) FROM destinations WHERE organization_id = $1)::integer AS rows,
		        (SELECT count(*) FROM destination_audit_log WHERE organization_id = $1 AND action = 'purged')::integer AS purged`,
		[organization.id],
	);
	if (left?.rows !== 0 || left.purged !== doomed) {
		throw new Error(
			`of ${doomed} purged rows ${left?.rows} are left, and ${left?.purged} are in the log`,
		);
	}
	return `${killed} killed before the end`;
}
