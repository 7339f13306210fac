import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { maxLagSeconds } from '../../src/database/question.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import {
	createDestinationsClient,
	type DestinationsClient,
	type DestinationsClientOptions,
	isDatabaseUnavailable,
	type ScopedClient,
	type ScopedTransaction,
	UnavailableError,
} from '../../src/index.ts';
import { startTestDatabase } from '../../src/testing/index.ts';
import { Loading, until } from '../loading/loading.ts';
import { Standby } from '../loading/standby.ts';
import { everyCall } from '../repository/every-call.ts';
import { Network } from '../support/network.ts';

// Reads of an organization are answered by a hot standby, which is promoted in the end: the tests are in this order on purpose.

let loading: Loading;
let standby: Standby;
/** Before the standby, to hear whether it is asked. */
let network: Network;
/** Before the primary, to turn it to another server. */
let address: Network;
/** Superusers. */
let there: Client;
let db: DestinationsClient;
const clients: DestinationsClient[] = [];
let heard = 0;

beforeAll(async () => {
	loading = await Loading.on(await startTestDatabase({ source: 'embedded' }));
	const { connectionString, logins } = loading.database;
	// Servers of tests answer before a commit is safe; a synchronous standby would not be waited for.
	const database = new URL(connectionString).pathname.slice(1);
	await loading.sql(`ALTER DATABASE ${database} SET synchronous_commit = on`);
	standby = await Standby.of(connectionString, loading.admin);
	there = new Client({ connectionString: standby.url(connectionString) });
	await there.connect();
	// Whatever stands in the way of replay is cancelled at once.
	await there.query('ALTER SYSTEM SET max_standby_streaming_delay = 0');
	await there.query('SELECT pg_reload_conf()');
	network = await Network.before(standby.url(connectionString));
	const push = () => {
		heard += 1;
	};
	network.watchAnswers(() => ({ push }));
	address = await Network.before(connectionString);
	db = open({ replicas: [network.url(logins.connectionString)] });
});

afterAll(async () => {
	await Promise.all(clients.map((client) => client.close()));
	await there?.end();
	await network?.[Symbol.asyncDispose]();
	await address?.[Symbol.asyncDispose]();
	await standby?.[Symbol.asyncDispose]();
	await loading?.[Symbol.asyncDispose]();
});

function open(options: Partial<DestinationsClientOptions>): DestinationsClient {
	const { logins } = loading.database;
	const client = createDestinationsClient({
		connectionString: address.url(logins.connectionString),
		serviceConnectionString: address.url(logins.serviceConnectionString ?? ''),
		keys: loading.keys,
		...options,
	});
	clients.push(client);
	return client;
}

/** Asks the standby, again where replay cancelled the question: it waits for nobody here. */
async function askStandby(text: string, values: unknown[] = []) {
	for (;;) {
		try {
			return await there.query(text, values);
		} catch (error) {
			// https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT
			if ((error as { code?: unknown }).code !== '40001') throw error;
		}
	}
}

/** What a read returns, and which server it is from. */
async function asked<T>(work: () => PromiseLike<T>): Promise<{ from: string; value: T }> {
	const before = heard;
	const value = await work();
	return { from: heard > before ? 'replica' : 'primary', value };
}

/** Waits until the standby has what the primary has. */
async function replayed(): Promise<void> {
	const [row] = await loading.sql<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
	await until(async () => {
		const { rows } = await askStandby('SELECT pg_last_wal_replay_lsn() >= $1 AS done', [row?.lsn]);
		return rows[0]?.done;
	});
}

/** An organization that this client has written nothing for, with one destination that the standby has. */
async function tenant(of = db) {
	const own = await loading.newDestination();
	await replayed();
	return { own, scope: of.forOrganization(own.organizationId) };
}

type Read = (scope: ScopedTransaction, id: string, organizationId: string) => PromiseLike<unknown>;

const reads: Readonly<Record<string, Read>> = {
	findById: ({ destinations }, id) => destinations.findById(id),
	findByOrganization: ({ destinations }, _, organizationId) =>
		destinations.findByOrganization(organizationId),
	findByType: ({ destinations }) => destinations.findByType('posthog'),
	list: ({ destinations }) => destinations.list({ limit: 1 }),
	count: ({ destinations }) => destinations.count(),
	'prisma.findUnique': ({ prisma }, id) => prisma.destination.findUnique({ where: { id } }),
	'prisma.findMany': ({ prisma }) =>
		prisma.destination.findMany({ include: { organization: true } }),
	'prisma.findFirstOrThrow': ({ prisma }) => prisma.destination.findFirstOrThrow(),
	'prisma.count': ({ prisma }) => prisma.destination.count(),
	'prisma.aggregate': ({ prisma }) => prisma.destination.aggregate({ _count: true }),
	'prisma.groupBy': ({ prisma }) => prisma.destination.groupBy({ by: ['type'], _count: true }),
	'prisma.organization': ({ prisma }) => prisma.organization.findMany(),
	'fluent relations of Prisma': ({ prisma }, _, id) =>
		prisma.organization.findUnique({ where: { id } }).destinations(),
};
const repositoryReads = new Set(['findById', 'findByOrganization', 'findByType', 'list', 'count']);

describe.each(Object.entries(reads))('%s', (_, read) => {
	test('is answered by the replica as by the primary, and by the primary in a transaction', async () => {
		const { own, scope } = await tenant();
		const { id, organizationId } = own;
		const byReplica = await asked(() => read(scope, id, organizationId));
		expect(byReplica.from).toBe('replica');
		const inside = () => scope.transaction(async (tx) => read(tx, id, organizationId));
		expect(await asked(inside)).toEqual({ from: 'primary', value: byReplica.value });
		// Row level security is the replica's, too.
		const { scope: other } = await tenant();
		const byOther = await asked(async () => read(other, id, other === scope ? '' : organizationId))
			.then(({ value }) => JSON.stringify(value))
			.catch(() => 'refused');
		expect(byOther).not.toContain(id);
	});
});

test.each(Object.entries(everyCall).filter(([name]) => !repositoryReads.has(name)))(
	'%s is for the primary',
	async (_, call) => {
		const { own, scope } = await tenant();
		const { from } = await asked(async () => {
			await Promise.resolve(call(scope, own)).catch(() => {});
		});
		expect(from).toBe('primary');
	},
);

test('raw SQL, the log and the service are for the primary', async () => {
	const { own, scope } = await tenant();
	const others: (() => PromiseLike<unknown>)[] = [
		() => db.asService().destinations.findById(own.id),
		() => db.asService().prisma.destination.findMany(),
		() => scope.prisma.destinationAuditEntry.findMany(),
		() => scope.prisma.$queryRaw`SELECT id FROM destinations`,
		() => scope.prisma.$transaction([scope.prisma.destination.findMany()]),
	];
	for (const work of others) expect((await asked(work)).from).toBe('primary');
});

type Write = (scope: ScopedClient, id: string, name: string) => PromiseLike<unknown>;

const writes: Readonly<Record<string, Write>> = {
	update: ({ destinations }, id, name) => destinations.update(id, { name }),
	'update by Prisma': ({ prisma }, id, name) =>
		prisma.destination.update({ where: { id }, data: { name } }),
	'raw SQL': ({ prisma }, id, name) =>
		prisma.$executeRaw`UPDATE destinations SET name = ${name} WHERE id = ${id}::uuid`,
	'a transaction': ({ transaction }, id, name) =>
		transaction((tx) => tx.destinations.update(id, { name })),
	'the service': (_, id, name) => db.asService().destinations.update(id, { name }),
	'a batch': ({ prisma }, id, name) =>
		prisma.$transaction([prisma.destination.update({ where: { id }, data: { name } })]),
};

describe('what was written here is in what is read here', () => {
	beforeAll(() => askStandby('SELECT pg_wal_replay_pause()'));
	afterAll(() => askStandby('SELECT pg_wal_replay_resume()'));

	test.each(Object.entries(writes))('after %s', async (_, write) => {
		await askStandby('SELECT pg_wal_replay_resume()');
		const { own, scope } = await tenant();
		const { scope: elsewhere, own: others } = await tenant();
		const names = {
			'the repository': async () => (await scope.destinations.findById(own.id))?.name,
			Prisma: async () => (await scope.prisma.destination.findFirst())?.name,
		};
		await askStandby('SELECT pg_wal_replay_pause()');
		await until(async () => {
			const { rows } = await askStandby('SELECT pg_get_wal_replay_pause_state() AS state');
			return rows[0].state === 'paused';
		});
		await write(scope, own.id, 'Renamed');
		for (const name of Object.values(names)) {
			for (let time = 0; time < 3; time += 1) expect(await name()).toBe('Renamed');
		}
		if (write !== writes['the service']) {
			const byOther = await asked(() => elsewhere.destinations.findById(others.id));
			expect(byOther).toMatchObject({ from: 'replica', value: { id: others.id } });
		}
		await askStandby('SELECT pg_wal_replay_resume()');
		await replayed();
		for (const name of Object.values(names)) {
			expect(await asked(name)).toEqual({ from: 'replica', value: 'Renamed' });
		}
	});

	test('what another process wrote comes once it is replayed', async () => {
		await askStandby('SELECT pg_wal_replay_resume()');
		const { own, scope } = await tenant();
		await askStandby('SELECT pg_wal_replay_pause()');
		await loading.sql('UPDATE destinations SET name = $2 WHERE id = $1', [own.id, 'Elsewhere']);
		const name = async () => (await scope.destinations.findById(own.id))?.name;
		expect(await name()).toBe(own.name);
		const inside = await scope.transaction(({ destinations }) => destinations.findById(own.id));
		expect(inside?.name).toBe('Elsewhere');
		await askStandby('SELECT pg_wal_replay_resume()');
		await replayed();
		expect(await name()).toBe('Elsewhere');
	});
});

test('a write in a transaction of the host is not missed, though its COMMIT is the host’s', async () => {
	const { own, scope } = await tenant();
	const client = new Client({ connectionString: loading.database.connectionString });
	await client.connect();
	await client.query('BEGIN');
	const joined = db.forOrganization(own.organizationId, { transaction: client });
	await joined.destinations.update(own.id, { name: 'Joined' });
	expect((await scope.destinations.findById(own.id))?.name).toBe(own.name);
	await client.query('COMMIT');
	await client.end();
	for (let time = 0; time < 2; time += 1) {
		const read = await asked(() => scope.destinations.findById(own.id));
		expect(read).toMatchObject({ from: 'primary', value: { name: 'Joined' } });
	}
});

describe('the primary answers in the place of', () => {
	const nobody = 'postgresql://user:secret@127.0.0.1:1/none';

	test('a replica that is away, which is left alone then', async () => {
		const alone = open({ replicas: [nobody] });
		const { own, scope } = await tenant(alone);
		expect(await scope.destinations.findById(own.id)).toEqual(own);
		expect(await scope.prisma.destination.count()).toBe(1);
		expect(alone.stats().replicas).toEqual([{ total: 0, idle: 0, waiting: 0, isUsed: false }]);
	});

	test('one that never answers, after a second', async () => {
		const silent = createServer(() => {}).listen(0, '127.0.0.1');
		await once(silent, 'listening');
		const { port } = silent.address() as AddressInfo;
		const url = Object.assign(new URL(nobody), { port: String(port) }).href;
		const alone = open({ replicas: [url] });
		const { own, scope } = await tenant(alone);
		const began = performance.now();
		expect(await scope.destinations.findById(own.id)).toEqual(own);
		expect(performance.now() - began).toBeLessThan(3000);
		silent.close();
	});

	test.each([
		['the primary itself', (url: string) => url],
		[
			'a login that may not switch to the role',
			(url: string) => {
				const { username, password } = new URL(loading.database.logins.loaderConnectionString);
				return Object.assign(new URL(network.url(url)), { username, password }).href;
			},
		],
	])('%s', async (_, replica) => {
		const { logins } = loading.database;
		const alone = open({ replicas: [replica(logins.connectionString)] });
		const { own, scope } = await tenant(alone);
		expect(await scope.destinations.findById(own.id)).toEqual(own);
		expect(await scope.prisma.destination.count()).toBe(1);
		expect(alone.stats().replicas).toMatchObject([{ isUsed: false }]);
	});

	test('one of several, and the others go on', async () => {
		const { logins } = loading.database;
		const several = open({ replicas: [nobody, network.url(logins.connectionString)] });
		const { own, scope } = await tenant(several);
		const froms = [];
		for (let time = 0; time < 4; time += 1) {
			froms.push((await asked(() => scope.destinations.findById(own.id))).from);
		}
		expect(froms).toEqual(['primary', 'replica', 'replica', 'replica']);
		expect(several.stats().replicas.map(({ isUsed }) => isUsed)).toEqual([false, true]);
	});

	test.each([
		['the repository', ({ destinations }: ScopedClient) => destinations.list()],
		['Prisma', ({ prisma }: ScopedClient) => prisma.destination.findMany()],
	])('one that cancels a read of %s for what it replays', async (_, read) => {
		const { own, scope } = await tenant();
		await scope.prisma.destination.count();
		await loading.sql(`CREATE POLICY slow ON destinations AS RESTRICTIVE FOR SELECT TO authenticated
			USING (CASE WHEN pg_is_in_recovery() THEN pg_sleep(60) IS NOT NULL ELSE true END)`);
		await replayed();
		const reading = read(scope);
		const answered = Promise.resolve(reading);
		await until(async () => {
			const { rows } = await askStandby(
				`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`,
			);
			return rows.length > 0;
		});
		await loading.sql('DROP POLICY slow ON destinations');
		expect(JSON.stringify(await answered)).toContain(own.id);
		// It is no fault of the replica's, as it would be if the read had taken too long.
		expect(db.stats().replicas).toMatchObject([{ isUsed: true }]);
	});

	test('a replica whose connections are cut', async () => {
		const { own, scope } = await tenant();
		expect((await asked(() => scope.destinations.findById(own.id))).from).toBe('replica');
		network.cut();
		expect(await scope.destinations.findById(own.id)).toEqual(own);
		network.mend();
		await until(async () => (await asked(() => scope.destinations.count())).from === 'replica');
	});
});

test.each([
	[''],
	['localhost'],
	['postgresql://a:secret@one,two/db'],
	['postgresql://a:sec%ret@b'],
	7,
])('%j is refused as a replica at the start, without a password', (replica) => {
	const options = { replicas: ['postgresql://a:b@c/d', replica] };
	const make = () => open(options as object);
	expect(make).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }));
	expect(make).toThrow(/replicas/);
	expect(make).not.toThrow(/secret|sec%ret/);
});

test('a replica without named statements, and one with the login of a superuser, are as any', async () => {
	const { connectionString, logins } = loading.database;
	const others = [
		open({ replicas: [network.url(logins.connectionString)], namedStatements: false }),
		open({ replicas: [network.url(connectionString)] }),
	];
	for (const client of others) {
		const { own, scope } = await tenant(client);
		const all = {
			'the repository': async () => (await scope.destinations.list()).items,
			Prisma: () => scope.prisma.destination.findMany(),
		};
		for (const read of Object.values(all)) {
			expect(await asked(read)).toMatchObject({ from: 'replica', value: [{ id: own.id }] });
		}
		await scope.destinations.update(own.id, { name: 'Renamed' });
		expect(await asked(all.Prisma)).toMatchObject({
			from: 'primary',
			value: [{ name: 'Renamed' }],
		});
		await replayed();
		expect(await asked(all.Prisma)).toMatchObject({
			from: 'replica',
			value: [{ name: 'Renamed' }],
		});
	}
});

test('a replica that has lost its primary is not read, until it streams again', async () => {
	const { own, scope } = await tenant();
	const { username, password } = new URL(loading.database.connectionString);
	const receives = async () =>
		(await askStandby('SELECT FROM pg_stat_wal_receiver')).rows.length > 0;
	await loading.sql(`ALTER ROLE ${username} PASSWORD 'another'`);
	await loading.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
	await until(async () => !(await receives()));
	// It is asked, and its answer does not count.
	expect(await scope.destinations.findById(own.id)).toEqual(own);
	expect(await scope.prisma.destination.count()).toBe(1);
	expect(db.stats().replicas).toMatchObject([{ isUsed: false }]);
	await loading.sql(`ALTER ROLE ${username} PASSWORD '${password}'`);
	await until(receives);
	await until(async () => (await asked(() => scope.destinations.count())).from === 'replica');
	expect(db.stats().replicas).toMatchObject([{ isUsed: true }]);
});

test('a replica that is ten seconds behind is not read, until it has caught up', async () => {
	const { own, scope } = await tenant();
	await askStandby('SELECT pg_wal_replay_pause()');
	await loading.sql('UPDATE destinations SET name = $2 WHERE id = $1', [own.id, 'Elsewhere']);
	const name = async () => (await scope.destinations.findById(own.id))?.name;
	expect(await name()).toBe(own.name);
	await delay((maxLagSeconds + 0.5) * 1000);
	expect(await name()).toBe('Elsewhere');
	expect(db.stats().replicas).toMatchObject([{ isUsed: false }]);
	await askStandby('SELECT pg_wal_replay_resume()');
	await until(async () => (await asked(() => scope.destinations.count())).from === 'replica');
	expect(db.stats().replicas).toMatchObject([{ isUsed: true }]);
});

test('doctor says of each replica what it is worth', async () => {
	const { logins, connectionString } = loading.database;
	const nobody = 'postgresql://user:secret@127.0.0.1:1/none';
	const wrong = standby.url(logins.loaderConnectionString);
	const other = Object.assign(new URL(standby.url(connectionString)), { pathname: '/postgres' });
	const sections = await diagnose({
		connectionString: logins.connectionString,
		replicas: [standby.url(logins.connectionString), connectionString, nobody, wrong, other.href],
	});
	const findings = sections.find(({ name }) => name === 'replicas')?.findings ?? [];
	expect(findings.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
		expect.stringMatching(/^ok: The replica .* is \d+\.\d s behind$/),
		expect.stringMatching(/^warning: .* is not a replica: it is a primary/),
		expect.stringMatching(/^warning: Cannot connect to 127\.0\.0\.1:1\/none as user/),
		expect.stringMatching(/^failure: .* may not switch to authenticated on /),
		expect.stringMatching(/^failure: .* is not a replica of the primary: it is another database$/),
	]);
	expect(JSON.stringify(findings)).not.toContain('secret');
});

describe('a failover to the replica, which is a synchronous standby', () => {
	/** What one writer was told of its writes. */
	interface Told {
		readonly id: string;
		readonly answered: string[];
		readonly unknown: string[];
		lastAnsweredAt: number;
	}

	test('what was answered is there, what was not is unknown, and writes go on', async () => {
		await loading.sql(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
		await loading.sql('SELECT pg_reload_conf()');
		await until(async () => {
			const rows = await loading.sql<{ sync_state: string }>(
				'SELECT sync_state FROM pg_stat_replication',
			);
			return rows[0]?.sync_state === 'sync';
		});
		const told: Told[] = [];
		let over = false;
		const tenants = [];
		for (const write of Object.values(writes)) tenants.push({ write, ...(await tenant()) });
		const writers = tenants.map(async ({ write, own, scope }) => {
			const writer: Told = { id: own.id, answered: [], unknown: [], lastAnsweredAt: 0 };
			told.push(writer);
			for (let number = 1; !over; number += 1) {
				const name = `write ${number}`;
				try {
					await write(scope, own.id, name);
					writer.answered.push(name);
					writer.lastAnsweredAt = performance.now();
					// What was answered is read, wherever that is.
					expect((await scope.destinations.findById(own.id))?.name).toBe(name);
				} catch (error) {
					if (!isUnavailable(error)) throw error;
					if (writer.answered.at(-1) !== name) writer.unknown.push(name);
					await new Promise((resolve) => setTimeout(resolve, 10));
				}
			}
		});
		const done = Promise.all(writers);
		await until(() => told.length === writers.length && told.every((of) => of.answered.length > 3));
		// Without its postmaster, a server's processes end by themselves, some after a minute.
		const processes = await loading.sql<{ pid: number }>(
			`SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::integer AS pid
			 UNION ALL SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()`,
		);
		for (const { pid } of processes) process.kill(pid, 'SIGKILL');
		address.turnTo(standby.url(loading.database.connectionString));
		await until(() => told.every(({ unknown }) => unknown.length > 1));
		await askStandby('SELECT pg_promote()');
		const promoted = performance.now();
		await until(() => told.every(({ lastAnsweredAt }) => lastAnsweredAt > promoted));
		const took = Math.max(...told.map(({ lastAnsweredAt }) => lastAnsweredAt)) - promoted;
		over = true;
		await done;
		expect(took).toBeLessThan(1000);
		for (const { id, answered, unknown } of told) {
			const { rows } = await there.query<{ name: string }>(
				`SELECT changes -> 'name' ->> 'new' AS name FROM destination_audit_log
				  WHERE destination_id = $1 AND changes ? 'name' AND action <> 'created'`,
				[id],
			);
			const names = rows.map(({ name }) => name);
			expect(new Set(names).size).toBe(names.length);
			expect(names).toEqual(expect.arrayContaining(answered));
			expect([...answered, ...unknown]).toEqual(expect.arrayContaining(names));
		}
	});

	/** Whether an error is typed as one of a database that is away: of Prisma's own API, by `isDatabaseUnavailable`. */
	function isUnavailable(error: unknown): boolean {
		if (error instanceof UnavailableError) return /may have been done/.test(error.message);
		return !(error instanceof Error && 'matcherResult' in error) && isDatabaseUnavailable(error);
	}

	test('the replica that is the primary now is no replica, and answers as the primary', async () => {
		const { rows } = await askStandby('SELECT id, organization_id FROM destinations LIMIT 1');
		const scope = db.forOrganization(rows[0].organization_id);
		expect((await scope.destinations.findById(rows[0].id))?.id).toBe(rows[0].id);
		expect((await scope.prisma.destination.findMany()).length).toBe(1);
	});
});
