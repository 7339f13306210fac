import type { Client } from 'pg';
import { Client as PgClient } from 'pg';
import { builtPackageFile } from '../built-package.ts';
import { often, quantile, quick } from '../measure.ts';
import type { Figure } from '../report.ts';
import { startChildren } from './children.ts';
import type { LoadingBench } from './loading-bench.ts';

const writers = 16;
const pollers = 100;
const interval = 250;
const rounds = often(5);
const turnMillis = quick ? 100 : 1_200;
/** Few enough that their rows are in memory, and enough that writers seldom wait for each other. */
const organizations = 5_000;

const index = 'idx_destination_audit_log_transaction';

const notify = `CREATE FUNCTION bench_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	PERFORM pg_notify('destinations', NEW.organization_id::text); RETURN NULL; END $$;
	CREATE TRIGGER bench_notify AFTER UPDATE ON destinations FOR EACH ROW EXECUTE FUNCTION bench_notify()`;

/** Writes a second without any loader, with the index and the polls of many, and with NOTIFY in a trigger. */
export async function measureWrites(bench: LoadingBench): Promise<Figure[]> {
	const { admin, logins } = bench;
	const { rows } = await admin.query<{ create: string }>(
		'SELECT pg_get_indexdef($1::regclass) AS create',
		[`public.${index}`],
	);
	const create = rows[0]?.create ?? '';
	const clients = await Promise.all(Array.from({ length: writers }, () => openWriter(logins)));
	const listener = new PgClient({ connectionString: logins.loaderConnectionString });
	await listener.connect();
	const write = () => writesPerSecond(clients, bench.organizationIds.slice(0, organizations));
	/** Each leaves everything as it was before it. */
	const ways = {
		indexed: write,
		alone: async () => {
			await admin.query(`DROP INDEX ${index}`);
			const rate = await write();
			await admin.query(create);
			return rate;
		},
		polled: async () => {
			await using _ = await startPollers(bench);
			return await write();
		},
		notified: async () => {
			await admin.query(`DROP INDEX ${index}; ${notify}`);
			await listener.query('LISTEN destinations');
			const rate = await write();
			await listener.query('UNLISTEN *');
			await admin.query(`DROP FUNCTION bench_notify CASCADE; ${create}`);
			return rate;
		},
	};
	const names = ['alone', 'indexed', 'polled', 'notified'] as const;
	const rates: Record<(typeof names)[number], number[]> = {
		...{ alone: [], indexed: [], polled: [], notified: [] },
	};
	try {
		await write();
		for (let round = 0; round < rounds; round += 1) {
			const order = round % 2 === 0 ? names : [...names].reverse();
			for (const name of order) rates[name].push(await ways[name]());
		}
	} finally {
		await Promise.all([listener, ...clients].map((client) => client.end()));
	}
	const figure = (name: (typeof names)[number], title: string, how: string): Figure => {
		const ratios = rates[name].map((rate, round) => rate / (rates.alone[round] ?? Number.NaN));
		const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
		return {
			name: title,
			value: quantile(ratios, 0.5),
			unit: '× without any',
			bound: name === 'polled' ? { atLeast: 0.9 } : undefined,
			spread: { low, high },
			detail: `${quantile(rates[name], 0.5).toFixed(0)} a second against ${quantile(rates.alone, 0.5).toFixed(0)}, ${writers} writers; ${how}; middle half ${low.toFixed(2)} to ${high.toFixed(2)}`,
		};
	};
	return [
		figure(
			'polled',
			`writes with the index and ${pollers} polling processes`,
			`two of them real, of the others their statements, all on this machine; each reads what was written in the ${interval} ms before`,
		),
		figure('indexed', 'writes with the index alone', 'nobody polls'),
		figure(
			'notified',
			'writes with NOTIFY in a trigger instead',
			'one listener; nothing is synced to disk, during which NOTIFY would hold its lock',
		),
	];
}

async function startPollers({ logins, keys }: LoadingBench): Promise<AsyncDisposable> {
	const real = ['loading-process.ts', await builtPackageFile()] as const;
	const { loaderConnectionString: url } = logins;
	return startChildren([
		[...real, url, keys],
		[...real, url, keys],
		['polling-process.ts', url, String(pollers - 2), String(interval)],
	]);
}

async function openWriter({ serviceConnectionString }: LoadingBench['logins']): Promise<Client> {
	const client = new PgClient({ connectionString: serviceConnectionString });
	await client.connect();
	await client.query(`SET ROLE service_role; SET request.jwt.claims = '{"role":"service_role"}'`);
	return client;
}

async function writesPerSecond(
	clients: readonly Client[],
	organizationIds: readonly string[],
): Promise<number> {
	let writes = 0;
	const start = performance.now();
	const end = start + turnMillis;
	await Promise.all(
		clients.map(async (client, at) => {
			for (let turn = at; performance.now() < end; turn += writers) {
				const id = organizationIds[(turn * 7) % organizationIds.length];
				await client.query({
					name: 'write',
					text: `UPDATE destinations SET test_mode = NOT test_mode WHERE organization_id = $1 AND type = 'mixpanel'`,
					values: [id],
				});
				writes += 1;
			}
		}),
	);
	return (writes / (performance.now() - start)) * 1000;
}
