import type { ScopedSql } from '../database/scoped-sql.ts';
import type { DestinationsError } from '../errors.ts';
import type { Operations } from '../telemetry/operations.ts';
import { CitusFeed } from './citus-feed.ts';
import { Feed, type Poll, type PolledFeed } from './feed.ts';
import { loadingError } from './loading-error.ts';
import type { Counters } from './metrics.ts';
import { Poller } from './poller.ts';
import { checkFitness } from './server.ts';
import type { Freshness } from './status.ts';

/** Opened settings that may not be kept are looked for this often, in milliseconds. */
const sweepInterval = 1_000;

const polling = { name: 'loader.poll', operation: 'poll', table: 'destination_audit_log' };

/** What a refresher needs of the loader. */
export interface RefresherTools {
	readonly sql: ScopedSql;
	/** Where what it asks of the database runs as operations. */
	readonly operations: Operations;
	readonly counters: Counters;
	readonly freshness: Freshness;
	readonly forget: (changed: readonly string[] | 'all') => void;
	readonly deleteExpired: (now: number) => void;
	readonly report: (error: DestinationsError) => void;
}

/** Keeps what is in memory right: it polls, has what changed forgotten, and says how old answers are. */
export class Refresher {
	readonly #tools: RefresherTools;
	readonly #feed: PolledFeed;
	readonly #poller: Poller;
	#sweptAt = 0;

	constructor(pollInterval: number, tools: RefresherTools) {
		this.#tools = tools;
		this.#feed = tools.sql.citus ? new CitusFeed(tools.sql) : new Feed(tools.sql);
		const poll = () => tools.operations.run(polling, () => this.#poll());
		this.#poller = new Poller(pollInterval, poll);
	}

	/** The server that was polled last; undefined before the first poll. */
	get server(): string | undefined {
		return this.#feed.server;
	}

	/** Polls, or waits for the poll that is under way. */
	poll(): Promise<void> {
		return this.#poller.now();
	}

	/** Polls from now on. */
	start(): void {
		this.#poller.start();
	}

	/** Resolves once the poll that is under way is done. */
	stop(): Promise<void> {
		return this.#poller.stop();
	}

	async #poll(): Promise<void> {
		const { sql, counters, freshness, report } = this.#tools;
		try {
			const poll = await this.#feed.poll();
			// Another server, or the first one, may know the login by other rights.
			if (poll.server !== this.#feed.server) await checkFitness(sql);
			poll.accept();
			this.#take(poll);
		} catch (error) {
			const reason = loadingError(error);
			counters.failures += 1;
			freshness.failed();
			report(reason);
			throw reason;
		}
	}

	#take({ changed, receives, lag, at }: Poll): void {
		const { counters, freshness, forget, deleteExpired } = this.#tools;
		const isFirst = counters.polls === 0;
		counters.polls += 1;
		counters.replicaLagMillis = lag;
		if (changed === 'all' && !isFirst) forget('all');
		else if (changed !== 'all' && changed.length > 0) forget(changed);
		// A standby without its primary says that nothing changed, and does not know.
		if (receives) freshness.succeeded(at);
		else freshness.failed();
		if (at - this.#sweptAt > sweepInterval) {
			this.#sweptAt = at;
			deleteExpired(at);
		}
	}
}
