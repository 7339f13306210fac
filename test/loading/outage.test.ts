import type { DestinationsLoader, LoaderFailure } from '../../src/index.ts';
import { isDatabaseUnavailable } from '../../src/index.ts';
import { withClient } from '../../src/testing/databases.ts';
import { startTestDatabase } from '../../src/testing/index.ts';
import { Network } from '../support/network.ts';
import { Loading, settled, until } from './loading.ts';

// The database is away, comes back, or is another one.

let loading: Loading;
let proxy: Network;

beforeAll(async () => {
	loading = await Loading.open();
	proxy = await Network.before(loading.database.connectionString);
});

afterAll(async () => {
	await loading[Symbol.asyncDispose]();
	await proxy[Symbol.asyncDispose]();
});

afterEach(() => proxy.mend());

const viaProxy = () => ({
	connectionString: proxy.url(loading.database.logins.loaderConnectionString),
});

type Made = Awaited<ReturnType<Loading['newDestination']>>;

const versions = async ({ organizationId }: Made, by: DestinationsLoader) =>
	(await by.findEnabled(organizationId, 'production')).map(({ version }) => version);

async function loaded(by: DestinationsLoader): Promise<Made> {
	const made = await loading.newDestination();
	await settled(by);
	await versions(made, by);
	return made;
}

test('it serves from memory, then nobody, and then again by itself, what changed meanwhile', async () => {
	await using loader = await loading.started({ ...viaProxy(), maxStalenessMillis: 700 });
	const [one, other] = [await loaded(loader), await loaded(loader)];
	const unread = await loading.newDestination();
	const statuses: string[] = [];
	const failures: LoaderFailure[] = [];
	loader.on('status', (status) => statuses.push(status));
	loader.on('failure', (failure) => failures.push(failure));

	proxy.cut();
	await until(() => loader.status === 'interrupted');
	expect(await versions(one, loader)).toEqual([1]);
	const missing = await versions(unread, loader).catch((error: unknown) => error);
	expect(isDatabaseUnavailable(missing)).toBe(true);
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${one.id}'`);

	await until(() => loader.status === 'stale');
	const error = await versions(one, loader).catch((reason: unknown) => reason);
	expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
	expect(isDatabaseUnavailable(error)).toBe(true);
	expect(loader.peek(one.organizationId, 'production')).toBeUndefined();
	expect(loader.metrics().ageMillis).toBeGreaterThan(700);

	const answer = { loads: loader.metrics().loads, resyncs: loader.metrics().resyncs };
	proxy.mend();
	await until(() => loader.status === 'live');
	expect(await versions(other, loader)).toEqual([1]);
	// What did not change is still in memory.
	expect(loader.metrics()).toMatchObject(answer);
	expect(await versions(one, loader)).toEqual([2]);
	expect(await versions(unread, loader)).toEqual([1]);
	expect(statuses).toEqual(['interrupted', 'stale', 'live']);
	expect(failures.length).toBeGreaterThan(0);
	expect(failures.every((failure) => isDatabaseUnavailable(failure.error))).toBe(true);
	const counts = failures.map(({ count }) => count);
	expect(counts).toEqual([...new Set(counts)].sort((one, two) => one - two));
});

test('a blocked event loop counts as stale: by the clock, before any timer has run', async () => {
	const loader = await loading.started({ maxStalenessMillis: 300 });
	const { organizationId } = await loaded(loader);
	expect(loader.peek(organizationId, 'production')).toHaveLength(1);
	const end = performance.now() + 400;
	while (performance.now() < end);
	expect(loader.status).toBe('stale');
	expect(loader.peek(organizationId, 'production')).toBeUndefined();
	await expect(loader.findEnabled(organizationId, 'production')).rejects.toMatchObject({
		code: 'UNAVAILABLE',
	});
	await until(() => loader.status === 'live');
});

test('a connection that is lost during a read has it sent once more, on another', async () => {
	await using loader = await loading.started(viaProxy());
	const made = await loading.newDestination();
	proxy.holdAnswerTo(made.organizationId);
	const reading = versions(made, loader);
	await until(() => proxy.holds);
	proxy.kill();
	expect(await reading).toEqual([1]);
});

test('a poll whose answer does not come is given up, and the next one goes on', async () => {
	await using loader = await loading.started({
		...viaProxy(),
		pool: { query_timeout: 200 },
		maxStalenessMillis: 5_000,
	});
	const made = await loaded(loader);
	proxy.holdAnswerTo('destination_audit_log');
	// A prepared statement is sent without its text, so the connection is a new one.
	proxy.kill();
	await until(() => proxy.holds);
	await until(() => loader.status === 'interrupted');
	await until(() => loader.status === 'live');
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`);
	await settled(loader);
	expect(await versions(made, loader)).toEqual([2]);
});

test('a table that somebody locks fails what needs it in time, and harms no answer from memory', async () => {
	await using loader = await loading.started({ pool: { statement_timeout: 200 } });
	const [made, unread] = [await loaded(loader), await loading.newDestination()];
	await settled(loader);
	await loading.sql('BEGIN; LOCK TABLE destinations');
	try {
		const error = await versions(unread, loader).catch((reason: unknown) => reason);
		expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(/in time/) });
		expect(await versions(made, loader)).toEqual([1]);
	} finally {
		await loading.sql('ROLLBACK');
	}
	await until(() => loader.status === 'live');
	expect(await versions(unread, loader)).toEqual([1]);
});

test('another server behind the address: everything is read anew, from there', async () => {
	const other = await Loading.on(await startTestDatabase({ source: 'embedded' }), loading.keys);
	try {
		// The same login on both, as behind the address of a database that failed over.
		const { username, password, pathname } = new URL(
			loading.database.logins.loaderConnectionString,
		);
		await other.sql(`CREATE ROLE ${username} LOGIN NOINHERIT PASSWORD '${password}'`);
		await other.sql(`GRANT destinations_loader TO ${username}`);
		const name = new URL(other.database.connectionString).pathname.slice(1);
		await using loader = await loading.started(viaProxy());
		const made = await loaded(loader);
		const changes: unknown[] = [];
		loader.on('change', (change) => changes.push(change));
		// The same row, in a state that no entry of that server's log tells of.
		await other.sql('SET session_replication_role = replica');
		await other.sql('INSERT INTO organizations (id) VALUES ($1)', [made.organizationId]);
		const [row] = await loading.sql('SELECT to_jsonb(d) AS row FROM destinations d WHERE id = $1', [
			made.id,
		]);
		await other.sql(
			`INSERT INTO destinations SELECT * FROM jsonb_populate_record(NULL::destinations, $1::jsonb || '{"version": 9}')`,
			[JSON.stringify(row?.row)],
		);
		await other.admin.end();
		await withSuperuser(other, async (run) => {
			await run(`ALTER DATABASE ${name} RENAME TO ${pathname.slice(1)}`);
		});
		proxy.turnTo(other.database.connectionString);
		await until(() => changes.length > 0);
		expect(changes).toEqual([{ organizationIds: 'all' }]);
		expect(await versions(made, loader)).toEqual([9]);
		proxy.turnTo(loading.database.connectionString);
		await until(() => changes.length > 1);
		expect(await versions(made, loader)).toEqual([1]);
	} finally {
		proxy.turnTo(loading.database.connectionString);
		await other.database.stop();
	}
});

async function withSuperuser(
	of: Loading,
	work: (run: (sql: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
	const url = new URL(of.database.connectionString);
	url.pathname = '/postgres';
	await of.db.close();
	await withClient(url.href, (client) => work((sql) => client.query(sql)));
}

test('a database that was dropped and made anew under its name: everything is read anew', async () => {
	const old = await Loading.open(loading.keys);
	await using loader = await old.started();
	const made = await old.newDestination();
	await settled(loader);
	expect(await versions(made, loader)).toEqual([1]);
	const changes: unknown[] = [];
	loader.on('change', (change) => changes.push(change));
	const name = new URL(old.database.connectionString).pathname.slice(1);
	const fresh = await old.database.clone();
	const freshName = new URL(fresh.connectionString).pathname.slice(1);
	await withSuperuser(old, async (run) => {
		await run(`DROP DATABASE ${name} WITH (FORCE)`);
		await run(`ALTER DATABASE ${freshName} RENAME TO ${name}`);
	});
	await until(() => changes.length > 0);
	expect(await versions(made, loader)).toEqual([]);
	await loader.close();
	await old.database.stop();
});

test('a server that recovered from a crash: everything is read anew', async () => {
	await using database = await startTestDatabase({ source: 'embedded' });
	const own = await Loading.on(database);
	const loader = await own.started();
	const made = await own.newDestination();
	await settled(loader);
	expect(await versions(made, loader)).toEqual([1]);
	const { resyncs } = loader.metrics();
	const [backend] = await own.sql<{ pid: number }>('SELECT pg_backend_pid() AS pid');
	// So that no id of a transaction comes again, which would be noticed by itself.
	await own.sql('CHECKPOINT');
	process.kill(backend?.pid ?? 0, 'SIGKILL');
	await until(() => loader.metrics().resyncs > resyncs);
	expect((await loader.findEnabled(made.organizationId, 'production')).length).toBeLessThan(2);
	await loader.close();
	await own.db.close();
});

test('an outage after which the log no longer reaches back: everything is read anew', async () => {
	await using loader = await loading.started(viaProxy());
	const made = await loaded(loader);
	const { resyncs } = loader.metrics();
	proxy.cut();
	await until(() => loader.status === 'interrupted');
	await loading.sql('ALTER TABLE destination_audit_log DISABLE TRIGGER USER');
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`);
	await loading.sql('SET session_replication_role = replica; DELETE FROM destination_audit_log');
	await loading.sql(
		'RESET session_replication_role; ALTER TABLE destination_audit_log ENABLE TRIGGER USER',
	);
	// As if more than a minute had gone by.
	const now = performance.now.bind(performance);
	jest.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
	try {
		proxy.mend();
		await until(() => loader.metrics().resyncs > resyncs, { within: 80_000 });
		expect(await versions(made, loader)).toEqual([2]);
	} finally {
		jest.restoreAllMocks();
	}
});
