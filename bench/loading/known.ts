import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { builtPackage } from '../built-package.ts';
import { quantile, quick } from '../measure.ts';
import type { Figure } from '../report.ts';
import type { LoadingBench } from './loading-bench.ts';

const writers = 8;
const changes = quick ? 20 : 800;
/** The pause of a writer between two changes, in milliseconds, at most. */
const longest = 120;
const interval = 250;

/** From the answer to a COMMIT until the loader returns what was committed. */
export async function measureFreshness(bench: LoadingBench): Promise<Figure> {
	const { logins, keys, organizationIds } = bench;
	const { createDestinationsLoader } = await builtPackage();
	await using loader = createDestinationsLoader({
		connectionString: logins.loaderConnectionString,
		keys,
	});
	await loader.start();
	const ids = organizationIds.slice(0, changes);
	await Promise.all(ids.map((id) => loader.findEnabled(id, 'production')));
	const times: number[] = [];
	const committed = new Map<string, number>();
	const returns = async (id: string) =>
		(await loader.findEnabled(id, 'production')).some(({ version }) => version > 1);
	loader.on('change', ({ organizationIds }) => {
		if (organizationIds === 'all') throw new Error('Everything was forgotten');
		for (const id of organizationIds) void note(id);
	});
	async function note(id: string): Promise<void> {
		if (!(await returns(id))) return;
		const known = performance.now();
		// It may be known before the writer has the answer.
		while (!committed.has(id)) await delay(1);
		times.push(Math.max(0, known - (committed.get(id) ?? known)));
	}
	const left = [...ids];
	async function write(): Promise<void> {
		const client = new Client({ connectionString: bench.logins.serviceConnectionString });
		await client.connect();
		await client.query(`SET ROLE service_role; SET request.jwt.claims = '{"role":"service_role"}'`);
		for (let id = left.pop(); id !== undefined; id = left.pop()) {
			await delay(Math.random() * longest);
			await client.query(
				`UPDATE destinations SET test_mode = true WHERE organization_id = $1 AND type = 'posthog'`,
				[id],
			);
			committed.set(id, performance.now());
		}
		await client.end();
	}
	await Promise.all(Array.from({ length: writers }, write));
	const end = performance.now() + 10_000;
	while (times.length < changes) {
		if (performance.now() > end) throw new Error(`${times.length} changes are known`);
		await delay(10);
	}
	const at = (quantum: number) => quantile(times, quantum);
	return {
		name: 'commit to known, p99',
		value: at(0.99),
		unit: 'ms',
		bound: { atMost: interval + 60 },
		detail: `at the default interval of ${interval} ms, ${changes} changes; p50 ${at(0.5).toFixed(0)}, p95 ${at(0.95).toFixed(0)}, the slowest ${at(1).toFixed(0)}`,
	};
}
