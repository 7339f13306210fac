import { Client } from 'pg';
import type { DestinationsLoader, LoadedDestination } from '../../src/index.ts';
import { Network } from '../support/network.ts';
import { Loading, pause, settled } from './loading.ts';
import { PolledSnapshots, type Snapshot } from './polled-snapshots.ts';

// Loaders among writers whose transactions stay open, while connections are killed. Each answer is compared with the
// database at its snapshot: that of the last poll, or of a read behind it. And in the end the last version is known.
//
// LOADING_STRESS_SECONDS=300 npx jest test/loading/stress for a long run.

const seconds = Number(process.env.LOADING_STRESS_SECONDS ?? 5);
const organizations = 12;
const writers = 7;
/** How long a transaction stays open at most, in milliseconds. */
const longest = 300;

let loading: Loading;
let loaders: readonly Watched[] = [];

beforeAll(async () => {
	loading = await Loading.open();
});

afterAll(async () => {
	await Promise.all(loaders.map((watched) => watched[Symbol.asyncDispose]()));
	await loading[Symbol.asyncDispose]();
});

/** A version of a row, and which transaction made it. Those of a row come one after the other, because it is locked. */
interface Commit {
	readonly version: number;
	readonly transaction: bigint;
	/** Before COMMIT was sent, by the clock of this process. */
	readonly sent: number;
}

interface Answer {
	readonly id: string;
	readonly version: number;
	readonly count: number;
	/** Of the last poll that the loader had accepted when it was asked. */
	readonly snapshot: Snapshot;
	/** Whether it was in memory before that poll began, and so must be what the snapshot sees, neither older nor newer. */
	readonly isOfSnapshot: boolean;
	readonly at: number;
}

/** A loader behind a network of its own, which knows the snapshot of its last poll. */
class Watched implements AsyncDisposable {
	readonly loader: DestinationsLoader;
	readonly network: Network;
	/** Snapshots that came by since the last poll that was accepted; a connection that is killed may lose some. */
	#since: Snapshot[] = [];
	#last: Snapshot | undefined;
	/** Whether it is the one of the last poll for certain. */
	#isCertain = false;
	#polls = 0;
	/** By how many polls an answer had been accepted when it was first returned. */
	readonly #firstSeen = new WeakMap<readonly LoadedDestination[], number>();

	private constructor(loader: DestinationsLoader, network: Network) {
		this.loader = loader;
		this.network = network;
		network.watchAnswers(() => new PolledSnapshots((snapshot) => this.#since.push(snapshot)));
	}

	static async start(): Promise<Watched> {
		const network = await Network.before(loading.database.connectionString);
		const loader = loading.loader({
			connectionString: network.url(loading.database.logins.loaderConnectionString),
			// Two, so that polls pass reads.
			pool: { max: 2 },
		});
		const watched = new Watched(loader, network);
		await loader.start();
		return watched;
	}

	/** The snapshot that an answer must not be older than. Of several it is the oldest, because any may be the one. */
	get #snapshot(): Snapshot {
		const { polls } = this.loader.metrics();
		if (polls !== this.#polls) {
			this.#isCertain = polls === this.#polls + 1 && this.#since.length === 1;
			this.#polls = polls;
			this.#last = this.#since[0] ?? this.#last;
			this.#since = [];
		}
		if (this.#last === undefined) throw new Error('no poll came by');
		return this.#last;
	}

	/** Undefined where there is no answer, which a killed connection may be the reason of. */
	async ask(id: string, organizationId: string): Promise<Answer | undefined> {
		const snapshot = this.#snapshot;
		const [polls, isCertain] = [this.#polls, this.#isCertain];
		const found = await this.loader
			.findEnabled(organizationId, 'production')
			.catch(() => undefined);
		if (found === undefined) return undefined;
		const now = this.loader.metrics().polls;
		const firstSeen = this.#firstSeen.get(found) ?? now;
		this.#firstSeen.set(found, firstSeen);
		const [{ version } = { version: 0 }] = found;
		// By the poll before the last one it was in memory, so it was read before the last one was sent. While it is
		// waited for, another poll may be accepted.
		const isOfSnapshot = isCertain && firstSeen < polls - 1 && now === polls;
		return { id, version, count: found.length, snapshot, isOfSnapshot, at: performance.now() };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.loader.close();
		await this.network[Symbol.asyncDispose]();
	}
}

test(
	'each answer is that of the database at its snapshot',
	async () => {
		const made = await loading.newDestinations(organizations);
		const commits = new Map<string, Commit[]>(
			made.map(({ id }) => [id, [{ version: 1, transaction: 0n, sent: 0 }]]),
		);
		loaders = await Promise.all(Array.from({ length: 3 }, () => Watched.start()));
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
				const { rows } = await client.query<{ version: number; transaction: string }>(
					`UPDATE destinations SET test_mode = NOT test_mode WHERE id = $1
					 RETURNING version, pg_current_xact_id()::text AS transaction`,
					[id],
				);
				await pause(Math.random() * longest);
				const sent = performance.now();
				const rolledBack = Math.random() < 0.1;
				await client.query(rolledBack ? 'ROLLBACK' : 'COMMIT');
				const [{ version, transaction } = { version: 0, transaction: '0' }] = rows;
				if (rolledBack) continue;
				commits.get(id)?.push({ version, transaction: BigInt(transaction), sent });
			}
			await client.end();
		}

		let killed = 0;
		async function kill(): Promise<void> {
			while (going()) {
				await pause(50);
				const { network } = some(loaders);
				if (network.links > 0) killed += 1;
				network.killOne();
			}
		}

		const answers: Answer[] = [];
		async function read(watched: Watched): Promise<void> {
			while (going()) {
				await pause(Math.random() * 3);
				const { id, organizationId } = some(made);
				const answer = await watched.ask(id, organizationId);
				if (answer !== undefined) answers.push(answer);
			}
		}

		await Promise.all([
			...Array.from({ length: writers }, write),
			...loaders.flatMap((watched) => [read(watched), read(watched)]),
			kill(),
		]);

		// Only now, because a snapshot may see what a writer has no answer for yet.
		const wrong = answers.filter(({ id, version, count, snapshot, isOfSnapshot, at }) => {
			const history = commits.get(id) ?? [];
			const latest = (of: readonly Commit[]) => Math.max(...of.map((commit) => commit.version));
			const seen = latest(history.filter(({ transaction }) => snapshot.sees(transaction)));
			const newest = isOfSnapshot ? seen : latest(history.filter(({ sent }) => sent <= at));
			return count !== 1 || version < seen || version > newest;
		});
		expect(wrong).toEqual([]);
		expect(answers.length).toBeGreaterThan(seconds * 50);
		expect(answers.filter(({ isOfSnapshot }) => isOfSnapshot).length).toBeGreaterThan(seconds * 5);
		expect(killed).toBeGreaterThan(seconds * 5);
		for (const { loader } of loaders) {
			await settled(loader);
			for (const { id, organizationId } of made) {
				const [found] = await loader.findEnabled(organizationId, 'production');
				expect(found?.version).toBe(commits.get(id)?.at(-1)?.version);
			}
		}
	},
	(seconds + 60) * 1000,
);
