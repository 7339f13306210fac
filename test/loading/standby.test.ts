import { Client } from 'pg';
import {
	createDestinationsClient,
	type DestinationsClient,
	type DestinationsLoader,
	isDatabaseUnavailable,
} from '../../src/index.ts';
import { startTestDatabase, type TestDatabase } from '../../src/testing/index.ts';
import { Loading, settled, until } from './loading.ts';
import { Standby } from './standby.ts';

// A loader that reads a hot standby, which is promoted in the end: the tests are in this order on purpose.

let primary: TestDatabase;
let loading: Loading;
let standby: Standby;
let loader: DestinationsLoader;
/** Exports what the standby has. */
let reader: DestinationsClient;
let cursorOfBefore: { made: Made; cursor: string };
/** A superuser of the standby. */
let there: Client;

beforeAll(async () => {
	primary = await startTestDatabase({ source: 'embedded' });
	loading = await Loading.on(primary);
	standby = await Standby.of(primary.connectionString, loading.admin);
	there = new Client({ connectionString: standby.url(primary.connectionString) });
	await there.connect();
	reader = createDestinationsClient({
		connectionString: standby.url(primary.logins.connectionString),
		serviceConnectionString: standby.url(primary.logins.serviceConnectionString ?? ''),
		keys: loading.keys,
	});
	loader = await loading.started({
		connectionString: standby.url(primary.logins.loaderConnectionString),
		maxStalenessMillis: 1_500,
	});
});

afterAll(async () => {
	await loader?.close();
	await reader?.close();
	await there?.end();
	await standby?.[Symbol.asyncDispose]();
	await loading?.[Symbol.asyncDispose]();
});

type Made = Awaited<ReturnType<Loading['newDestination']>>;

const versions = async ({ organizationId }: Made) =>
	(await loader.findEnabled(organizationId, 'production')).map(({ version }) => version);

/** Waits until the standby has replayed what the primary has written, and the loader has polled since. */
async function replayed(): Promise<void> {
	const [row] = await loading.sql<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
	await until(async () => {
		const { rows } = await there.query('SELECT pg_last_wal_replay_lsn() >= $1 AS done', [row?.lsn]);
		return rows[0]?.done;
	});
	await settled(loader);
}

async function loaded(): Promise<Made> {
	const made = await loading.newDestination();
	await replayed();
	await versions(made);
	await replayed();
	expect(await versions(made)).toEqual([1]);
	return made;
}

test('a change on the primary is known, and the lag of the standby is measured', async () => {
	const made = await loaded();
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`);
	await replayed();
	expect(await versions(made)).toEqual([2]);
	expect(loader.metrics().replicaLagMillis).toEqual(expect.any(Number));
});

// Wrong where it is asked what the snapshot sees (`pg_visible_in_snapshot`), or lists: a standby's lists nothing.
test('a transaction that is open on the primary for many polls is known when it commits', async () => {
	await using slow = await connected();
	const [first, second] = [await loaded(), await loaded()];
	await slow.query(`BEGIN; UPDATE destinations SET test_mode = true WHERE id = '${first.id}'`);
	for (let round = 0; round < 3; round += 1) {
		await loading.sql(
			`UPDATE destinations SET test_mode = NOT test_mode WHERE id = '${second.id}'`,
		);
		await replayed();
		expect(await versions(second)).toEqual([round + 2]);
		expect(await versions(first)).toEqual([1]);
	}
	await slow.query('COMMIT');
	await replayed();
	expect(await versions(first)).toEqual([2]);
});

/** Of the log of one organization as a server has it: the names that it says were given, and where the next export begins. */
async function exported(on: DestinationsClient, { organizationId }: Made, cursor?: string) {
	let next = '';
	const onCursor = (end: string) => {
		next = end;
	};
	const names: string[] = [];
	// By the service, to which newer entries are those of all organizations.
	const { audit } = on.asService();
	for await (const line of audit.export({ organizationId, cursor, onCursor })) {
		const name: unknown = JSON.parse(line).changes.name?.new;
		if (typeof name === 'string') names.push(name);
	}
	return { names, cursor: next };
}

test('an export of the log misses nothing there either, from a cursor of that server on', async () => {
	await using slow = await connected();
	const [made, other] = [await loaded(), await loaded()];
	await slow.query(`BEGIN; UPDATE destinations SET name = 'slow' WHERE id = '${made.id}'`);
	await loading.sql(`UPDATE destinations SET name = 'quick' WHERE id = '${other.id}'`);
	await replayed();
	const [onStandby, onPrimary] = [await exported(reader, made), await exported(loading.db, made)];
	expect(onStandby.names).toEqual(onPrimary.names);
	expect(onStandby.names).not.toContain('slow');
	await slow.query('COMMIT');
	await replayed();
	expect((await exported(reader, made, onStandby.cursor)).names).toContain('slow');
	expect((await exported(loading.db, made, onPrimary.cursor)).names).toEqual(['slow']);
	// Each server has statistics of its own, by which it is known that it did not crash.
	const ofTheOther = exported(reader, made, onPrimary.cursor);
	await expect(ofTheOther).rejects.toMatchObject({ code: 'VALIDATION' });
	cursorOfBefore = { made, ...(await exported(reader, made)) };
});

test('a standby that lost its primary serves until maxStalenessMillis, and then nobody', async () => {
	const made = await loaded();
	const statuses: string[] = [];
	loader.on('status', (status) => statuses.push(status));
	await primary.stop();
	await until(() => loader.status === 'interrupted');
	expect(await versions(made)).toEqual([1]);
	await until(() => loader.status === 'stale');
	expect(loader.peek(made.organizationId, 'production')).toBeUndefined();
	const error = await versions(made).catch((reason: unknown) => reason);
	expect(isDatabaseUnavailable(error)).toBe(true);
	const other = loading.loader({
		connectionString: standby.url(primary.logins.loaderConnectionString),
	});
	await expect(other.start()).rejects.toMatchObject({
		code: 'UNAVAILABLE',
		message: expect.stringMatching(/^The server is a standby/),
	});
	expect(statuses).toEqual(['interrupted', 'stale']);
});

test('once it is promoted it goes on where it was, without reading anything anew', async () => {
	const { resyncs } = loader.metrics();
	await there.query('SELECT pg_promote()');
	await until(() => loader.status === 'live');
	await settled(loader);
	expect(loader.metrics()).toMatchObject({ resyncs, replicaLagMillis: null });
	const [row] = (
		await there.query<{ id: string; organization_id: string }>(
			`UPDATE destinations SET test_mode = NOT test_mode WHERE id = (SELECT max(id::text)::uuid FROM destinations)
			 RETURNING *`,
		)
	).rows;
	await settled(loader);
	const [found] = await loader.findEnabled(row?.organization_id ?? '', 'production');
	expect(found).toMatchObject({ id: row?.id, version: 2 });
});

test('a cursor of before the promotion is refused: what was seen may be lost, and its numbers given out again', async () => {
	const { made, cursor } = cursorOfBefore;
	await expect(exported(reader, made, cursor)).rejects.toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: ['cursor'] }],
	});
	const now = await exported(reader, made);
	expect((await exported(reader, made, now.cursor)).names).toEqual([]);
});

test('a prepared transaction is known when it is committed', async () => {
	const { rows } = await there.query<Made>(
		'SELECT id, organization_id AS "organizationId", version FROM destinations LIMIT 1',
	);
	const [made] = rows;
	if (made === undefined) throw new Error('no destination');
	expect(await versions(made)).toEqual([made.version]);
	await there.query(
		`BEGIN; UPDATE destinations SET test_mode = NOT test_mode WHERE id = '${made.id}'; PREPARE TRANSACTION 'loading'`,
	);
	for (let round = 0; round < 3; round += 1) await settled(loader);
	expect(await versions(made)).toEqual([made.version]);
	await there.query(`COMMIT PREPARED 'loading'`);
	await settled(loader);
	expect(await versions(made)).toEqual([made.version + 1]);
});

async function connected(): Promise<Client & AsyncDisposable> {
	const client = new Client({ connectionString: primary.connectionString });
	await client.connect();
	return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
