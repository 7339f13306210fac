import { randomUUID } from 'node:crypto';
import { HostDatabase } from '../../database/migrations.ts';
import { type Claims, type Role, refusal, Session } from '../../database/session.ts';
import { added } from './log.ts';

const DENIED = '42501';
const tooRecent = { code: '23514', constraint: 'destination_audit_log_shortest_retention' };

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});
afterAll(() => session.close());
afterEach(async () => {
	await session.client.query(`RESET destinations.log_retention; SET session_replication_role = replica;
		DELETE FROM destination_audit_log; RESET session_replication_role`);
});

/** Writes entries past the triggers, each as many days old as it says; returns their ids. */
async function aged(days: readonly number[], transactionId = 1): Promise<string[]> {
	await session.client.query('SET session_replication_role = replica');
	const rows = await session.rows<{ id: string }>(
		`INSERT INTO destination_audit_log
			(organization_id, destination_id, version, action, role, login, recorded_at, transaction_id)
		 SELECT gen_random_uuid(), gen_random_uuid(), 1, 'created', 'x', 'x', now() - days * interval '1 day', $2
		   FROM unnest($1::float8[]) AS days RETURNING id`,
		[days, transactionId],
	);
	await session.client.query('RESET session_replication_role');
	return rows.map(({ id }) => id);
}

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

interface Pruned {
	readonly removed: string;
	readonly last_id: string | null;
}

function prune(before: Date, after: string | null, size: number, ...more: unknown[]) {
	const values = [before.toISOString(), after, size, ...more];
	const parameters = values.map((_, index) => `$${index + 1}`).join(', ');
	return session.row<Pruned>(`SELECT * FROM prune_destination_audit_log(${parameters})`, values);
}

const left = async () =>
	(
		await session.rows<{ id: string }>(
			`SELECT id FROM destination_audit_log WHERE action <> 'log_pruned' ORDER BY id`,
		)
	).map(({ id }) => id);

describe('the service removes old entries', () => {
	test('page by page, and each page leaves an entry: who, how many, which, up to when', async () => {
		const ids = await aged([400, 399, 398, 100, 397, 10]);
		const actor = await session.newUser();
		const [first, second, ...others] = await added(session, () =>
			session.asService(async () => {
				expect(await prune(daysAgo(365), null, 2)).toEqual({ removed: '2', last_id: ids[1] });
				expect(await prune(daysAgo(365), String(ids[1]), 3)).toEqual({
					removed: '2',
					last_id: ids[4],
				});
				expect(await prune(daysAgo(365), String(ids[4]), 3)).toMatchObject({ removed: '0' });
			}, actor),
		);
		expect(await left()).toEqual([ids[3], ids[5]]);
		expect(others).toEqual([]);
		expect(first).toMatchObject({
			...{ action: 'log_pruned', organization_id: null, destination_id: null, version: null },
			...{ actor_id: actor, role: 'service_role' },
			changes: {
				entries: { old: 2 },
				first_id: { old: ids[0] },
				last_id: { old: ids[1] },
				recorded_at: { old: expect.any(String) },
			},
		});
		expect(second?.changes).toMatchObject({ entries: { old: 2 }, first_id: { old: ids[2] } });
		expect(Date.parse(String(second?.changes.recorded_at?.old))).toBeLessThan(
			Date.now() - 396 * 86_400_000,
		);
	});

	test('but none that an export has not seen', async () => {
		const [seen, late, newer] = [
			...(await aged([400], 7)),
			...(await aged([400], 8)),
			...(await aged([400], 7)),
		];
		await session.asService(() => prune(daysAgo(365), null, 10, late, [8]));
		expect(await left()).toEqual([late, newer]);
		expect(seen).toBeDefined();
	});

	test.each([
		['of the last 30 days', () => daysAgo(29)],
		['of the future', () => daysAgo(-1)],
	])('and none %s', async (_, before) => {
		const ids = await aged([400, 29]);
		await expect(session.asService(() => prune(before(), null, 10))).rejects.toMatchObject(
			tooRecent,
		);
		expect(await left()).toEqual(ids);
	});

	test('without a time none at all', async () => {
		const call = session.asService(() =>
			session.client.query('SELECT prune_destination_audit_log(NULL, NULL, 10)'),
		);
		expect(await refusal(call)).toMatchObject(tooRecent);
	});

	test('which a rollback undoes, together with the record', async () => {
		const ids = await aged([400]);
		const failing = session.asService(async () => {
			await prune(daysAgo(365), null, 10);
			throw new Error('never mind');
		});
		await expect(failing).rejects.toThrow('never mind');
		expect(await session.rows('SELECT id FROM destination_audit_log')).toEqual([{ id: ids[0] }]);
	});

	test('and can delete nothing by hand after that, in the same transaction', async () => {
		await aged([400, 400]);
		const call = session.asService(async () => {
			await prune(daysAgo(365), null, 1);
			await session.client.query('DELETE FROM destination_audit_log');
		});
		expect((await refusal(call)).code).toBe(DENIED);
	});
});

describe.each<[Role, Claims]>([
	['authenticated', { organization_id: randomUUID() }],
	['anon', {}],
	['destinations_loader', {}],
	['service_role', {}],
])('%s', (role, claims) => {
	const ways = [
		`SET LOCAL destinations.log_retention = 'on'; DELETE FROM destination_audit_log`,
		`SET LOCAL destinations.log_retention = 'on'; TRUNCATE destination_audit_log`,
		`SET LOCAL destinations.log_retention = 'on'; UPDATE destination_audit_log SET action = 'x'`,
		'SELECT log_pruned_destination_audit_log()',
		...(role === 'service_role'
			? []
			: [`SELECT prune_destination_audit_log('2020-01-01', NULL, 10)`]),
	];

	test.each(ways)('removes nothing by %s', async (sql) => {
		const ids = await aged([4000]);
		const call = session.as(role, claims, () => session.client.query(sql));
		expect((await refusal(call)).code).toBe(DENIED);
		expect(await left()).toEqual(ids);
	});
});

describe('a superuser', () => {
	test('is refused a DELETE', async () => {
		await aged([400]);
		const error = await refusal(session.client.query('DELETE FROM destination_audit_log'));
		expect(error.message).toContain('the log is append-only');
	});

	test.each([`UPDATE destination_audit_log SET action = 'x'`, 'TRUNCATE destination_audit_log'])(
		'is refused %s, with the marker of retention too',
		async (sql) => {
			await aged([400]);
			await session.client.query(`SET destinations.log_retention = 'on'`);
			expect((await refusal(session.client.query(sql))).code).toBe(DENIED);
		},
	);

	test('who sets the marker of retention is on record, and deletes nothing recent', async () => {
		const [old, recent] = await aged([400, 29]);
		await session.client.query(`SET destinations.log_retention = 'on'`);
		await expect(session.client.query('DELETE FROM destination_audit_log')).rejects.toMatchObject(
			tooRecent,
		);
		const entries = await added(session, () =>
			session.client.query('DELETE FROM destination_audit_log WHERE id = $1', [old]),
		);
		expect(entries).toMatchObject([{ action: 'log_pruned', changes: { entries: { old: 1 } } }]);
		expect(await left()).toEqual([recent]);
	});
});

test('the owner, no superuser, removes by the function what is old, which is on record', async () => {
	const host = await HostDatabase.open();
	try {
		const owner = await host.migratedByOwner();
		await host.client.query(`
			SET session_replication_role = replica;
			INSERT INTO destination_audit_log (action, role, login, transaction_id, recorded_at)
				SELECT 'old', 'x', 'x', 1, now() - days * interval '1 day' FROM unnest(ARRAY[400, 10]) AS days;
			RESET session_replication_role`);
		await host.as(owner, async () => {
			const { rowCount } = await host.client.query('SELECT FROM destination_audit_log');
			expect(rowCount).toBe(0);
		});
		// As a service calls it, whose function runs as the owner.
		await host.client.query('BEGIN; SET LOCAL ROLE service_role');
		const { rows } = await host.client.query(
			`SELECT removed FROM prune_destination_audit_log(now() - interval '1 year', NULL, 100)`,
		);
		await host.client.query('COMMIT');
		expect(rows).toEqual([{ removed: '1' }]);
		const actions = await host.client.query('SELECT action FROM destination_audit_log ORDER BY id');
		expect(actions.rows).toEqual([{ action: 'old' }, { action: 'log_pruned' }]);
	} finally {
		await host.close();
	}
});

describe('a page reads its own entries and no more, however long the log is and whatever is old', () => {
	/** Writes as many entries, each a minute apart, the first of which is so many days old. */
	const fill = (count: number, days: number) =>
		session.client.query(
			`SET session_replication_role = replica;
			INSERT INTO destination_audit_log (action, role, login, recorded_at, transaction_id)
				SELECT 'x', 'x', 'x', now() - ${days} * interval '1 day' + n * interval '1 minute', n
				  FROM generate_series(1, ${count}) AS n;
			RESET session_replication_role`,
		);
	const analyze = () => session.client.query('ANALYZE destination_audit_log');

	beforeAll(() =>
		session.client.query('ALTER TABLE destination_audit_log SET (autovacuum_enabled = off)'),
	);

	// A planner goes by statistics, and those may be of another log than the one that is there.
	test.each<[string, () => Promise<unknown>]>([
		['without statistics', () => fill(20_000, 2000)],
		['with statistics', () => fill(20_000, 2000).then(analyze)],
		[
			'with statistics of its beginning',
			async () => {
				await fill(100, 2000);
				await analyze();
				await fill(19_900, 1999);
			},
		],
		[
			'with statistics of a time without old entries',
			async () => {
				await fill(100, 1);
				await analyze();
				await fill(19_900, 2000);
			},
		],
	])('%s', async (_, prepare) => {
		await prepare();
		for (let call = 1, after: string | null = null; call <= 12; call += 1) {
			const before = await rowsRead();
			const pruned: Pruned = await session.asService(() => prune(daysAgo(365), after, 100));
			expect((await rowsRead()) - before).toBeLessThan(120);
			after = pruned.last_id;
		}
		expect((await left()).length).toBeLessThanOrEqual(18_900);
	});
});

async function rowsRead(): Promise<number> {
	await session.client.query('SELECT pg_stat_force_next_flush()');
	const { read } = await session.row<{ read: string }>(
		`SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = 'destination_audit_log'`,
	);
	return Number(read);
}
