import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withClient } from '../../src/testing/databases.ts';
import { Loading, settled, until } from './loading.ts';

// A dump that is restored has the log of another history: the ids of transactions that this server has not had yet, or
// has had for something else.

let loading: Loading;
let programs: Programs | undefined;
let folder: string;

interface Programs {
	readonly dump: string;
	readonly psql: string;
}

beforeAll(async () => {
	loading = await Loading.open();
	folder = await mkdtemp(join(tmpdir(), 'destinations-dump-'));
	programs = await programsOf(loading);
	if (programs === undefined) {
		process.stderr.write(
			'Not tried, because there is no pg_dump for this version of Postgres: loaders on a restored dump\n',
		);
	}
});

afterAll(async () => {
	await loading?.[Symbol.asyncDispose]();
	await rm(folder, { recursive: true, force: true });
});

/** Of the version of the server, or newer: an older pg_dump refuses it. */
async function programsOf(of: Loading): Promise<Programs | undefined> {
	const [row] = await of.sql<{ version: string; folder: string }>(
		`SELECT current_setting('server_version_num') AS version,
			(SELECT setting FROM pg_config WHERE name = 'BINDIR') AS folder`,
	);
	const major = Math.floor(Number(row?.version) / 10_000);
	const folders = [row?.folder ?? '', `/usr/lib/postgresql/${major}/bin`, ''];
	for (const place of folders) {
		const [dump, psql] = [join(place, 'pg_dump'), join(place, 'psql')];
		const { stdout } = spawnSync(dump, ['--version'], { encoding: 'utf8' });
		if (Number(/ (\d+)/.exec(stdout ?? '')?.[1]) >= major) return { dump, psql };
	}
	return undefined;
}

function run(program: string, args: readonly string[]): void {
	const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
	if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}

/** Dumps the database and restores it under another name. */
function copyByDump({ dump, psql }: Programs, from: string, to: string): void {
	const file = join(folder, 'dump.sql');
	run(dump, ['--file', file, from]);
	run(psql, ['--quiet', '--set=ON_ERROR_STOP=1', '--file', file, to]);
}

test('a restored dump behind the same address: everything is read anew, and every change is known', async () => {
	if (programs === undefined) return;
	const [kept, changed] = [await loading.newDestination(), await loading.newDestination()];
	const loader = await loading.started();
	await settled(loader);
	const version = async (organizationId: string) =>
		(await loader.findEnabled(organizationId, 'production')).map((one) => one.version);
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${kept.id}'`);
	await settled(loader);
	expect(await version(kept.organizationId)).toEqual([2]);

	const url = new URL(loading.database.connectionString);
	const name = url.pathname.slice(1);
	const server = new URL(url);
	server.pathname = '/postgres';
	const restored = new URL(url);
	restored.pathname = `/${name}_restored`;
	await withClient(server.href, async (admin) => {
		await admin.query(`CREATE DATABASE ${name}_restored TEMPLATE template0`);
		copyByDump(programs ?? { dump: '', psql: '' }, url.href, restored.href);
		await withClient(restored.href, async (there) => {
			// As if the server that was dumped had been further on: an entry of a transaction yet to come.
			await there.query(`SET session_replication_role = replica`);
			await there.query(
				`INSERT INTO destination_audit_log (organization_id, action, role, login, transaction_id)
				 VALUES ($1, 'updated', 'x', 'x', $2)`,
				[kept.organizationId, String(2n ** 40n)],
			);
		});
		// What was written after the dump is gone with the old database.
		await loading.sql(`UPDATE destinations SET test_mode = false WHERE id = '${kept.id}'`);
		await settled(loader);
		expect(await version(kept.organizationId)).toEqual([3]);
		const { resyncs } = loader.metrics();
		await loading.db.close();
		await loading.admin.end();
		await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
		await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
			name,
		]);
		await admin.query(`ALTER DATABASE ${name} RENAME TO ${name}_old`);
		await admin.query(`ALTER DATABASE ${name}_restored RENAME TO ${name}`);
		await until(() => loader.metrics().resyncs > resyncs);
		await admin.query(`DROP DATABASE ${name}_old`);
	});
	expect(await version(kept.organizationId)).toEqual([2]);
	const answer = await loader.findEnabled(kept.organizationId, 'production');
	await withClient(url.href, async (admin) => {
		await admin.query(`UPDATE destinations SET test_mode = true WHERE id = '${changed.id}'`);
	});
	await settled(loader);
	expect(await version(changed.organizationId)).toEqual([2]);
	// The entry of a transaction to come stays quiet, poll after poll.
	for (let round = 0; round < 3; round += 1) await settled(loader);
	expect(loader.peek(kept.organizationId, 'production')).toBe(answer);
	await loader.close();
});
