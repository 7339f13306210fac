import { Client } from 'pg';
import type { DestinationsLoader } from '../../src/index.ts';
import { Loading, pause, settled } from './loading.ts';
import { Network } from './network.ts';

// Loaders among writers whose transactions stay open, while connections are killed. Each answer must be a state that the
// organization was in between the last poll before the call and the answer; and in the end the last one.
//
// LOADING_STRESS_SECONDS=300 npx jest test/loading/stress for a long run.

const seconds = Number(process.env.LOADING_STRESS_SECONDS ?? 5);
const organizations = 12;
const writers = 7;
const longest = 300;

let loading: Loading;
let network: Network;

beforeAll(async () => {
	loading = await Loading.open();
	network = await Network.before(loading.database.connectionString);
});

afterAll(async () => {
	await loading[Symbol.asyncDispose]();
	await network[Symbol.asyncDispose]();
});

/** Versions of a row, and when it had them at the earliest and the latest; by the clock of this process. */
interface Commit {
	readonly version: number;
	/** Before COMMIT was sent, and after it was answered. */
	readonly from: number;
	readonly to: number;
}

test(
	'no answer is wrong',
	async () => {
		const made = await loading.newDestinations(organizations);
		const commits = new Map<string, Commit[]>(
			made.map(({ id }) => [id, [{ version: 1, from: 0, to: 0 }]]),
		);
		const loaders = await Promise.all(
			Array.from({ length: 3 }, () =>
				loading.started({
					connectionString: network.url(loading.database.logins.loaderConnectionString),
					pool: { max: 2 },
				}),
			),
		);
		const end = performance.now() + seconds * 1000;
		const going = () => performance.now() < end;
		const some = <T>(list: readonly T[]): T => {
			const one = list[Math.floor(Math.random() * list.length)];
			if (one === undefined) throw new Error('nothing to choose from');
			return one;
		};

		async function write(): Promise<void> {
			const client = new Client({ connectionString: loading.database.connectionString });
			await client.connect();
			while (going()) {
				const { id } = some(made);
				await client.query('BEGIN');
				const { rows } = await client.query<{ version: number }>(
					'UPDATE destinations SET test_mode = NOT test_mode WHERE id = $1 RETURNING version',
					[id],
				);
				await pause(Math.random() * longest);
				const from = performance.now();
				const rolledBack = Math.random() < 0.1;
				await client.query(rolledBack ? 'ROLLBACK' : 'COMMIT');
				const version = rows[0]?.version ?? 0;
				if (!rolledBack) commits.get(id)?.push({ version, from, to: performance.now() });
			}
			await client.end();
		}

		let killed = 0;
		async function kill(): Promise<void> {
			while (going()) {
				await pause(50);
				if (network.links > 0) killed += 1;
				network.killOne();
			}
		}

		const wrong: unknown[] = [];
		let answers = 0;
		async function read(loader: DestinationsLoader): Promise<void> {
			while (going()) {
				await pause(Math.random() * 3);
				const { id, organizationId } = some(made);
				// What was committed before the last poll that succeeded was sent must be seen.
				const known = performance.now() - (loader.metrics().ageMillis ?? 0);
				const answer = await loader
					.findEnabled(organizationId, 'production')
					.catch(() => undefined);
				if (answer === undefined) continue;
				answers += 1;
				const now = performance.now();
				const version = answer[0]?.version ?? 0;
				const history = commits.get(id) ?? [];
				const oldest = Math.max(
					...history.filter(({ to }) => to < known).map((made) => made.version),
				);
				// A commit that is under way has no entry here yet.
				const newest = Math.max(...history.map((made) => made.version)) + 1;
				if (version < oldest || version > newest || answer.length !== 1) {
					wrong.push({ version, oldest, newest, age: now - known });
				}
			}
		}

		await Promise.all([
			...Array.from({ length: writers }, write),
			...loaders.flatMap((loader) => [read(loader), read(loader)]),
			kill(),
		]);
		expect(wrong).toEqual([]);
		expect(answers).toBeGreaterThan(seconds * 50);
		expect(killed).toBeGreaterThan(seconds * 5);
		for (const loader of loaders) {
			await settled(loader);
			for (const { id, organizationId } of made) {
				const [found] = await loader.findEnabled(organizationId, 'production');
				expect(found?.version).toBe(commits.get(id)?.at(-1)?.version);
			}
			await loader.close();
		}
	},
	(seconds + 60) * 1000,
);
