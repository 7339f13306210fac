import { loaderScope } from '../database/scope.ts';
import type { ScopedSql } from '../database/scoped-sql.ts';
import { manyOrganizations, type Poll, type PolledFeed, shortOutage } from './feed.ts';
import { serverIdentity } from './server.ts';

/** What a node of the cluster answers, as `destinations_changed_here()` of prisma/scale/citus.sql writes it. Ids of 64 bits, as texts. */
interface Answer {
	readonly node: string;
	readonly identity: string;
	readonly xmin: string;
	/** Where the next poll of the node begins: transactions from here on, and those of `running`. */
	readonly from: string;
	readonly running: readonly string[];
	readonly changed: readonly string[];
}

/** A row of what each node was asked for. */
interface Asked {
	readonly success: boolean;
	readonly result: string;
}

interface Position {
	readonly server: string;
	readonly nodes: ReadonlyMap<string, Answer>;
	/** When it was asked for, on the clock of `performance`. */
	readonly at: number;
}

/**
 * Asks every node in a session of its own, so that each answers by one snapshot. The numbers of transactions are each node's own, and
 * so is what the snapshot knows of them.
 */
const poll = `SELECT ${serverIdentity}, coalesce(json_agg(json_build_object('success', success, 'result', result)), '[]')::text
	FROM run_command_on_all_nodes(format('SELECT public.destinations_changed_here(%L, %s)::text', $1::text, $2::integer))`;

/**
 * The feed of changes where the tables are distributed by Citus: of each node, for the rows that are on it. Where rows are moved from one node
 * to another, either has another identity from then on, and nothing of what came before is known.
 */
export class CitusFeed implements PolledFeed {
	readonly #sql: ScopedSql;
	#position: Position | undefined;

	constructor(sql: ScopedSql) {
		this.#sql = sql;
	}

	/** The coordinator that was polled last; undefined before the first poll. */
	get server(): string | undefined {
		return this.#position?.server;
	}

	/** @throws pg's errors, and where a node does not answer: what it has may have changed. */
	async poll(): Promise<Poll> {
		const before = this.#position;
		const at = performance.now();
		// After an outage entries of the log may be gone.
		const since = before !== undefined && at - before.at <= shortOutage ? before : undefined;
		const positions = Object.fromEntries(
			[...(since?.nodes ?? [])].map(([node, { from, running }]) => [node, { from, running }]),
		);
		const values = [JSON.stringify(positions), manyOrganizations + 1];
		const [row] = await this.#sql.run(loaderScope, poll, values);
		const [server, asked] = row ?? [];
		if (!server || !asked) throw new Error('The coordinator did not answer a poll');
		// The statement makes rows of this form.
		const answers = (JSON.parse(asked) as Asked[]).map(answerOf);
		const nodes = new Map(answers.map((answer) => [answer.node, answer]));
		const known =
			since !== undefined &&
			since.server === server &&
			since.nodes.size === nodes.size &&
			answers.every((answer) => follows(answer, since.nodes.get(answer.node)));
		const changed = [...new Set(answers.flatMap((answer) => answer.changed))];
		return {
			server,
			changed: known && changed.length <= manyOrganizations ? changed : 'all',
			receives: true,
			lag: null,
			at,
			accept: () => {
				this.#position = { server, nodes, at };
			},
		};
	}
}

/** Whether an answer is of the same history as the one before. Ids of transactions only grow, unless the past was put back. */
function follows({ identity, xmin }: Answer, before: Answer | undefined): boolean {
	return before?.identity === identity && BigInt(xmin) >= BigInt(before.xmin);
}

function answerOf({ success, result }: Asked): Answer {
	if (!success) throw new Error(`A node of the cluster does not answer a poll: ${result}`);
	return JSON.parse(result); // Postgres wrote it
}
