import { setTimeout as delay } from 'node:timers/promises';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { verifySettings } from '../../src/index.ts';
import { type Stage, sql } from './fault.ts';
import type { Tally } from './tally.ts';

/** Looks at the whole database, once nobody writes any more. Returns what else is wrong with it. */
export async function audit(stage: Stage, tally: Tally): Promise<string[]> {
	await compareFinished(stage, tally);
	const [log] = await sql<{ gaps: number; duplicates: number }>(
		stage,
		`SELECT count(*) FILTER (WHERE entries < last)::integer AS gaps,
		        count(*) FILTER (WHERE entries > versions)::integer AS duplicates
		   FROM (SELECT d.version AS last, count(l.version) AS entries, count(DISTINCT l.version) AS versions
		           FROM destinations AS d LEFT JOIN destination_audit_log AS l ON l.destination_id = d.id
		          GROUP BY d.id) AS found`,
	);
	if (log && log.gaps > 0) tally.fault('gaps', `${log.gaps} destinations lack entries of the log`);
	if (log && log.duplicates > 0) {
		tally.fault('duplicates', `${log.duplicates} destinations have an entry of the log twice`);
	}
	return [...(await leftBehind(stage)), ...(await unopened(stage)), ...(await diagnosed(stage))];
}

/** What organizations had when they were done is what they have. */
async function compareFinished(stage: Stage, tally: Tally): Promise<void> {
	const found = await sql<{ id: string; rows: number; entries: number }>(
		stage,
		`SELECT o.id, (SELECT count(*) FROM destinations WHERE organization_id = o.id)::integer AS rows,
		        (SELECT count(*) FROM destination_audit_log WHERE organization_id = o.id)::integer AS entries
		   FROM unnest($1::uuid[]) AS o (id)`,
		[stage.load.finished.map(({ organizationId }) => organizationId)],
	);
	const counts = new Map(found.map(({ id, ...counted }) => [id, counted]));
	for (const { organizationId, rows, entries } of stage.load.finished) {
		const now = counts.get(organizationId) ?? { rows: 0, entries: 0 };
		const said = `an organization has ${now.rows} rows and ${now.entries} entries, and had ${rows} and ${entries}`;
		if (now.rows < rows || now.entries < entries) tally.fault('lost', said);
		else if (now.rows > rows || now.entries > entries) tally.fault('duplicates', said);
	}
}

/** Sessions of the server that no process has. */
async function leftBehind(stage: Stage): Promise<string[]> {
	const measured = await stage.load.measure();
	const open = measured.reduce((sum, { connections }) => sum + connections.total, 0);
	// Of each process besides: that of its loader.
	const loaders = measured.length;
	// Loaders go on, and may be in the middle of a poll, which takes milliseconds: what is left behind stays.
	await delay(1100);
	const [found] = await sql<{ sessions: number; busy: number }>(
		stage,
		`SELECT count(*)::integer AS sessions,
		        count(*) FILTER (
		          WHERE state <> 'idle' AND coalesce(xact_start, query_start) < now() - interval '1 second'
		        )::integer AS busy
		   FROM pg_stat_activity
		  WHERE datname = current_database() AND usename LIKE 'faults%'`,
	);
	const said: string[] = [];
	if (found && found.sessions > open + loaders) {
		said.push(`the server has ${found.sessions} sessions, the processes ${open + loaders}`);
	}
	if (found && found.busy > 0) said.push(`${found.busy} sessions have been busy for over a second`);
	return said;
}

async function unopened({ logins, keys }: Stage): Promise<string[]> {
	const connectionString = logins.serviceConnectionString;
	const { failed, checked } = await verifySettings({ connectionString, keys });
	return failed === 0 ? [] : [`${failed} of ${checked} settings do not open`];
}

async function diagnosed({ logins, keys }: Stage): Promise<string[]> {
	const sections = await diagnose({ ...logins, keys });
	return sections
		.flatMap(({ findings }) => findings)
		.filter(({ severity }) => severity === 'failure')
		.map(({ message }) => `doctor: ${message}`);
}
