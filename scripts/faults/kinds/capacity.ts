import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { createDestinationsClient, isDatabaseUnavailable } from '../../../src/index.ts';
import { acceptsConnections, type Fault, type Stage, sql, Untried } from '../fault.ts';

export const capacityFaults: readonly Fault[] = [
	{ name: 'connections exhausted', run: exhaustConnections },
	{
		name: 'full disk',
		async run(stage) {
			return fullDisk(stage, async () => {});
		},
	},
	{
		name: 'full disk, also for the WAL',
		async run(stage) {
			return fullDisk(stage, async () => {
				// Each needs a file of its own, so that Postgres panics.
				for (let file = 0; file < 30; file += 1) {
					await sql(stage, 'SELECT pg_switch_wal() FROM pg_logical_emit_message(true, $1, $1)', [
						'full',
					]).catch(() => {});
				}
			});
		},
	},
	{ name: 'quota of temporary files', run: limitTemporaryFiles },
];

/** Takes every connection but those for superusers, again and again, for a second. */
async function exhaustConnections(stage: Stage): Promise<string> {
	const { connectionString } = stage.logins;
	// Whoever comes later finds no place, a superuser neither while others are being turned away.
	const admin = new Client({ connectionString: stage.connectionString, application_name: 'taken' });
	await admin.connect();
	const taken: Client[] = [];
	const take = async (): Promise<boolean> => {
		const client = new Client({ connectionString, application_name: 'taken' });
		client.on('error', () => {});
		const connected = client.connect().then(() => taken.push(client));
		return connected.then(
			() => true,
			() => false,
		);
	};
	try {
		for (let round = 0; round < 10; round += 1) {
			await admin.query(
				`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				  WHERE datname IS NOT NULL AND application_name <> 'taken'`,
			);
			while (await take());
			await delay(100);
		}
	} finally {
		await Promise.all([admin, ...taken].map((client) => client.end()));
	}
	return `${taken.length} taken`;
}

/** Where disks cannot be made full, this is Postgres's own means for it: a query that needs more fails as one does there. */
async function limitTemporaryFiles(stage: Stage): Promise<undefined> {
	const { connectionString, serviceConnectionString } = stage.logins;
	await using db = createDestinationsClient({
		connectionString,
		serviceConnectionString,
		keys: stage.keys,
	});
	const { prisma } = db.asService();
	await setLimit(stage, "SET temp_file_limit = '64kB'");
	try {
		const refused = await prisma.$queryRaw`
			SELECT count(*) FROM (SELECT g FROM generate_series(1, 500000) AS g ORDER BY md5(g::text)) AS sorted`.then(
			() => undefined,
			(error: unknown) => error,
		);
		if (!isDatabaseUnavailable(refused)) throw new Error(`the quota was reported as ${refused}`);
	} finally {
		await setLimit(stage, 'RESET temp_file_limit');
	}
	return undefined;
}

async function setLimit(stage: Stage, text: string): Promise<void> {
	await sql(stage, `ALTER SYSTEM ${text}`);
	await sql(stage, 'SELECT pg_reload_conf()');
	await delay(100);
}

async function fullDisk(stage: Stage, use: () => Promise<void>): Promise<undefined> {
	const { server } = stage;
	const { unlimited } = server.disk;
	if (unlimited !== undefined) throw new Untried(`no file system can be mounted: ${unlimited}`);
	await server.disk.fill();
	await use();
	await delay(1500);
	await server.disk.enlarge();
	await server.ensureRunning();
	await acceptsConnections(stage);
	return undefined;
}
