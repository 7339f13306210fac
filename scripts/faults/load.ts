import fc from 'fast-check';
import { withClient } from '../../src/testing/databases.ts';
import { type Step, step } from '../../test/two-roads/calls.ts';
import { type Finished, Lane } from './lane.ts';
import type { Measured } from './messages.ts';
import type { Tally } from './tally.ts';
import type { WeatherProxy } from './weather-proxy.ts';
import { Worker, type WorkerOptions } from './worker.ts';

/** How many steps an organization takes before another goes on in its place. */
const stepsOfOrganization = 40;
const lanesOfWorker = 6;

export interface LoadOptions {
	/** One for each process. */
	readonly workers: readonly Omit<WorkerOptions, 'onCrash'>[];
	/** URL of the database as a superuser. */
	readonly connectionString: string;
	readonly proxy: WeatherProxy;
	readonly tally: Tally;
	readonly seed: number;
}

/** Workers, each of which acts for several organizations at once, until it is stopped. */
export class Load {
	readonly workers: readonly Worker[];
	readonly finished: Finished[] = [];
	readonly #options: LoadOptions;
	readonly #steps: readonly Step[];
	readonly #stop = new AbortController();
	#organizations: string[] = [];
	#running: Promise<unknown> = Promise.resolve();

	constructor(options: LoadOptions) {
		this.#options = options;
		const { tally, seed } = options;
		this.#steps = fc.sample(step, { numRuns: 4000, seed });
		const onCrash = (code: number | null) =>
			tally.fault('wrong', `a process ended by itself, with ${code}`);
		this.workers = options.workers.map((worker) => new Worker({ ...worker, onCrash }));
	}

	get lanes(): number {
		return this.workers.length * lanesOfWorker;
	}

	async start(organizations: number): Promise<void> {
		await withClient(this.#options.connectionString, async (admin) => {
			const { rows } = await admin.query<{ id: string }>(
				'INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id',
				[organizations],
			);
			this.#organizations = rows.map(({ id }) => id);
		});
		await Promise.all(this.workers.map((worker) => worker.ready()));
		const lanes = Array.from({ length: this.lanes }, (_, number) => this.#runLane(number));
		this.#running = Promise.all(lanes);
	}

	/** Lets everybody end what is under way, and look at what became of it. */
	async stop(): Promise<void> {
		this.#stop.abort();
		await this.#running;
	}

	async measure(): Promise<readonly Measured[]> {
		const measured = this.workers.map((worker) => worker.send<Measured>({ measure: true }));
		return (await Promise.all(measured)).filter((answer) => answer !== undefined);
	}

	async close(): Promise<void> {
		await Promise.all(this.workers.map((worker) => worker.close()));
	}

	async #runLane(number: number): Promise<void> {
		const { proxy, tally } = this.#options;
		const worker = this.workers[number % this.workers.length];
		if (worker === undefined) return;
		while (!this.#stop.signal.aborted) {
			const organizationId = this.#organizations.pop();
			if (organizationId === undefined) throw new Error('there are no more organizations');
			const lane = new Lane(organizationId, {
				...{ number, worker, proxy, tally },
				steps: () => this.#someSteps(),
			});
			const finished = await lane.run(this.#stop.signal);
			if (finished !== undefined) this.finished.push(finished);
		}
	}

	#someSteps(): readonly Step[] {
		const from = Math.floor(Math.random() * (this.#steps.length - stepsOfOrganization));
		return this.#steps.slice(from, from + stepsOfOrganization);
	}
}
