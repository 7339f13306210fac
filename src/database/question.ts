import { type Step, type Steps, step, withoutName } from './scope-steps.ts';
import type { TextRow } from './scoped-sql.ts';

/** What a server is asked of itself in the same round trip as the statement that reads. */
export class Question {
	readonly #step: Step;
	/** Whether Postgres refused to answer. */
	refused = false;
	/** One for each statement that was sent. */
	readonly answers: TextRow[] = [];

	constructor(text: string, values: unknown[]) {
		const takeRow = (row: TextRow) => void this.answers.push(row);
		this.#step = { ...step(text, values), takeRow };
	}

	/** The steps of a statement with the question among them. */
	askedWith({ before, refusalOf, ...others }: Steps, named: boolean): Steps {
		const asked = named ? this.#step : withoutName(this.#step);
		return {
			...others,
			before: [...before, asked],
			refusalOf: (error, failed) => {
				if (failed !== asked) return refusalOf(error, failed);
				this.refused = true;
				return error;
			},
		};
	}
}

/** How far behind its primary a replica may be to be read, in seconds. */
export const maxLagSeconds = 10;

/**
 * Whether the server is a replica that may be read, and whether it has replayed a position. What it answers holds for the statement that
 * follows, whose snapshot is taken later. One that lost its primary has all that it received, and says nothing of what it misses.
 */
const fitness = `select coalesce(pg_catalog.pg_is_in_recovery()
		and exists (select from pg_catalog.pg_stat_wal_receiver)
		and (pg_catalog.pg_last_wal_receive_lsn() operator(pg_catalog.=) pg_catalog.pg_last_wal_replay_lsn()
			or pg_catalog.clock_timestamp() operator(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp()
				operator(pg_catalog.<) interval '${maxLagSeconds} seconds'), false),
	coalesce($1::pg_catalog.pg_lsn operator(pg_catalog.<=) pg_catalog.pg_last_wal_replay_lsn(), $1 is null)`;

/** @param position which the replica must have replayed. */
export const askFitness = (position: string | undefined) =>
	new Question(fitness, [position ?? null]);

/** What the answers say of the replica: all of them hold, one for each statement. */
export function judge({ answers }: Question): 'fit' | 'behind' | 'unfit' {
	if (answers.some(([fit]) => fit !== 't')) return 'unfit';
	return answers.every(([, there]) => there === 't') ? 'fit' : 'behind';
}

/** Behind everything that is committed: a position that is asked for after an answer to COMMIT is behind that COMMIT. */
const end = `select case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_insert_lsn() end`;

export const askPosition = () => new Question(end, []);
