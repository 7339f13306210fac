import { Client } from 'pg';
import { createDestinationsClient, type DestinationsLoader } from '../../src/index.ts';
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.ts';
import { Loading, pause, settled } from './loading.ts';

// Behind PgBouncer in transaction mode, where statements of one connection run on any session of the server.

const tried = hasPgBouncer ? describe : describe.skip;
if (!hasPgBouncer) {
	process.stderr.write('Not tried, because PgBouncer is not installed: loaders behind a pooler\n');
}

tried('behind PgBouncer in transaction mode', () => {
	let loading: Loading;
	let pooler: PgBouncer;

	beforeAll(async () => {
		loading = await Loading.open();
		const { loaderConnectionString } = loading.database.logins;
		const { connectionString, serviceConnectionString } = loading.database.logins;
		const others = [connectionString, serviceConnectionString, loaderConnectionString];
		pooler = await PgBouncer.before([loading.database.connectionString, ...others]);
	});

	afterAll(async () => {
		await loading?.[Symbol.asyncDispose]();
		await pooler?.[Symbol.asyncDispose]();
	});

	const viaPooler = () => ({
		connectionString: pooler.url(loading.database.logins.loaderConnectionString),
		namedStatements: false,
		// No statement_timeout, which such a pooler does not pass on.
		pool: { connectionTimeoutMillis: 120_000, query_timeout: 120_000 },
	});

	type Made = Awaited<ReturnType<Loading['newDestination']>>;
	const versions = async (loader: DestinationsLoader, { organizationId }: Made) =>
		(await loader.findEnabled(organizationId, 'production')).map(({ version }) => version);

	test('loaders that share a session know every change, those that commit late too', async () => {
		const loaders = await Promise.all([1, 2, 3].map(() => loading.started(viaPooler())));
		const all = async (made: Made) =>
			(await Promise.all(loaders.map((loader) => versions(loader, made)))).flat();
		const [late, early] = [await loading.newDestination(), await loading.newDestination()];
		await Promise.all(loaders.map(settled));
		expect(await all(late)).toEqual([1, 1, 1]);
		const slow = new Client({ connectionString: loading.database.connectionString });
		await slow.connect();
		await slow.query(`BEGIN; UPDATE destinations SET test_mode = true WHERE id = '${late.id}'`);
		await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${early.id}'`);
		await Promise.all(loaders.map(settled));
		expect(await all(early)).toEqual([2, 2, 2]);
		await slow.query('COMMIT');
		await slow.end();
		await Promise.all(loaders.map(settled));
		expect(await all(late)).toEqual([2, 2, 2]);
		expect(loaders.map(({ status }) => status)).toEqual(['live', 'live', 'live']);
		const [sessions] = await loading.sql<{ count: string }>(
			`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1`,
			[new URL(viaPooler().connectionString).username],
		);
		expect(sessions?.count).toBe('1');
		await Promise.all(loaders.map((loader) => loader.close()));
	});

	test('the role of a loader stays on no session that others get', async () => {
		const loader = await loading.started(viaPooler());
		await settled(loader);
		const other = new Client({ connectionString: viaPooler().connectionString });
		await other.connect();
		const { rows } = await other.query('SELECT current_user = session_user AS own');
		expect(rows).toEqual([{ own: true }]);
		await other.end();
		await loader.close();
	});

	// Why loaders poll: nothing says that it does not work.
	test('LISTEN succeeds there, and no notification arrives', async () => {
		const connectionString = pooler.url(loading.database.connectionString);
		const listener = new Client({ connectionString });
		const notifications: unknown[] = [];
		listener.on('notification', (notification) => notifications.push(notification));
		await listener.connect();
		await listener.query('LISTEN destinations');
		for (let sent = 0; sent < 20; sent += 1) await loading.sql(`NOTIFY destinations`);
		await pause(100);
		await listener.query('SELECT 1');
		await listener.end();
		expect(notifications).toEqual([]);
	});

	// What a session begins with, so that statements can be kept, is refused by each version of PgBouncer.
	test('without `namedStatements: false` nothing connects, and the error says why', async () => {
		const refusal = /unsupported startup parameter/;
		const reasonOf = (work: Promise<unknown>) =>
			work.then(String, (error: Error) => String(error.cause));
		const loader = loading.loader({ ...viaPooler(), namedStatements: true });
		expect(await reasonOf(loader.start())).toMatch(refusal);
		const { connectionString, serviceConnectionString } = loading.database.logins;
		const logins = {
			connectionString: pooler.url(connectionString),
			serviceConnectionString: pooler.url(serviceConnectionString),
		};
		await using refused = createDestinationsClient({ ...logins, keys: loading.keys });
		expect(await reasonOf(refused.connect())).toMatch(refusal);
		await using db = createDestinationsClient({
			...{ ...logins, keys: loading.keys, namedStatements: false },
		});
		const { organizationId, id } = await loading.newDestination();
		const found = await db.forOrganization(organizationId).destinations.findById(id);
		expect(found?.id).toBe(id);
	});
});
