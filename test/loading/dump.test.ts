import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withClient } from '../../src/testing/databases.ts';
import {
	type InstalledPostgres,
	startInstalledPostgres,
} from '../support/installed-postgres/index.ts';
import { Loading, settled, until } from './loading.ts';

// A dump that is restored has the log of another history: the ids of transactions that this server has not had yet, or
// has had for something else.

let postgres: InstalledPostgres | undefined;
let loading: Loading;
let folder: string;

beforeAll(async () => {
	postgres = await startInstalledPostgres('loaders on a restored dump');
	if (postgres === undefined) return;
	loading = await Loading.on(postgres.database);
	folder = await mkdtemp(join(tmpdir(), 'destinations-dump-'));
});

afterAll(async () => {
	if (postgres === undefined) return;
	await loading?.[Symbol.asyncDispose]();
	await postgres[Symbol.asyncDispose]();
	await rm(folder, { recursive: true, force: true });
});

function run(program: string, args: readonly string[]): void {
	const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
	if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}

/** Dumps the database and restores it under another name. */
function copyByDump(programs: string, from: string, to: string): void {
	const file = join(folder, 'dump.sql');
	run(join(programs, 'pg_dump'), ['--file', file, from]);
	run(join(programs, 'psql'), ['--quiet', '--set=ON_ERROR_STOP=1', '--file', file, to]);
}

test('a restored dump behind the same address: everything is read anew, and every change is known', async () => {
	if (postgres === undefined) return;
	const { programs } = postgres;
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
		copyByDump(programs, url.href, restored.href);
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
