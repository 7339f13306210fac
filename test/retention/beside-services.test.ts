import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { purgeExpired } from '../../src/index.ts';
import { Loading, settled, until } from '../loading/loading.ts';
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.ts';
import { entriesOfLongAgo, logIds, olderThan } from './expired-rows.ts';

let loading: Loading;

beforeAll(async () => {
	loading = await Loading.open();
});
afterAll(() => loading[Symbol.asyncDispose]());

const connectionString = () => loading.database.logins.serviceConnectionString;

test('a loader that polls while the log is pruned sees every change, and forgets nothing else', async () => {
	const made = await loading.newDestinations(5);
	const old = await entriesOfLongAgo(loading, 5_000);
	const loader = await loading.started();
	const isTested = async (organizationId: string) => {
		const [found] = await loader.findEnabled(organizationId, 'production');
		return found?.testMode;
	};
	for (const { organizationId } of made) expect(await isTested(organizationId)).toBe(false);
	const before = loader.metrics();

	let pruning = true;
	const pruned = purgeExpired({
		...{ connectionString: connectionString(), logOlderThan: olderThan, batchSize: 10 },
	}).finally(() => {
		pruning = false;
	});
	let changes = 0;
	for (; pruning || changes < 10; changes += 1) {
		const [{ id, organizationId } = { id: '', organizationId: '' }] = made;
		const testMode = changes % 2 === 0;
		await loading.db.forOrganization(organizationId).destinations.update(id, { testMode });
		await until(async () => (await isTested(organizationId)) === testMode);
	}
	expect(await pruned).toMatchObject({ log: old.length, stopped: false });
	await settled(loader);
	const { loads, resyncs } = loader.metrics();
	expect(resyncs).toBe(before.resyncs);
	// One for each change, and at most one more where a poll found a change a second time.
	expect(loads - before.loads).toBeLessThanOrEqual(2 * changes);
	const [, ...others] = made;
	const read = loader.metrics().loads;
	for (const { organizationId } of others) expect(await isTested(organizationId)).toBe(false);
	expect(loader.metrics().loads).toBe(read);
});

const behindPooler = hasPgBouncer ? test : test.skip;
if (!hasPgBouncer) {
	process.stderr.write('Not tried, because PgBouncer is not installed: a purge behind a pooler\n');
}

behindPooler(
	'a purge behind PgBouncer in transaction mode exports and removes as elsewhere',
	async () => {
		const folder = await mkdtemp(join(tmpdir(), 'purge-'));
		const exportTo = join(folder, 'audit.jsonl');
		const old = await entriesOfLongAgo(loading, 500);
		const before = await logIds(loading);
		// Two sessions, so that a page may run on another than the one before.
		await using pooler = await PgBouncer.before(
			[loading.database.connectionString, connectionString()],
			['default_pool_size = 2'],
		);
		const result = await purgeExpired({
			...{ connectionString: pooler.url(connectionString()), exportTo, batchSize: 10 },
			...{ deletedOlderThan: olderThan, settingsKeep: 1, logOlderThan: olderThan },
		});
		expect(result).toMatchObject({ log: old.length, exported: before.length, stopped: false });
		const left = new Set(await logIds(loading));
		expect(before.filter((id) => !left.has(id))).toEqual(old);
		const lines = (await readFile(exportTo, 'utf8')).trimEnd().split('\n');
		expect(lines.map((line) => JSON.parse(line).id).sort()).toEqual(before.sort());
		await rm(folder, { recursive: true });
	},
);
