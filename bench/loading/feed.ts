import { quick } from '../measure.ts';
import type { Figure } from '../report.ts';
import type { LoadingBench } from './loading-bench.ts';
import { PlainFeed } from './plain-feed.ts';

/** For a shorter run, give fewer as BENCH_LOADING_ENTRIES. */
const entries = Number(process.env.BENCH_LOADING_ENTRIES ?? (quick ? 10_000 : 10_000_000));
const index = 'idx_destination_audit_log_transaction';

/** What Postgres reads for one poll of a log of two years, as the role of loaders. */
export async function measureFeed({
	admin,
	logins,
	organizationIds,
}: LoadingBench): Promise<Figure[]> {
	const filling = performance.now();
	await fillLog(admin);
	const seconds = (performance.now() - filling) / 1000;
	await using polling = new PlainFeed(logins.loaderConnectionString);
	await polling.connect();
	await polling.poll();
	const buffers = async () => {
		await polling.poll();
		const { text, values } = polling.sent;
		const { rows } = await polling.client.query<{ 'QUERY PLAN': Explained }>(
			`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
			[...values],
		);
		const [explained] = rows[0]?.['QUERY PLAN'] ?? [];
		if (explained === undefined) throw new Error('Postgres explained nothing');
		return explained;
	};
	// The first has the catalog to read.
	await buffers();
	const idle = await buffers();
	const changed = 20;
	await admin.query(
		`SET session_replication_role = DEFAULT;
		 UPDATE destinations SET test_mode = NOT test_mode WHERE type = 'posthog' AND organization_id IN ('${organizationIds.slice(0, changed).join("', '")}')`,
	);
	const busy = await buffers();
	const figure = (name: string, explained: Explained[number], detail: string): Figure => ({
		name,
		value: explained.Plan['Shared Hit Blocks'] + explained.Plan['Shared Read Blocks'],
		unit: 'buffers',
		bound: { atMost: 10 },
		detail: `${explained['Execution Time'].toFixed(2)} ms; ${detail}`,
	});
	return [
		figure(
			`one poll among ${entries} log entries`,
			idle,
			`nothing has changed; the log was filled in ${seconds.toFixed(0)} s, unlogged and with this index alone`,
		),
		{
			...figure(`one poll that finds ${changed} changes`, busy, 'behind the newest VACUUM'),
			bound: undefined,
		},
	];
}

type Explained = readonly {
	readonly Plan: { readonly 'Shared Hit Blocks': number; readonly 'Shared Read Blocks': number };
	readonly 'Execution Time': number;
}[];

/** Past the triggers, and with no index but the one that polls use: the others do not concern them. */
async function fillLog(admin: LoadingBench['admin']): Promise<void> {
	const { rows } = await admin.query<{ name: string; create: string }>(
		`SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS create
		   FROM pg_index WHERE indrelid = 'destination_audit_log'::regclass AND NOT indisprimary`,
	);
	const create = rows.find(({ name }) => name === index)?.create;
	if (create === undefined) throw new Error(`There is no index ${index}`);
	await admin.query(`SET session_replication_role = replica; SET maintenance_work_mem = '512MB';
		ALTER TABLE destination_audit_log DROP CONSTRAINT destination_audit_log_pkey;
		DROP INDEX ${rows.map(({ name }) => name).join(', ')};
		TRUNCATE destination_audit_log; ALTER TABLE destination_audit_log SET UNLOGGED`);
	// As two years of changes would be: an entry a transaction, all of them before what is yet to come.
	await admin.query(`INSERT INTO destination_audit_log (organization_id, action, role, login, transaction_id)
		SELECT md5((n % 100000)::text)::uuid, 'updated', 'service_role', 'service', -n
		  FROM generate_series(1, ${entries}) AS n`);
	await admin.query(create);
	await admin.query('VACUUM ANALYZE destination_audit_log');
}
