import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import {
	type AuditExportOptions,
	type AuditLog,
	type PurgeExpiredOptions,
	purgeExpired,
} from '../../src/index.ts';
import { type ClusterService, describeOnCitus, startClusterService } from './cluster.ts';

describeOnCitus('an export of the whole log of a cluster', () => {
	let service: ClusterService;
	let system: AuditLog;
	const sessions: Client[] = [];

	beforeAll(async () => {
		service = await startClusterService();
		system = service.db.asService().audit;
	}, 120_000);
	// What one test leaves open would have shards of the next wait for it.
	afterEach(() => Promise.all(sessions.splice(0).map((session) => session.end())));
	afterAll(() => service?.stop());

	interface Place {
		readonly shard: string;
		readonly name: string;
		readonly port: number;
	}

	const placeOf = async (organizationId: string): Promise<Place> => {
		const { rows } = await service.admin.query(
			`SELECT shardid AS shard, nodename AS name, nodeport AS port FROM pg_dist_shard_placement
			 WHERE shardid = get_shard_id_for_distribution_column('public.destinations', $1::uuid)`,
			[organizationId],
		);
		return rows[0];
	};

	/** An organization with a destination on a worker. */
	const tenant = async (port?: number) => {
		for (;;) {
			const { organizationId, ...scope } = await service.tenant();
			const place = await placeOf(organizationId);
			if (port !== undefined && place.port !== port) continue;
			const { id } = await scope.destinations.create({
				...{ organizationId, type: 'posthog', name: 'EU project' },
				settings: { apiKey: 'phc_x' },
			});
			return { ...scope, organizationId, id, place };
		}
	};
	type Tenant = Awaited<ReturnType<typeof tenant>>;

	/** One on each worker. */
	const tenants = async () => {
		const { rows } = await service.admin.query(
			'SELECT nodeport AS port FROM pg_dist_node WHERE shouldhaveshards ORDER BY port',
		);
		return Promise.all(rows.map(({ port }) => tenant(port)));
	};

	const session = async (): Promise<Client> => {
		const client = new Client({ connectionString: service.connectionString });
		await client.connect();
		sessions.push(client);
		return client;
	};

	const rename = (client: Client, { organizationId, id }: Tenant, name: string) =>
		client.query('UPDATE destinations SET name = $3 WHERE organization_id = $1 AND id = $2', [
			organizationId,
			id,
			name,
		]);

	/** What an export has, and the places where it may be cut off. */
	const exported = async (audit: AuditLog, options: AuditExportOptions = {}, most = Infinity) => {
		const cursors: string[] = [];
		const onCursor = (next: string) => void cursors.push(next);
		const entries: { id: string; changes: { name?: { new: string } } }[] = [];
		for await (const line of audit.export({ ...options, onCursor })) {
			entries.push(JSON.parse(line));
			if (cursors.length === most) break;
		}
		const names = entries.flatMap(({ changes }) => changes.name?.new ?? []);
		return { ids: entries.map(({ id }) => id), names, cursors, cursor: cursors.at(-1) as string };
	};

	const idsIn = async (where = '', values: unknown[] = []): Promise<string[]> => {
		const { rows } = await service.admin.query<{ id: string }>(
			`SELECT id FROM destination_audit_log ${where} ORDER BY id`,
			values,
		);
		return rows.map(({ id }) => id);
	};
	const inOrder = (ids: readonly string[]) =>
		[...ids].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));

	/** Many entries of one transaction. */
	const manyEntries = (client: Client, { organizationId }: Tenant, count: number) =>
		client.query(
			`INSERT INTO destinations (organization_id, type, name, settings, deleted_at)
			 SELECT $1, 'console', 'many', '{}', now() FROM generate_series(1, $2::integer)`,
			[organizationId, count],
		);

	/** Moves an organization's shard to the other worker, also if Postgres has it wait for writers that wait for it. */
	const move = async ({ organizationId }: Tenant): Promise<void> => {
		const from = await placeOf(organizationId);
		const { rows } = await service.admin.query(
			`SELECT nodename AS name, nodeport AS port FROM pg_dist_node
			 WHERE shouldhaveshards AND (nodename, nodeport) <> ($1, $2) LIMIT 1`,
			[from.name, from.port],
		);
		const places = [from.shard, from.name, from.port, rows[0].name, rows[0].port];
		for (let left = 20; ; left -= 1) {
			try {
				await service.admin.query(
					`SELECT citus_move_shard_placement($1, $2, $3, $4, $5, 'block_writes')`,
					places,
				);
				return;
			} catch (error) {
				if (left === 0 || !/deadlock/.test(String(error))) throw error;
			}
		}
	};

	test('has every entry once, from each cursor on', async () => {
		const [a, b] = (await tenants()) as [Tenant, Tenant];
		const first = await exported(system);
		expect(inOrder(first.ids)).toEqual(await idsIn());
		await a.destinations.update(a.id, { name: 'one' });
		await b.destinations.update(b.id, { name: 'two' });
		const second = await exported(system, { cursor: first.cursor });
		expect(second.names.sort()).toEqual(['one', 'two']);
		expect((await exported(system, { cursor: second.cursor })).names).toEqual([]);
	});

	test('has what was written before and committed after, on whichever worker', async () => {
		const both = (await tenants()) as [Tenant, Tenant];
		for (const [slow, quick] of [both, both.toReversed()] as [Tenant, Tenant][]) {
			const { cursor: before } = await exported(system);
			const client = await session();
			await client.query('BEGIN');
			await rename(client, slow, 'slow');
			await quick.destinations.update(quick.id, { name: 'quick' });
			const first = await exported(system, { cursor: before });
			expect(first.names).toEqual(['quick']);
			const unchanged = await exported(system, { cursor: first.cursor });
			expect(unchanged.names).toEqual([]);
			await client.query('COMMIT');
			await quick.destinations.update(quick.id, { name: 'later' });
			for (const { cursor } of [first, unchanged]) {
				expect((await exported(system, { cursor })).names.sort()).toEqual(['later', 'slow']);
			}
		}
	});

	test('leaves what commits while it goes on to the next one', async () => {
		const [a, b] = (await tenants()) as [Tenant, Tenant];
		const { cursor: before } = await exported(system);
		await manyEntries(service.admin, a, 600);
		await manyEntries(service.admin, b, 600);
		const slow = await session();
		await slow.query('BEGIN');
		await rename(slow, b, 'slow');
		const names: string[] = [];
		let cursor = '';
		const lines = system.export({
			cursor: before,
			onCursor: (next) => {
				cursor = next;
			},
		});
		for await (const line of lines) {
			if (names.length === 0) await slow.query('COMMIT');
			names.push(JSON.parse(line).changes.name?.new);
		}
		expect(names).toHaveLength(1200);
		expect(names).not.toContain('slow');
		expect((await exported(system, { cursor })).names).toEqual(['slow']);
	});

	test('goes on from wherever it was cut off, and has what was late then', async () => {
		const [a, b] = (await tenants()) as [Tenant, Tenant];
		const { cursor: before } = await exported(system);
		const after = await idsIn();
		const slow = await session();
		await slow.query('BEGIN');
		await rename(slow, a, 'slow');
		await Promise.all(
			[a, b].map(async (one) => {
				const client = await session();
				await manyEntries(client, one, 700);
				await manyEntries(client, one, 700);
			}),
		);
		const whole = await exported(system, { cursor: before });
		expect(whole.ids).toHaveLength(2800);
		expect(whole.cursors.length).toBeGreaterThan(4);
		// A cursor that was handed out says that what was read up to there is safe.
		const parts: { ids: string[]; cursor: string }[] = [];
		for (let most = 1; most <= whole.cursors.length; most += 1) {
			const ids: string[] = [];
			let safe = 0;
			let cursor = '';
			let cursors = 0;
			for await (const line of system.export({
				cursor: before,
				onCursor: (next) => {
					cursors += 1;
					if (cursors > most) return;
					cursor = next;
					safe = ids.length;
				},
			})) {
				if (cursors >= most) break;
				ids.push(JSON.parse(line).id);
			}
			parts.push({ ids: ids.slice(0, safe), cursor });
		}
		await slow.query('COMMIT');
		const since = (await idsIn()).filter((id) => !after.includes(id));
		expect(since).toHaveLength(2801);
		for (const { ids, cursor } of parts) {
			const rest = await exported(system, { cursor });
			expect(inOrder([...ids, ...rest.ids])).toEqual(since);
			expect(rest.names).toContain('slow');
		}
	}, 120_000);

	test('has each entry once, whoever writes and whatever is moved meanwhile', async () => {
		const many = [...(await tenants()), ...(await tenants()), ...(await tenants())];
		const [own, other] = many as [Tenant, Tenant];
		let writing = true;
		const writers = [0, 1, 2, 3, 4, 5].map(async (n) => {
			const client = await session();
			for (let round = 0; writing; round += 1) {
				// Of one worker, and of two in one transaction, always in this order, so that nobody waits in a circle.
				const targets = [many[n], ...(n === 5 ? [many[4]] : [])].toSorted((x, y) =>
					(x?.id ?? '') < (y?.id ?? '') ? -1 : 1,
				);
				await client.query('BEGIN');
				try {
					for (const target of targets) await rename(client, target as Tenant, `${n}.${round}`);
					if (n % 3 === 0) await client.query('SELECT pg_sleep(0.02)');
					await client.query(round % 9 === 8 ? 'ROLLBACK' : 'COMMIT');
				} catch {
					// While shards are moved, a write may be refused.
					await client.query('ROLLBACK');
				}
			}
		});
		const moves = (async () => {
			for (const moved of [own, other, own, other]) await move(moved);
		})().finally(() => {
			writing = false;
		});
		const seen: Record<'system' | 'own', string[]> = { system: [], own: [] };
		const cursors: { system?: string; own?: string } = {};
		const rounds = { system: 0, own: 0 };
		for (let last = false; !last; ) {
			last = !writing;
			if (last) await Promise.all([...writers, moves]);
			for (const [name, audit] of [
				['system', system],
				['own', own.audit],
			] as const) {
				const part = await exported(audit, { cursor: cursors[name] });
				cursors[name] = part.cursor;
				seen[name].push(...part.ids);
				rounds[name] += 1;
			}
		}
		expect(rounds.system).toBeGreaterThan(5);
		const all = await idsIn();
		expect(inOrder(seen.system)).toEqual(all);
		expect(new Set(all).size).toBe(all.length);
		expect(inOrder(seen.own)).toEqual(
			await idsIn('WHERE organization_id = $1', [own.organizationId]),
		);
	}, 300_000);

	test('finds what meets a filter: of an organization, a destination, a user, an action', async () => {
		const [a, b] = (await tenants()) as [Tenant, Tenant];
		const { cursor } = await exported(system);
		await a.destinations.update(a.id, { name: 'of a' });
		await b.destinations.update(b.id, { name: 'of b' });
		await b.destinations.softDelete(b.id);
		const names = async (options: AuditExportOptions) => (await exported(system, options)).names;
		const ofA = ['EU project', 'of a'];
		expect(await names({ organizationId: a.organizationId })).toEqual(ofA);
		expect(await names({ destinationId: a.id })).toEqual(ofA);
		expect(await names({ destinationId: a.organizationId })).toEqual([]);
		expect(await names({ actorId: a.actorId })).toEqual(ofA);
		expect(await names({ cursor, actorId: b.actorId })).toEqual(['of b']);
		expect((await exported(system, { cursor, action: 'soft_deleted' })).ids).toHaveLength(1);
	});

	const partsOf = (cursor: string): unknown[] =>
		JSON.parse(Buffer.from(cursor, 'base64url').toString());
	const cursorOf = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
	const withNode = (parts: unknown[], node: number, change: (of: unknown[]) => unknown[]) =>
		parts.with(
			1,
			(parts[1] as unknown[][]).with(node, change((parts[1] as unknown[][])[node] ?? [])),
		);
	const refused = { code: 'VALIDATION', issues: [{ path: ['cursor'] }] };

	test.each<[string, (parts: unknown[]) => unknown]>([
		['of a server without Citus', () => [1, 'x', '1', '1', [], '1', '1']],
		['of a node with another history', (parts) => withNode(parts, 2, (of) => of.with(0, 'x'))],
		['of a time to come', (parts) => withNode(parts, 2, (of) => of.with(1, String(2n ** 62n)))],
		[
			'of a node with rows that is no more',
			(parts) => parts.with(1, [...(parts[1] as unknown[]), ['x', '1', [], true]]),
		],
		['of another form', (parts) => parts.slice(1)],
	])('refuses a cursor %s', async (_, change) => {
		const own = await tenant();
		for (const [audit, other] of [
			[system, own.audit],
			[own.audit, system],
		] as const) {
			const { cursor } = await exported(audit);
			await expect(
				exported(audit, { cursor: cursorOf(change(partsOf(cursor))) }),
			).rejects.toMatchObject(refused);
			await expect(exported(other, { cursor })).rejects.toMatchObject(refused);
		}
	});

	test('goes on after a node is gone that had no rows', async () => {
		const { cursor } = await exported(system);
		const parts = partsOf(cursor);
		const gone = parts.with(1, [...(parts[1] as unknown[]), ['x', '1', [], false]]);
		expect((await exported(system, { cursor: cursorOf(gone) })).ids).toEqual([]);
	});

	test('refuses a snapshot that is older than what it knows', async () => {
		const client = await session();
		const own = await tenant();
		await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
		const joined = service.db.forOrganization(own.organizationId, { transaction: client });
		await expect(exported(joined.audit)).rejects.toMatchObject({
			...{ code: 'UNSUPPORTED', message: expect.stringContaining('READ COMMITTED') },
		});
		await client.query('ROLLBACK');
	});

	describe('before it is pruned', () => {
		let folder: string;
		let files = 0;
		beforeAll(async () => {
			folder = await mkdtemp(join(tmpdir(), 'cluster-export-'));
		});
		afterAll(() => rm(folder, { recursive: true }));

		const newFile = () => join(folder, `${++files}.jsonl`);
		const idsOf = async (file: string): Promise<string[]> =>
			(await readFile(file, 'utf8'))
				.split('\n')
				.filter((line) => line !== '')
				.map((line) => JSON.parse(line).id);
		const purge = (exportTo: string, onProgress?: PurgeExpiredOptions['onProgress']) =>
			purgeExpired({
				...{ connectionString: service.logins.service, exportTo, batchSize: 500, onProgress },
				logOlderThan: new Date('2021-01-01'),
			});
		const old = `WHERE recorded_at < '2021-01-01'`;
		/** Has entries of creations be of another year, of what is committed. */
		const age = `SELECT run_command_on_shards('public.destination_audit_log', $c$DO $x$ BEGIN SET LOCAL session_replication_role = replica;
			UPDATE %s SET recorded_at = '2020-01-01' WHERE action = 'created'; END $x$$c$)`;

		test('is in the file once, over several runs, and what is committed late stays until it is there', async () => {
			const file = newFile();
			const [a, b] = (await tenants()) as [Tenant, Tenant];
			await manyEntries(service.admin, a, 600);
			await manyEntries(service.admin, b, 600);
			await service.admin.query(age);
			const before = await idsIn();
			const expired = await idsIn(old);
			// Of one that began before the export and commits behind it, an old entry.
			const slow = await session();
			await slow.query('BEGIN');
			await manyEntries(slow, a, 3);
			const first = await purge(file);
			expect(first).toMatchObject({ log: expired.length, exported: before.length });
			expect(await idsOf(file)).toEqual(expect.arrayContaining(before));
			await slow.query('COMMIT');
			await service.admin.query(age);
			const unseen = await idsIn(old);
			expect(unseen).toHaveLength(3);
			const since = await idsIn();
			const second = await purge(file);
			expect(second).toMatchObject({ log: 3 });
			const ids = await idsOf(file);
			expect(new Set(ids).size).toBe(ids.length);
			expect(inOrder(ids)).toEqual(inOrder([...new Set([...before, ...since])]));
		}, 120_000);

		test('stays where it commits between the export and the removal', async () => {
			const [a] = (await tenants()) as [Tenant, Tenant];
			const [slow, holder] = [await session(), await session()];
			holder.on('error', () => {});
			await holder.query('SELECT pg_advisory_lock(7)');
			const pidOf = async (client: Client) =>
				(await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
			const [holding, waiting] = [await pidOf(holder), await pidOf(slow)];
			await slow.query('BEGIN');
			await manyEntries(slow, a, 3);
			// Behind it in the order of transactions.
			await manyEntries(service.admin, a, 5);
			await service.admin.query(age);
			const late = slow.query(`SELECT pg_advisory_lock(7); COMMIT; ${age}`);
			const commit = `SELECT pg_terminate_backend(${holding})`;
			const committed = `DO $$ BEGIN LOOP PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
				EXIT WHEN (SELECT state = 'idle' FROM pg_stat_activity WHERE pid = ${waiting}); END LOOP; END $$`;
			const file = newFile();
			const first = await purge(file, ({ part, done }) => {
				if (part !== 'log' || done > 0) return;
				spawnSync('psql', ['-X', '-c', commit, '-c', committed, service.connectionString]);
			});
			await late;
			expect(first.log).toBeGreaterThanOrEqual(5);
			expect(await idsIn(old)).toHaveLength(3);
			expect(await purge(file)).toMatchObject({ log: 3 });
		}, 120_000);

		test('refuses the file of a server without Citus, and removes nothing', async () => {
			await tenant();
			await service.admin.query(age);
			const before = await idsIn();
			const file = newFile();
			await writeFile(file, '');
			const cursor = cursorOf([1, 'x', '1', '1', [], '1', '1']);
			await writeFile(`${file}.cursor`, JSON.stringify({ cursor, bytes: 0 }));
			await expect(purge(file)).rejects.toMatchObject({
				...{ code: 'CONFIGURATION', message: expect.stringContaining('another database server') },
			});
			expect(await idsIn()).toEqual(before);
		});
	});

	test('refuses a cursor from before a worker lost what it had', async () => {
		const own = await tenant();
		const [all, one] = [await exported(system), await exported(own.audit)];
		// As a recovery from a crash does.
		await service.admin.query(
			`SELECT run_command_on_workers($$SELECT pg_stat_reset_shared('bgwriter')$$)`,
		);
		for (const [audit, cursor] of [
			[system, all.cursor],
			[own.audit, one.cursor],
		] as const) {
			await expect(exported(audit, { cursor })).rejects.toMatchObject(refused);
		}
		expect((await exported(own.audit)).names).toEqual(['EU project']);
	});
});
