import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { contextName } from '../../src/database/scope-steps.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import {
	ConfigurationError,
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsClient,
	type ScopedClient,
	UnavailableError,
} from '../../src/index.ts';
import { Loading, newApiKey } from '../loading/loading.ts';
import { newKeys } from '../support/encryption.ts';
import { hasPgBouncer, minorOfPgBouncer, PgBouncer } from '../support/pgbouncer.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { type Destined, everyRoad } from './every-road.ts';

// Behind PgBouncer a connection may have another session for each transaction, or for each statement: what it began with and
// the statements that it prepared are on other ones. The environment's PGBOUNCER may name a newer one than the system's.

const tried = hasPgBouncer ? describe : describe.skip;
if (!hasPgBouncer) {
	process.stderr.write('Not tried, because PgBouncer is not installed: everything behind it\n');
}

/** Times of the database are five hours off where a session is not in UTC. */
const zone = 'America/Bogota';
const modes = ['session', 'transaction', 'statement'] as const;
type Mode = (typeof modes)[number];
/** What is tried in each mode: whether options are ignored, and whether the pooler keeps statements. */
const variants = modes.flatMap((mode) => [
	{ mode, named: false, settings: [] },
	{ mode, named: true, settings: ['ignore_startup_parameters = options'] },
	...(mode !== 'session' && minorOfPgBouncer >= 21
		? ['0', '100'].map((kept) => ({
				...{ mode, named: true },
				settings: ['ignore_startup_parameters = options', `max_prepared_statements = ${kept}`],
			}))
		: []),
]);

// It asks a provider; what it sends to the database others send.
const { testConnection, testConnectionOutcome, ...roads } = everyRoad;

/** Whether a road needs a transaction. */
const transacts = (road: string) =>
	/, in a transaction$|^(pruneSettingsHistory|audit\.export|rotateKeys|verifySettings)$/.test(road);

tried('behind PgBouncer', () => {
	const keys = newKeys();
	let loading: Loading;
	let direct: DestinationsClient;
	let organizations: string[];
	const poolers = new Map<string, PgBouncer>();
	const clients: DestinationsClient[] = [];

	beforeAll(async () => {
		loading = await Loading.open(keys);
		await loading.sql(
			`ALTER DATABASE ${new URL(loading.database.connectionString).pathname.slice(1)} SET TimeZone = '${zone}'`,
		);
		direct = createDestinationsClient({ ...loading.database.logins, keys });
		clients.push(direct);
		organizations = [await loading.newOrganization(), await loading.newOrganization()];
		for (const organizationId of organizations) await loading.newDestination({ organizationId });
	});

	afterAll(async () => {
		for (const client of clients) await client.close();
		for (const pooler of poolers.values()) await pooler[Symbol.asyncDispose]();
		await loading?.[Symbol.asyncDispose]();
	});

	/** With the mode's settings; started once. */
	async function poolerOf(mode: Mode, settings: readonly string[] = []): Promise<PgBouncer> {
		const size = mode === 'session' ? 30 : 3;
		const lines = [`pool_mode = ${mode}`, `default_pool_size = ${size}`, ...settings];
		const known = poolers.get(lines.join());
		if (known !== undefined) return known;
		const { connectionString, serviceConnectionString, loaderConnectionString } =
			loading.database.logins;
		const urls = [connectionString, serviceConnectionString, loaderConnectionString];
		const made = await PgBouncer.before([loading.database.connectionString, ...urls], lines);
		poolers.set(lines.join(), made);
		return made;
	}

	function client(pooler: PgBouncer, named: boolean, max = 3): DestinationsClient {
		const { connectionString, serviceConnectionString } = loading.database.logins;
		const made = createDestinationsClient({
			connectionString: pooler.url(connectionString),
			serviceConnectionString: pooler.url(serviceConnectionString),
			...{ keys, namedStatements: named, pool: { max } },
		});
		return made;
	}

	const outcome = (work: PromiseLike<unknown>): Promise<string> =>
		Promise.resolve(work).then(() => 'done', codesOf);

	const scopeOf = (db: DestinationsClient, road: string, organizationId: string) =>
		/purge|prune/.test(road) ? db.asService() : db.forOrganization(organizationId);

	async function newSubject() {
		const { id, organizationId } = await loading.newDestination();
		return { id, organizationId };
	}

	/** What a road comes to, on a destination of its own. */
	async function along(road: string, db: DestinationsClient, url: string) {
		const subject = await newSubject();
		const to: Destined = {
			...{ db, subject, keys, connectionString: url },
			scope: scopeOf(db, road, subject.organizationId),
		};
		return outcome((roads[road] as (to: Destined) => Promise<unknown>)(to));
	}

	/** Whose rows each kind of read returns, and their times; several at once, so that sessions change hands. */
	async function readings(db: DestinationsClient, mode: Mode): Promise<string> {
		const reads: Record<string, (scope: ScopedClient) => PromiseLike<unknown>> = {
			list: ({ destinations }) => destinations.list(),
			log: ({ audit }) => audit.list(),
			prisma: ({ prisma }) => prisma.destination.findMany({ omit: { settings: true } }),
			raw: ({ prisma }) => prisma.$queryRaw`SELECT id, created_at FROM public.destinations`,
			transaction: (scope) =>
				mode === 'statement'
					? scope.destinations.list().then(({ items }) => items[0]?.createdAt)
					: scope.transaction(async ({ destinations }) => {
							const { items } = await destinations.list();
							return items[0]?.createdAt;
						}),
		};
		const read = organizations.flatMap((id) =>
			Object.values(reads).map((one) => one(db.forOrganization(id))),
		);
		return JSON.stringify(await Promise.all(read), (_, value) =>
			typeof value === 'bigint' ? String(value) : value,
		);
	}

	describe.each(variants)(
		'in $mode mode, named: $named, $settings',
		({ mode, named, settings }) => {
			test('every call does what it does elsewhere, or is refused because it is a transaction', async () => {
				const pooler = await poolerOf(mode, settings);
				await using db = client(pooler, named);
				const { serviceConnectionString } = loading.database.logins;
				const refused: string[] = [];
				for (const name of Object.keys(roads)) {
					const there = await along(name, db, pooler.url(serviceConnectionString));
					if (mode === 'statement' && there === 'CONFIGURATION') {
						refused.push(name);
						continue;
					}
					expect([name, there]).toEqual([name, await along(name, direct, serviceConnectionString)]);
				}
				expect(refused).toEqual(mode === 'statement' ? Object.keys(roads).filter(transacts) : []);
			});

			test('rows are one’s own, and times right, also after raw SQL', async () => {
				await using db = client(await poolerOf(mode, settings), named);
				const right = await readings(direct, mode);
				expect(await readings(db, mode)).toBe(right);
				const [own = ''] = organizations;
				for (const sql of [
					`SET TimeZone = '${zone}'`,
					"SET DateStyle = 'German'",
					'RESET ALL',
					'DISCARD ALL',
					`PREPARE ${contextName} AS SELECT 1`,
					"SET search_path = 'pg_catalog'",
					'SET bytea_output = escape',
				]) {
					const { prisma } = db.forOrganization(own);
					await prisma.$executeRawUnsafe(sql).catch(() => {});
					expect([sql, await readings(db, mode)]).toEqual([sql, right]);
				}
			});

			test('a host’s transactions and loaders', async () => {
				const pooler = await poolerOf(mode, settings);
				const { connectionString, loaderConnectionString } = loading.database.logins;
				const loader = createDestinationsLoader({
					...{ connectionString: pooler.url(loaderConnectionString), keys, namedStatements: false },
				});
				await loader.start();
				const [own = ''] = organizations;
				expect(await loader.findEnabled(own, 'production')).toEqual([
					expect.objectContaining({ organizationId: own }),
				]);
				await loader.close();
				const hosts = [1, 2].map(
					() => new Client({ connectionString: pooler.url(connectionString) }),
				);
				for (const host of hosts) {
					host.on('error', () => {});
					await host.connect();
				}
				try {
					for (let at = 0; at < 6; at += 1) {
						const organizationId = await loading.newOrganization();
						const host = hosts[at % 2] as Client; // one of two
						const begun = host.query('BEGIN');
						if (mode === 'statement') {
							await expect(begun).rejects.toThrow(/statement pooling mode/);
							break;
						}
						await begun;
						const { destinations } = direct.forOrganization(organizationId, { transaction: host });
						const { id } = await destinations.create({
							...{ organizationId, type: 'posthog', name: 'Of the host' },
							settings: { apiKey: newApiKey() },
						});
						const found = await destinations.findById(id);
						await host.query('COMMIT');
						const other = direct.forOrganization(organizationId).destinations;
						expect(await other.findById(id)).toEqual(found);
					}
				} finally {
					for (const host of hosts) await host.end().catch(() => {});
				}
			});
		},
	);

	test('statements that somebody prepared by the names of this package’s do not run in their place', async () => {
		const pooler = await poolerOf('transaction', ['ignore_startup_parameters = options']);
		await using db = client(pooler, true);
		const right = await readings(direct, 'transaction');
		await using own = createDestinationsClient({
			...loading.database.logins,
			keys,
			pool: { max: 1 },
		});
		await readings(own, 'transaction');
		const [id = ''] = organizations;
		const { prisma } = own.forOrganization(id);
		const prepared = await prisma.$queryRaw<
			{ name: string; types: string }[]
		>`SELECT name, array_to_string(parameter_types, ',') AS types FROM pg_prepared_statements`;
		expect(prepared.length).toBeGreaterThan(3);
		const forger = new Client({
			connectionString: pooler.url(loading.database.logins.connectionString),
		});
		await forger.connect();
		for (let at = 0; at < 3; at += 1) {
			expect(await readings(db, 'transaction')).toBe(right);
			for (const { name, types } of prepared) {
				const list = types === '' ? '' : `(${types})`;
				await forger.query(`PREPARE ${name}${list} AS SELECT 1 AS id`).catch(() => {});
			}
		}
		await forger.end();
	});

	test('a session that was not cleaned is used as a clean one', async () => {
		const pooler = await poolerOf('session', [
			...['ignore_startup_parameters = options', 'server_reset_query =', 'default_pool_size = 1'],
		]);
		const right = await readings(direct, 'statement');
		for (let at = 0; at < 3; at += 1) {
			const before = new Client({
				connectionString: pooler.url(loading.database.logins.connectionString),
			});
			await before.connect();
			await before.query(`SET TimeZone = '${zone}'; SET ROLE authenticated`);
			await before.query(`PREPARE ${contextName} AS SELECT 1`).catch(() => {});
			await before.end();
			await using db = client(pooler, true, 1);
			expect(await readings(db, 'statement')).toBe(right);
		}
	});

	test.each(['session', 'transaction'] as const)(
		'%s mode: a pool without a free session is told as such, and may be tried again',
		async (mode) => {
			const pooler = await poolerOf(mode, ['default_pool_size = 1', 'query_wait_timeout = 1']);
			const { connectionString, serviceConnectionString } = loading.database.logins;
			const holders = [connectionString, serviceConnectionString].map(
				(url) => new Client({ connectionString: pooler.url(url) }),
			);
			for (const holder of holders) {
				holder.on('error', () => {});
				await holder.connect();
				await holder.query('BEGIN');
			}
			await using db = client(pooler, false, 100);
			const before = await readings(direct, mode);
			const outcomes = Object.keys(roads).map(async (name) => {
				const subject = { id: crypto.randomUUID(), organizationId: organizations[0] ?? '' };
				const url = pooler.url(serviceConnectionString);
				const to = { db, subject, keys, connectionString: url };
				const scope = scopeOf(db, name, subject.organizationId);
				const refused = await (roads[name] as (to: Destined) => Promise<unknown>)({
					...{ ...to, scope },
				}).catch((error: unknown) => error);
				return [name, refused] as const;
			});
			for (const [name, refused] of await Promise.all(outcomes)) {
				// What makes nothing of an organization without a row sends nothing.
				if (!(refused instanceof Error)) continue;
				expect([name, codesOf(refused), String(refused)]).toEqual([
					...[name, 'UNAVAILABLE', expect.stringMatching(/query_wait_timeout.*default_pool_size/s)],
				]);
				expect(refused).toMatchObject({ retryable: true });
			}
			for (const holder of holders) await holder.end();
			expect(await readings(direct, mode)).toBe(before);
			expect(await outcome(db.forOrganization(organizations[0] ?? '').destinations.list())).toBe(
				'done',
			);
		},
	);

	test.each(modes)('%s mode: restarts behind it and its own', async (mode) => {
		const pooler = await poolerOf(mode, [
			'ignore_startup_parameters = options',
			'server_login_retry = 0',
		]);
		await using db = client(pooler, true);
		const right = await readings(direct, mode);
		expect(await readings(db, mode)).toBe(right);
		for (const stop of [
			() =>
				loading.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND pid <> pg_backend_pid()
						AND usename <> session_user`),
			() => pooler.restart(),
		]) {
			await stop();
			// Each of the connections may be told once, and nothing else is.
			for (let at = 0; ; at += 1) {
				const again = await readings(db, mode).catch((error: unknown) => error);
				if (again === right) break;
				expect(again).toBeInstanceOf(Error);
				expect(codesOf(again)).toMatch(/UNAVAILABLE|P10|57P01|08|P2010/);
				expect(at).toBeLessThan(10);
			}
			expect(await readings(direct, mode).catch(() => right)).toBe(right);
		}
	});

	test('what the pooler refuses for good says what to set', async () => {
		const strict = await poolerOf('transaction');
		await using named = client(strict, true);
		const { destinations, transaction } = named.forOrganization(organizations[0] ?? '');
		for (const call of [
			() => named.connect(),
			() => destinations.list(),
			() => transaction(async () => {}),
		]) {
			const refused = await call().catch((error: unknown) => error);
			expect(refused).toBeInstanceOf(ConfigurationError);
			expect(String(refused)).toMatch(/namedStatements: false/);
		}
		await using statement = client(await poolerOf('statement'), false);
		const scope = statement.forOrganization(organizations[0] ?? '');
		const refused = await scope.transaction(async () => {}).catch((error: unknown) => error);
		expect(refused).toBeInstanceOf(ConfigurationError);
		expect(String(refused)).toMatch(/pool_mode = transaction/);
	});

	test('with what the recipe sets, raw SQL leaves nothing to others', async () => {
		const guide = await readFile(join(__dirname, '../../docs/recipes/pgbouncer.md'), 'utf8');
		const [, lines = ''] = /```ini\n\[pgbouncer\]\n([^`]*)```/.exec(guide) ?? [];
		expect(lines).toMatch(/^query_wait_timeout = \d+$/m);
		const pooler = await poolerOf('transaction', [...lines.split('\n'), 'default_pool_size = 1']);
		await using one = client(pooler, false);
		await using other = client(pooler, false);
		const [own = ''] = organizations;
		const read = () =>
			other.forOrganization(own).prisma
				.$queryRaw`SELECT count(*)::int AS count FROM destinations WHERE deleted_at IS NULL`;
		const right = await read();
		for (const sql of [
			'SET default_transaction_read_only = on',
			"SET search_path = 'pg_catalog'",
			'SET statement_timeout = 1',
			'CREATE TEMPORARY TABLE destinations (id uuid)',
			'SELECT pg_advisory_lock(1)',
		]) {
			await one.forOrganization(own).prisma.$executeRawUnsafe(sql);
			expect([sql, await read()]).toEqual([sql, right]);
			await other
				.forOrganization(own)
				.destinations.create({
					...{ organizationId: own, type: 'console', name: 'New', settings: {} },
				})
				.then(({ id }) => other.forOrganization(own).destinations.softDelete(id));
		}
	});

	test('doctor says how the pooler is', async () => {
		const examine = async (mode: Mode) => {
			const pooler = await poolerOf(mode);
			const { connectionString, serviceConnectionString } = loading.database.logins;
			const sections = await diagnose({
				connectionString: pooler.url(connectionString),
				serviceConnectionString: pooler.url(serviceConnectionString),
			});
			return sections.flatMap(({ findings }) => findings);
		};
		for (const mode of ['session', 'transaction'] as const) {
			const findings = await examine(mode);
			expect(findings.filter(({ severity }) => severity === 'failure')).toEqual([]);
			expect(findings).toContainEqual(
				expect.objectContaining({ message: expect.stringMatching(/pooler/) }),
			);
		}
		await expect(examine('statement')).rejects.toThrow(/statement mode.*pool_mode = transaction/s);
	});

	test('a login that reads by itself is refused where the session is another’s', async () => {
		const pooler = await poolerOf('transaction', ['ignore_startup_parameters = options']);
		for (const namedStatements of [true, false]) {
			await using db = createDestinationsClient({
				connectionString: pooler.url(loading.database.connectionString),
				...{ keys, namedStatements },
			});
			await expect(db.connect()).rejects.toThrow(
				/can read the tables of destinations without a role/,
			);
		}
	});

	test('UNAVAILABLE of the own pool says what to raise', async () => {
		await using db = createDestinationsClient({
			...loading.database.logins,
			...{ keys, pool: { max: 1, connectionTimeoutMillis: 500 } },
		});
		const scope = db.forOrganization(organizations[0] ?? '');
		await scope.transaction(async () => {
			const refused = await scope.destinations.list().catch((error: unknown) => error);
			expect(refused).toBeInstanceOf(UnavailableError);
			expect(String(refused)).toMatch(/pool\.max/);
		});
	});
});
