import { Client } from 'pg';
import {
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsLoader,
	purgeExpired,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { everyCall, outsideTransactions } from '../repository/every-call.ts';
import { createTestDatabase } from '../support/database.ts';
import type { Tenant } from '../tenancy/deployment.ts';
import { reads, rowsIn, rowsOf } from '../tenancy/reads.ts';
import { codesOf, refusal } from '../tenancy/refusal.ts';
import { destinationWrites, refusedWrites } from '../tenancy/writes.ts';
import {
	type ClusterService,
	describeOnCitus,
	distribute,
	migrateCluster,
	runScript,
	startClusterService,
} from './cluster.ts';
import { newTenant } from './tenants.ts';

const key = `test:${'4f'.repeat(31)}aa`;

test('a server without Citus is refused, and nothing of it changes', async () => {
	const database = await createTestDatabase();
	expect(() => runScript(database.connectionString, 'citus.sql', '--single-transaction')).toThrow(
		'this database has no Citus, so nothing was changed',
	);
	const db = createDestinationsClient({
		...{ connectionString: database.connectionString, keys: key, citus: true },
	});
	await expect(db.asService().destinations.list()).rejects.toMatchObject({
		...{ code: 'CONFIGURATION', message: expect.stringContaining('Run prisma/scale/citus.sql') },
	});
	await db.close();
	expect(() =>
		createDestinationsClient({ keys: key, citus: true, replicas: ['postgresql://replica/x'] }),
	).toThrow('With `citus` there are no `replicas`');
	await database.drop();
});

describeOnCitus('a cluster', () => {
	/** What Citus does not do, wherever it comes from. docs/guides/scale.md lists it. */
	const refusedByCitus = /^P20\d\d (0A000|42P10|42501|XX000)$/;
	const limits: ReadonlySet<string> = new Set([
		'$queryRaw, locking', // names no organization
		'upsert',
		'upsert, into the own organization',
		'organization.update of the own one, connecting',
		'$executeRaw, ON CONFLICT DO UPDATE',
		'$executeRaw, MERGE',
		'organization.update',
		'organization.updateMany',
	]);

	let service: ClusterService;
	let a: Tenant;
	let b: Tenant;

	beforeAll(async () => {
		service = await startClusterService();
		a = await newTenant(service, service.db);
		b = await newTenant(service, service.db);
	}, 120_000);
	afterAll(() => service?.stop());

	const everythingOf = async ({ id, actorId }: Tenant) => {
		const rows = async (table: string, column: string, value: string) =>
			(
				await service.admin.query(
					`SELECT to_jsonb(t)::text AS row FROM public.${table} AS t WHERE ${column} = $1 ORDER BY row`,
					[value],
				)
			).rows;
		return [
			await rows('destinations', 'organization_id', id),
			await rows('destination_audit_log', 'organization_id', id),
			await rows('destination_settings_history', 'organization_id', id),
			await rows('organizations', 'id', id),
			await rows('users', 'id', actorId),
		];
	};

	test('citus.sql runs once, citus-nodes.sql again and again', () => {
		const { connectionString } = service;
		expect(() => runScript(connectionString, 'citus.sql', '--single-transaction')).toThrow(
			'the tables are distributed already, so nothing was changed',
		);
		runScript(connectionString, 'citus-nodes.sql');
	});

	test('a client and a loader without the option are refused', async () => {
		const { logins, keys } = service;
		const db = createDestinationsClient({ connectionString: logins.tenant, keys });
		await expect(db.forOrganization(a.id).destinations.list()).rejects.toMatchObject({
			...{ code: 'CONFIGURATION', message: expect.stringContaining('Set `citus: true`') },
		});
		await db.close();
		const loader = createDestinationsLoader({ connectionString: logins.loader, keys });
		await expect(loader.start()).rejects.toMatchObject({ code: 'CONFIGURATION' });
		await loader.close();
	});

	describe.each([
		[
			'alone',
			(read: (typeof reads)[string], reader: Tenant, of: Tenant) => read(reader.client.prisma, of),
		],
		[
			'in a transaction',
			(read: (typeof reads)[string], reader: Tenant, of: Tenant) =>
				reader.client.transaction(async ({ prisma }) => read(prisma, of)),
		],
	] as const)('a read %s', (_, run) => {
		test('finds the own row and nothing of another organization, by every operation', async () => {
			const wrong: string[] = [];
			for (const [name, read] of Object.entries(reads)) {
				if (limits.has(name)) {
					expect(await refusal(run(read, a, a))).toMatch(refusedByCitus);
					continue;
				}
				const own = rowsIn(await run(read, a, a));
				const foreign = await rowsOf(run(read, a, b));
				if (own !== 1 || foreign !== 0) wrong.push(`${name}: ${own} own, ${foreign} foreign`);
			}
			expect(wrong).toEqual([]);
		});
	});

	test('a write changes the own rows and nothing of another organization, by every operation', async () => {
		const wrong: string[] = [];
		for (const [name, [write, foreign]] of Object.entries(destinationWrites)) {
			const before = await everythingOf(b);
			const outcome = await Promise.resolve(write(a.client.prisma, b, a)).catch(codesOf);
			if (limits.has(name)) expect(outcome).toMatch(refusedByCitus);
			else expect([name, outcome]).toEqual([name, foreign]);
			expect([name, await everythingOf(b)]).toEqual([name, before]);
			if (limits.has(name)) continue;
			const own = await newTenant(service, service.db);
			if (name === 'restore') await own.client.destinations.softDelete(own.own.id);
			const ownBefore = await everythingOf(own);
			await write(own.client.prisma, own, own);
			if (JSON.stringify(await everythingOf(own)) === JSON.stringify(ownBefore)) wrong.push(name);
		}
		expect(wrong).toEqual([]);
		const before = [await everythingOf(a), await everythingOf(b)];
		for (const [name, [write, code]] of Object.entries(refusedWrites)) {
			for (const target of [a, b]) {
				const codes = await refusal(write(a.client.prisma, target, a));
				if (limits.has(name)) expect(codes).toMatch(refusedByCitus);
				else expect([name, codes]).toEqual([name, code]);
			}
		}
		expect([await everythingOf(a), await everythingOf(b)]).toEqual(before);
	}, 120_000);

	const purging = new Set(['purge', 'purgeDeleted', 'pruneSettingsHistory']);

	test.each(['tenant', 'service', 'transaction'])(
		'every call works: %s',
		async (who) => {
			for (const [name, call] of Object.entries(everyCall)) {
				if (who !== 'service' && purging.has(name)) continue;
				if (who === 'transaction' && outsideTransactions.has(name)) continue;
				const own = await newTenant(service, service.db);
				const subject = { id: own.own.id, organizationId: own.id };
				const gone = name === 'restore' || name === 'purge';
				if (gone) await own.client.destinations.softDelete(own.own.id);
				const scope =
					who === 'service' ? service.db.asService({ actorId: own.actorId }) : own.client;
				if (who === 'transaction') await scope.transaction((tx) => call(tx, subject));
				else await call(scope, subject);
			}
		},
		120_000,
	);

	test('the log and the history have what was changed, in order, with who did it', async () => {
		const { client, id, actorId, own } = await newTenant(service, service.db);
		await client.destinations.update(own.id, { name: 'Renamed', enabled: false });
		await client.destinations.copyTo(own.id, 'staging');
		const { items } = await client.audit.list();
		expect(items.map(({ action }) => action)).toEqual([
			...['copied', 'disabled', 'updated', 'created', 'soft_deleted', 'created'],
		]);
		expect(items.every((entry) => entry.actorId === actorId && entry.organizationId === id)).toBe(
			true,
		);
		expect(items[1]?.changes).toEqual({
			...{ name: { old: 'EU project', new: 'Renamed' }, enabled: { old: true, new: false } },
		});
		const ids = items.map((entry) => BigInt(entry.id));
		expect(ids).toEqual([...ids].sort((x, y) => (x < y ? 1 : -1)));
		const { items: versions } = await client.destinations.history(own.id);
		expect(versions.map(({ version }) => version)).toEqual([3, 2, 1]);
		expect(versions[1]?.changedSettings).toEqual(['apiKey']);
		const reverted = await client.destinations.revert(own.id, 1);
		expect(reverted.settings).toMatchObject({ apiKey: `phc_${id.slice(0, 8)}` });
	});

	test('uniqueness, unknown organizations and wrong versions are the errors that they are elsewhere', async () => {
		const { destinations } = a.client;
		const taken = {
			organizationId: a.id,
			type: 'posthog',
			name: 'Again',
			settings: { apiKey: 'phc_x' },
		} as const;
		await expect(destinations.create(taken)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
		await expect(
			a.client.prisma.destination.create({
				data: {
					organizationId: a.id,
					type: 'posthog',
					name: 'Again',
					settings: { apiKey: 'phc_x' },
				} as never,
			}),
		).rejects.toMatchObject({
			code: 'P2002',
			meta: {
				driverAdapterError: {
					cause: { constraint: { index: 'destinations_org_type_env_unique' } },
				},
			},
		});
		const stranger = '01890a5d-ac96-774b-bcce-b302099a8057';
		await expect(
			service.db.asService().destinations.create({ ...taken, organizationId: stranger }),
		).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await expect(
			destinations.update(a.own.id, { name: 'x' }, { expectedVersion: 9 }),
		).rejects.toMatchObject({ code: 'CONFLICT' });
		// The connection goes on as if nothing had been.
		expect(await destinations.findById(a.own.id)).toMatchObject({ id: a.own.id });
	});

	test('a user who is deleted is named no more, an organization takes its rows along and leaves its log', async () => {
		const own = await newTenant(service, service.db);
		await service.admin.query('DELETE FROM public.users WHERE id = $1', [own.actorId]);
		const read = await service.db.asService().destinations.findById(own.own.id);
		expect(read).toMatchObject({ createdBy: null, updatedBy: null, version: own.own.version });
		await service.admin.query('DELETE FROM public.organizations WHERE id = $1', [own.id]);
		const [destinations, log, history] = await everythingOf(own);
		expect([destinations?.length, history?.length]).toEqual([0, 0]);
		expect(log?.map(({ row }) => JSON.parse(row).action).sort()).toEqual(
			['created', 'created', 'purged', 'purged', 'soft_deleted', 'updated'].sort(),
		);
	});

	test('what a tenant smuggles in reaches nobody else', async () => {
		const claims = JSON.stringify({ role: 'authenticated', organization_id: b.id });
		const count = 'SELECT count(*) FROM public.destinations';
		const other = `SET request.jwt.claims = '${claims}'; ${count}`;
		const asService = `SET ROLE service_role; ${count}`;
		const refused = [
			...[other, asService].flatMap((sql) =>
				['run_command_on_workers', 'run_command_on_all_nodes', 'run_command_on_coordinator'].map(
					(run) => `SELECT result FROM ${run}($x$${sql}$x$)`,
				),
			),
			`SELECT result FROM run_command_on_shards('public.destinations', $x$SELECT count(*) FROM %s$x$)`,
			`SELECT result FROM run_command_on_placements('public.destinations', $x$SELECT count(*) FROM %s$x$)`,
			`SELECT * FROM master_run_on_worker(ARRAY['127.0.0.1'], ARRAY[5432], ARRAY['SELECT 1'], false)`,
			`SELECT citus_run_local_command('SELECT 1')`,
			'SELECT query FROM citus_stat_activity',
			'SELECT * FROM citus_lock_waits',
			'SELECT * FROM public.destinations_changed_here(null, 1)',
			`SELECT undistribute_table('public.destinations')`,
			`SELECT truncate_local_data_after_distributing_table('public.destinations')`,
			'SELECT public.destination_audit_log_position_here()',
			`SELECT * FROM public.prune_destination_audit_log(now() - interval '40 days', 0, 0, 1, 1)`,
			'ALTER TABLE public.destinations NO FORCE ROW LEVEL SECURITY',
			// Sent along to the worker that has the rows, and refused there.
			`SELECT (SELECT result FROM run_command_on_workers($x$${other}$x$) LIMIT 1) FROM public.destinations WHERE organization_id = '${a.id}'`,
		];
		for (const sql of refused) {
			expect([sql, await a.client.prisma.$queryRawUnsafe(sql).catch(codesOf)]).toEqual([
				...[sql, expect.stringMatching(/^P2010 (42501|0A000|42P01|XX000|P0001)$/)],
			]);
		}
		// Sessions of the workers are of the same role for all tenants.
		await b.client.destinations.list();
		const sessions = await a.client.prisma.$queryRawUnsafe<{ query: string }[]>(
			`SELECT query FROM public.destinations, pg_catalog.pg_stat_get_activity(NULL) AS sessions
			  WHERE organization_id = '${a.id}'`,
		);
		expect(sessions.length).toBeGreaterThan(1);
		expect(sessions.filter(({ query }) => query?.includes(b.id))).toEqual([]);
		// Settings of one statement are gone with it.
		await a.client.prisma.$executeRawUnsafe(`SET request.jwt.claims = '${claims}'`);
		await a.client.prisma.$executeRawUnsafe('SET ROLE NONE').catch(() => {});
		const read = await a.client.prisma.destination.findMany();
		expect(read.map(({ organizationId }) => organizationId)).toEqual([a.id]);
	});

	test('no shard is open to a role that has no policy on its table', async () => {
		const { rows } = await service.admin.query<{ result: string }>(
			`SELECT result FROM run_command_on_all_nodes($$
				SELECT coalesce(string_agg(relname, ','), '') FROM pg_catalog.pg_class
				WHERE relkind = 'r' AND relname ~ '^(destination|organizations|users)\\w*_\\d{6,}$'
				  AND NOT (relrowsecurity AND relforcerowsecurity)$$)`,
		);
		expect(rows.map(({ result }) => result)).toEqual(rows.map(() => ''));
	});

	test('a read, an update and a history go to one shard', async () => {
		const { admin } = service;
		const tasks = async (text: string) => {
			const { rows } = await admin.query(`EXPLAIN (COSTS off) ${text}`);
			const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
			return [.../Task Count: (\d+)/g[Symbol.matchAll](plan)].map(([, count]) => Number(count));
		};
		const one = `organization_id = '${a.id}'`;
		const id = a.own.id;
		for (const text of [
			`SELECT * FROM public.destinations WHERE ${one} AND id = '${id}' AND deleted_at IS NULL`,
			`UPDATE public.destinations SET name = 'x' WHERE ${one} AND id = '${id}' AND deleted_at IS NULL RETURNING *`,
			`SELECT * FROM public.destination_audit_log WHERE ${one} AND destination_id = '${id}' ORDER BY version DESC`,
		]) {
			expect(await tasks(text)).toEqual([1]);
		}
		expect(await tasks(`SELECT * FROM public.destinations WHERE id = '${id}'`)).not.toEqual([1]);
	});

	test('tenants at once, on few connections, see their own and nothing else', async () => {
		const db = createDestinationsClient({
			...{
				connectionString: service.logins.tenant,
				keys: service.keys,
				citus: true,
				pool: { max: 6 },
			},
		});
		const tenants = await Promise.all(Array.from({ length: 12 }, () => newTenant(service, db)));
		const wrong: string[] = [];
		await Promise.all(
			tenants.map(async ({ id, client, own }) => {
				for (let round = 0; round < 10; round += 1) {
					const name = `${id} ${round}`;
					const [updated, listed] = await Promise.all([
						client.destinations.update(own.id, { name }),
						client.destinations.findByOrganization(id),
					]);
					if (updated.name !== name || updated.organizationId !== id) wrong.push(name);
					if (listed.length !== 1 || listed[0]?.organizationId !== id) wrong.push(name);
				}
			}),
		);
		expect(wrong).toEqual([]);
		await db.close();
	}, 120_000);

	describe('in a transaction of the host', () => {
		const handles: [string, (client: Client) => object][] = [
			['of pg', (client) => client],
			[
				'with query(text, values)',
				(client) => ({ query: (text: string, values: unknown[]) => client.query(text, values) }),
			],
		];
		test.each(handles)(
			'%s, calls are part of it, and leave the session as it was',
			async (_, handleOf) => {
				const client = new Client({ connectionString: service.connectionString });
				await client.connect();
				for (const end of ['ROLLBACK', 'COMMIT']) {
					const id = await service.createOrganization();
					await client.query('BEGIN');
					await client.query('CREATE TEMPORARY TABLE orders ON COMMIT DROP AS SELECT 1');
					const scope = service.db.forOrganization(id, { transaction: handleOf(client) as Client });
					const made = await scope.destinations.create({
						organizationId: id,
						type: 'console',
						name: end,
						settings: {},
					});
					await scope.destinations.update(made.id, { name: `${end} again` });
					expect(await scope.destinations.findByOrganization(id)).toMatchObject([
						{ name: `${end} again` },
					]);
					const { rows } = await client.query(
						`SELECT current_user AS role, current_setting('request.jwt.claims', true) AS claims`,
					);
					expect(rows).toEqual([{ role: 'postgres', claims: '' }]);
					await client.query(end);
					const found = await service.db.forOrganization(id).destinations.findByOrganization(id);
					expect(found).toHaveLength(end === 'COMMIT' ? 1 : 0);
				}
				await client.end();
			},
		);
	});

	test('the log of an organization is exported, and goes on from its cursor', async () => {
		const own = await newTenant(service, service.db);
		let cursor: string | undefined;
		const options = (more: object) => ({
			...more,
			cursor,
			onCursor: (next: string) => {
				cursor = next;
			},
		});
		const lines = async (scope = own.client, more = {}) => {
			const found: string[] = [];
			for await (const line of scope.audit.export(options(more)))
				found.push(JSON.parse(line).action);
			return found;
		};
		expect(await lines()).toEqual(['created', 'soft_deleted', 'created', 'updated']);
		expect(await lines()).toEqual([]);
		await own.client.destinations.update(own.own.id, { name: 'Later' });
		expect(await lines(service.db.asService(), { organizationId: own.id })).toEqual(['updated']);
	});

	test('keys are rotated, settings verified, and each organization has an entry that tenants do not see', async () => {
		const { logins, keys } = service;
		const rotated = `next:${'5e'.repeat(31)}aa,${keys}`;
		const options = { connectionString: logins.service, keys: rotated };
		const { rows: before } = await service.admin.query(
			'SELECT count(*)::int AS n FROM public.destinations WHERE settings <> $1',
			['{}'],
		);
		const result = await rotateKeys({ ...options, batchSize: 20 });
		expect(result).toMatchObject({ busy: 0, failed: 0, stopped: false });
		expect(result.rotated).toBeGreaterThan(before[0].n);
		const checked = await verifySettings(options);
		expect(checked).toMatchObject({ failed: 0, plaintext: 0, keys: { next: result.rotated } });
		const { rows } = await service.admin.query(
			`SELECT count(*)::int AS n FROM public.destination_audit_log WHERE organization_id = $1 AND action = 'keys_rotated'`,
			[a.id],
		);
		expect(rows).toEqual([{ n: 1 }]);
		const db = createDestinationsClient({
			connectionString: logins.tenant,
			keys: rotated,
			citus: true,
		});
		const tenant = db.forOrganization(a.id);
		expect(await tenant.destinations.findById(a.own.id)).toMatchObject({
			settings: a.own.settings,
		});
		expect((await tenant.audit.list()).items.map(({ action }) => action)).not.toContain(
			'keys_rotated',
		);
		await db.close();
		// Back, for the tests behind.
		expect(
			await rotateKeys({ ...options, keys: `${keys},next:${'5e'.repeat(31)}aa` }),
		).toMatchObject({ failed: 0 });
	}, 120_000);

	/** Has the entries of creations be two months older. */
	const ageCreations = () =>
		service.admin.query(`SELECT run_command_on_shards('public.destination_audit_log', $c$DO $x$ BEGIN SET LOCAL session_replication_role = replica;
			UPDATE %s SET recorded_at = recorded_at - interval '60 days' WHERE action = 'created'; END $x$$c$)`);

	test('retention removes deleted destinations, earlier settings and old entries, and records it', async () => {
		const tenants = [await newTenant(service, service.db), await newTenant(service, service.db)];
		const destinations = service.db.asService().destinations;
		expect(
			await destinations.purgeDeleted({ olderThan: new Date(), batch: 3 }),
		).toBeGreaterThanOrEqual(2);
		for (const { client, gone } of tenants) {
			const { items } = await client.audit.list({ destinationId: gone.id });
			expect(items[0]).toMatchObject({ action: 'purged' });
		}
		expect(await destinations.pruneSettingsHistory({ keep: 0, batch: 2 })).toBeGreaterThanOrEqual(
			2,
		);
		const { rows: left } = await service.admin.query(
			'SELECT FROM public.destination_settings_history',
		);
		expect(left).toEqual([]);
		const prune = `SELECT removed::int FROM public.prune_destination_audit_log(now() - interval '40 days', 0, 0, ${2n ** 62n}, 10000)`;
		const asService = (text: string) =>
			service.db.asService().prisma.$queryRawUnsafe<{ removed: number }[]>(text);
		expect(await asService(prune)).toEqual([{ removed: 0 }]);
		await ageCreations();
		const [{ removed } = { removed: 0 }] = await asService(prune);
		expect(removed).toBeGreaterThan(3);
		const { rows: record } = await service.admin.query(
			`SELECT (changes -> 'entries' ->> 'old')::int AS n FROM public.destination_audit_log WHERE action = 'log_pruned'`,
		);
		expect(record).toEqual([{ n: removed }]);
		await expect(service.admin.query('DELETE FROM public.destination_audit_log')).rejects.toThrow(
			'append-only',
		);
	}, 120_000);

	test('the purge of what is past its retention does all three in one run', async () => {
		const { gone } = await newTenant(service, service.db);
		const bounds = {
			connectionString: service.logins.service,
			deletedOlderThan: new Date(),
			settingsKeep: 0,
			logOlderThan: new Date(Date.now() - 31 * 86_400_000),
		};
		await ageCreations();
		const due = await purgeExpired({ ...bounds, dryRun: true });
		expect(due).toMatchObject({ failed: 0, stopped: false });
		expect(Math.min(due.destinations, due.settings, due.log)).toBeGreaterThan(0);
		expect(await purgeExpired(bounds)).toEqual(due);
		expect(await purgeExpired(bounds)).toMatchObject({ destinations: 0, settings: 0, log: 0 });
		const { rows } = await service.admin.query('SELECT FROM public.destinations WHERE id = $1', [
			gone.id,
		]);
		expect(rows).toEqual([]);
	}, 120_000);

	describe('a loader', () => {
		let loader: DestinationsLoader;
		const changes: (readonly string[] | 'all')[] = [];

		beforeAll(async () => {
			const { logins, keys } = service;
			loader = createDestinationsLoader({
				connectionString: logins.loader,
				keys,
				citus: true,
				pollIntervalMillis: 50,
			});
			loader.on('change', ({ organizationIds }) => changes.push(organizationIds));
			await loader.start();
		});
		afterAll(() => loader?.close());

		const loaded = async ({ id }: Tenant) =>
			(await loader.findEnabled(id, 'production')).map(({ settings }) => JSON.stringify(settings));
		const until = async (check: () => Promise<boolean>) => {
			for (let left = 200; left > 0; left -= 1) {
				if (await check()) return;
				await new Promise((resolve) => setTimeout(resolve, 25));
			}
			throw new Error('it did not come about');
		};

		test('sees the changes on every worker, of those organizations alone', async () => {
			const tenants = await Promise.all(
				Array.from({ length: 8 }, () => newTenant(service, service.db)),
			);
			for (const tenant of tenants) expect(await loaded(tenant)).toHaveLength(1);
			await until(
				async () => changes.flat().includes(tenants.at(-1)?.id ?? '') || loader.metrics().polls > 5,
			);
			changes.length = 0;
			for (const [at, tenant] of tenants.entries()) {
				await tenant.client.destinations.update(tenant.own.id, {
					settings: { apiKey: `phc_seen${at}` },
				});
				await until(async () => (await loaded(tenant)).join().includes(`phc_seen${at}`));
			}
			expect(changes).not.toContain('all');
			expect(new Set(changes.flat())).toEqual(new Set(tenants.map(({ id }) => id)));
		});

		test('misses nothing of a transaction that commits late', async () => {
			const own = await newTenant(service, service.db);
			await own.client.transaction(async (tx) => {
				await tx.destinations.update(own.own.id, { enabled: false });
				await loader.resync();
				const { polls } = loader.metrics();
				await until(async () => loader.metrics().polls > polls + 3);
				expect(await loaded(own)).toHaveLength(1);
			});
			await until(async () => (await loaded(own)).length === 0);
		});

		test('goes on where rows are moved to another worker, and ids of the log increase all the same', async () => {
			const own = await newTenant(service, service.db);
			expect(await loaded(own)).toHaveLength(1);
			const { rows } = await service.admin.query(
				`SELECT p.nodename, p.nodeport, s.shardid, o.nodename AS othername, o.nodeport AS otherport
				 FROM pg_dist_shard_placement AS p JOIN pg_dist_shard AS s USING (shardid)
				 JOIN pg_dist_node AS o ON (o.nodename, o.nodeport) <> (p.nodename, p.nodeport) AND o.shouldhaveshards
				 WHERE s.shardid = get_shard_id_for_distribution_column('public.destinations', $1::uuid) LIMIT 1`,
				[own.id],
			);
			const [{ shardid, nodename, nodeport, othername, otherport }] = rows;
			const moves = [
				[nodename, nodeport, othername, otherport],
				[othername, otherport, nodename, nodeport],
			];
			for (const [at, move] of moves.entries()) {
				await service.admin.query(
					`SELECT citus_move_shard_placement($1, $2, $3, $4, $5, 'block_writes')`,
					[shardid, ...move],
				);
				await until(async () => changes.includes('all'));
				await own.client.destinations.update(own.own.id, {
					settings: { apiKey: `phc_moved${at}` },
				});
				await until(async () => (await loaded(own)).join().includes(`phc_moved${at}`));
			}
			const { items } = await own.client.audit.list();
			expect(items.map(({ version }) => version)).toEqual([4, 3, 2, 1, 2, 1]);
		}, 120_000);
	});
});

describeOnCitus('a server with rows that becomes a cluster', () => {
	test('has all of them afterwards, the log included', async () => {
		const { admin, logins, connectionString } = await migrateCluster();
		const options = {
			connectionString: logins.tenant,
			serviceConnectionString: logins.service,
			keys: key,
		};
		const before = createDestinationsClient(options);
		const { rows } = await admin.query(
			'INSERT INTO public.organizations (id) SELECT gen_random_uuid() FROM generate_series(1, 20) RETURNING id',
		);
		const made = [];
		for (const { id } of rows) {
			const { destinations } = before.forOrganization(id);
			const { id: first } = await destinations.create({
				organizationId: id,
				type: 'posthog',
				name: 'One',
				settings: { apiKey: 'phc_one' },
			});
			made.push(await destinations.update(first, { settings: { apiKey: 'phc_two' } }));
		}
		await rotateKeys({
			connectionString: logins.service,
			keys: `next:${'5e'.repeat(31)}aa,${key}`,
		});
		const entries = () =>
			admin
				.query('SELECT id, action FROM public.destination_audit_log ORDER BY id')
				.then((found) => found.rows);
		const entriesBefore = await entries();
		await before.close();
		distribute(connectionString);
		expect(await entries()).toEqual(entriesBefore);
		const after = createDestinationsClient({
			...options,
			citus: true,
			keys: `next:${'5e'.repeat(31)}aa,${key}`,
		});
		for (const destination of made) {
			const scope = after.forOrganization(destination.organizationId);
			expect(await scope.destinations.findById(destination.id)).toEqual(destination);
			expect((await scope.destinations.history(destination.id)).items).toHaveLength(2);
			await scope.destinations.update(destination.id, { name: 'Goes on' });
		}
		expect(
			await verifySettings({ connectionString: logins.service, keys: `next:${'5e'.repeat(31)}aa` }),
		).toMatchObject({ failed: 0, checked: 40 });
		await admin.query('SET session_replication_role = replica');
		for (const table of ['destinations', 'destination_audit_log', 'organizations']) {
			await admin.query(`SELECT truncate_local_data_after_distributing_table('public.${table}')`);
		}
		expect((await entries()).length).toBeGreaterThan(entriesBefore.length);
		await after.close();
		await admin.end();
	}, 120_000);
});
