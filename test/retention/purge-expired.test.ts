import { mkdir, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PurgeExpiredOptions, purgeExpired } from '../../src/index.ts';
import { destinationOfManyVersions } from '../support/many-versions.ts';
import { type Service, startService } from '../support/service.ts';
import { deletedLongAgo, entriesOfLongAgo, logIds, olderThan } from './expired-rows.ts';

let service: Service;
let folder: string;

beforeAll(async () => {
	service = await startService();
	folder = await mkdtemp(join(tmpdir(), 'purge-'));
});
afterAll(async () => {
	await service.stop();
	await rm(folder, { recursive: true });
});
beforeEach(() =>
	service.admin.query(`SET session_replication_role = replica; DELETE FROM destinations;
	DELETE FROM destination_settings_history; DELETE FROM destination_audit_log; RESET session_replication_role`),
);

const purge = (options: PurgeExpiredOptions) =>
	purgeExpired({ connectionString: service.logins.serviceConnectionString, ...options });

let files = 0;
const newFile = () => {
	files += 1;
	return join(folder, `audit-${files}.jsonl`);
};

async function exportedIds(file: string): Promise<string[]> {
	const lines = (await readFile(file, 'utf8')).split('\n');
	expect(lines.pop()).toBe('');
	return lines.map((line) => JSON.parse(line).id);
}

const count = async (table: string) =>
	Number((await service.admin.query(`SELECT count(*) FROM ${table}`)).rows[0].count);

const all = { deletedOlderThan: olderThan, settingsKeep: 4990, logOlderThan: olderThan };

test('removes what is past each bound and nothing else, and says how much; a dry run says the same and removes nothing', async () => {
	await deletedLongAgo(service, 7);
	const { id } = await destinationOfManyVersions(service);
	const old = await entriesOfLongAgo(service, 25);
	const before = await logIds(service);
	const rows = await count('destinations');
	const earlier = await count('destination_settings_history');

	// 5,000 siblings of that destination were deleted in 2020, too.
	const expected = { destinations: 5007, log: 25, exported: 0, failed: 0, stopped: false };
	const progress: string[] = [];
	const dry = await purge({
		...all,
		dryRun: true,
		exportTo: newFile(),
		onProgress: ({ part, done, total }) => progress.push(`${part} ${done} of ${total}`),
	});
	expect(dry).toEqual({ ...expected, settings: 10 });
	expect(progress).toEqual(['destinations 5007 of 5007', 'settings 10 of 10', 'log 25 of 25']);
	expect(await logIds(service)).toEqual(before);
	expect(await count('destinations')).toBe(rows);

	const seen = new Set<string>();
	const done = await purge({ ...all, onProgress: ({ part }) => seen.add(part) });
	expect(done).toEqual({ ...expected, settings: 10 });
	expect([...seen]).toEqual(['destinations', 'settings', 'log']);
	expect(await count('destinations')).toBe(rows - 5007);
	// Those of the seven went with them.
	expect(await count('destination_settings_history')).toBe(earlier - 10 - 7);
	expect((await service.db.asService().destinations.findById(id))?.id).toBe(id);
	const left = new Set(await logIds(service));
	expect(old.filter((entry) => left.has(entry))).toEqual([]);
	expect(before.filter((entry) => !left.has(entry))).toEqual(old);
	const { items } = await service.db.asService().audit.list({ action: 'log_pruned' });
	expect(items).toMatchObject([{ changes: { entries: { old: 25 } }, role: 'service_role' }]);

	expect(await purge(all)).toEqual({ ...expected, destinations: 0, settings: 0, log: 0 });
});

describe('a destination that the database refuses to remove', () => {
	let refused: string;
	let others: string[];

	beforeEach(async () => {
		[refused = '', ...others] = await deletedLongAgo(service, 6);
		await service.admin.query(
			`CREATE TABLE host_events (destination_id uuid CONSTRAINT host_events_fkey REFERENCES destinations (id));
			 INSERT INTO host_events VALUES ('${refused}')`,
		);
	});
	afterEach(() => service.admin.query('DROP TABLE host_events'));

	test.each([1, 3, 500])(
		'keeps none of the others, %i at once, and is reported',
		async (batchSize) => {
			const failures: unknown[] = [];
			const result = await purge({
				deletedOlderThan: olderThan,
				batchSize,
				onFailure: (failure) => failures.push(failure),
			});
			expect(result).toMatchObject({ destinations: others.length, failed: 1 });
			expect(failures).toEqual([
				{
					destinationId: refused,
					organizationId: expect.any(String),
					code: expect.any(String),
					constraint: 'host_events_fkey',
				},
			]);
			const { rows } = await service.admin.query('SELECT id FROM destinations');
			expect(rows).toEqual([{ id: refused }]);
		},
	);

	test('is what purgeDeleted() throws, once the others are gone', async () => {
		const { destinations } = service.db.asService();
		await expect(destinations.purgeDeleted({ olderThan })).rejects.toThrow(/host_events/);
		const { rows } = await service.admin.query('SELECT id FROM destinations');
		expect(rows).toEqual([{ id: refused }]);
	});

	test('in a transaction ends that', async () => {
		const purging = service.db
			.asService()
			.transaction(({ destinations }) => destinations.purgeDeleted({ olderThan }));
		await expect(purging).rejects.toThrow(/host_events/);
		expect(await count('destinations')).toBe(6);
	});
});

describe('an export before the log is pruned', () => {
	test('has every entry once, over several runs, and what is committed late stays until it is in it', async () => {
		const file = newFile();
		const old = await entriesOfLongAgo(service, 1203);
		const { admin } = service;
		// It begins before the export, and an old entry of it is committed behind it.
		const slow = await service.tenant();
		await admin.query('BEGIN');
		await admin.query('SET LOCAL session_replication_role = replica');
		const late = await admin.query<{ id: string }>(
			`INSERT INTO destination_audit_log (action, role, login, recorded_at, transaction_id)
			 VALUES ('updated', 'x', 'x', '2020-06-01', pg_current_xact_id()::text::bigint) RETURNING id`,
		);
		await slow.destinations.create({
			...{ organizationId: slow.organizationId, type: 'console', name: 'x', settings: {} },
		});
		const first = await purge({ logOlderThan: olderThan, exportTo: file, batchSize: 500 });
		expect(first).toMatchObject({ log: 1203, exported: 1204 });
		expect((await stat(file)).mode & 0o077).toBe(0);
		await admin.query('COMMIT');

		const second = await purge({ logOlderThan: olderThan, exportTo: file });
		// The late one, and three records of the removal.
		expect(second).toMatchObject({ log: 1, exported: 4 });
		const ids = await exportedIds(file);
		expect(new Set(ids).size).toBe(ids.length);
		expect(ids).toEqual(expect.arrayContaining([...old, String(late.rows[0]?.id)]));
		expect(new Set([...ids, ...(await logIds(service))]).size).toBe(1209);
	});

	test('that was cut off goes on behind what is safe', async () => {
		const file = newFile();
		const old = await entriesOfLongAgo(service, 600);
		await purge({ logOlderThan: olderThan, exportTo: file });
		await writeFile(file, `{"id": "half of ${'a long line '.repeat(1000)}`, { flag: 'a' });
		const more = await entriesOfLongAgo(service, 3);
		expect(await purge({ logOlderThan: olderThan, exportTo: file })).toMatchObject({ exported: 4 });
		const ids = await exportedIds(file);
		expect(ids).toEqual(expect.arrayContaining([...old, ...more]));
		expect(new Set(ids).size).toBe(ids.length);
	});

	test.each<[string, (file: string) => Promise<unknown>, RegExp]>([
		['holds something else', (file) => writeFile(file, 'mine'), /is not empty/],
		[
			'lost something',
			async (file) => {
				await purge({ logOlderThan: olderThan, exportTo: file });
				await truncate(file, 10);
			},
			/is shorter/,
		],
		[
			'is of another server',
			async (file) => {
				const parts = [1, 'another', '1', '1', [], '1', '1'];
				const cursor = Buffer.from(JSON.stringify(parts)).toString('base64url');
				await writeFile(file, '');
				await writeFile(`${file}.cursor`, JSON.stringify({ cursor, bytes: 0 }));
			},
			/another database server/,
		],
		[
			'has no place beside it',
			(file) => writeFile(`${file}.cursor`, '{'),
			/is not what an export left/,
		],
		['is in use', (file) => writeFile(`${file}.lock`, String(process.pid)), /Another process/],
		['is a folder', (file) => mkdir(file), /cannot be written/],
		['is a device', (file) => symlink('/dev/full', file), /is not a file/],
	])('to a file that %s is refused, and nothing is removed', async (_, prepare, message) => {
		const old = await entriesOfLongAgo(service, 20);
		const file = newFile();
		await prepare(file);
		const before = await logIds(service);
		await expect(purge({ logOlderThan: olderThan, exportTo: file })).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringMatching(message),
		});
		expect(await logIds(service)).toEqual(before);
		expect(old).toHaveLength(20);
	});
});

test('a signal ends it behind the transactions that are under way, and the next run does the rest', async () => {
	await entriesOfLongAgo(service, 50);
	const stop = new AbortController();
	const stopped = await purge({
		logOlderThan: olderThan,
		batchSize: 10,
		signal: stop.signal,
		onProgress: ({ done }) => {
			if (done === 20) stop.abort();
		},
	});
	expect(stopped.stopped).toBe(true);
	// Two pages go at once.
	expect([20, 30]).toContain(stopped.log);
	expect(await purge({ logOlderThan: olderThan })).toMatchObject({
		log: 50 - stopped.log,
		stopped: false,
	});
});

test.each<[string, PurgeExpiredOptions, RegExp]>([
	['no bound', {}, /nothing to purge/],
	[
		'a file without a bound of the log',
		{ settingsKeep: 1, exportTo: 'x' },
		/`exportTo` needs `logOlderThan`/,
	],
	['a log of less than 30 days', { logOlderThan: new Date() }, /30 days ago/],
	['a date that is none', { deletedOlderThan: new Date('x') }, /deletedOlderThan/],
	['a batch of none', { settingsKeep: 1, batchSize: 0 }, /batchSize/],
])('%s is refused', async (_, options, message) => {
	await expect(purge(options)).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message: expect.stringMatching(message),
	});
});

test('the login of tenants may not', async () => {
	const connectionString = service.logins.connectionString;
	await expect(purge({ connectionString, settingsKeep: 1 })).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message: expect.stringMatching(/service_role/),
	});
});

describe('pages of the log, of which two go at once', () => {
	const steps: number[] = [];
	const purgeLog = () =>
		purge({ logOlderThan: olderThan, batchSize: 10, onProgress: ({ done }) => steps.push(done) });

	beforeEach(() => {
		steps.length = 0;
	});

	test('go over ids that no entry has', async () => {
		const old = await entriesOfLongAgo(service, 35);
		await service.admin.query(
			`SELECT setval('destination_audit_log_id_seq', ${old.at(-1)} + 1000000000000)`,
		);
		await entriesOfLongAgo(service, 35);
		expect(await purgeLog()).toMatchObject({ log: 70 });
		expect(steps.at(-1)).toBe(70);
		// A worker that waits for the answer of the other looks at some that are empty.
		expect(steps.length).toBeLessThan(50);
	});

	test('end where one of them fails, and the next run does the rest', async () => {
		const old = await entriesOfLongAgo(service, 1_000);
		await service.admin.query(`
			CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
			CREATE TRIGGER refuse_one BEFORE DELETE ON destination_audit_log
				FOR EACH ROW WHEN (OLD.id = ${old[15]}) EXECUTE FUNCTION refuse_one()`);
		await expect(purgeLog()).rejects.toThrow('not this one');
		const left = (await logIds(service)).filter((id) => old.includes(id));
		expect(left).toEqual(expect.arrayContaining(old.slice(10, 20)));
		expect(left.length).toBeGreaterThan(900);
		await service.admin.query('DROP FUNCTION refuse_one CASCADE');
		expect(await purgeLog()).toMatchObject({ log: left.length });
	});
});
