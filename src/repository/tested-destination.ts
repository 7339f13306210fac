import type { Destination } from '../destinations/destination.ts';
import type { ConnectionStatus } from '../destinations/vocabulary.ts';
import { NotFoundError } from '../errors.ts';
import { noSuchDestination } from './not-found.ts';
import type { Statements } from './statements.ts';
import type { DestinationTable } from './table.ts';

/** What a connection test found. */
export interface TestResult {
	readonly status: ConnectionStatus;
	/** At most 500 characters. */
	readonly error: string | null;
}

/** How far the test of a destination is, whoever runs it. */
export interface TestState {
	readonly status: ConnectionStatus;
	readonly lastError: string | null;
	readonly version: number;
	/** Whether a test is under way whose lease has not run out. */
	readonly held: boolean;
}

/**
 * A claim keeps others from testing the same destination for a minute. A test takes 10 s at most, so an older
 * claim was left by a process that died; one that is further in the future, by a clock that was wrong. All times
 * are of the database's clock: those of two servers of an application may be far apart. As a statement began, because Citus takes
 * nothing volatile.
 */
const held = `(connection_status = 'testing' AND last_tested_at
	BETWEEN pg_catalog.statement_timestamp() - interval '60 seconds'
	    AND pg_catalog.statement_timestamp() + interval '60 seconds') IS TRUE`;

const live = 'id = $1 AND organization_id = $2 AND deleted_at IS NULL';

/** The row of a destination that is tested. Settings are opened before anything is written. */
export class TestedDestination {
	/** How many statements were sent. An answer says nothing about what happened after its own was sent. */
	sent = 0;
	readonly #id: string;
	readonly #table: DestinationTable;
	readonly #statements: Statements;
	/** Known from the first read on, before which nothing is written. */
	#organizationId: string | undefined;

	constructor(id: string, table: DestinationTable, statements: Statements) {
		this.#id = id;
		this.#table = table;
		this.#statements = statements;
	}

	/** @throws NotFoundError if there is no live one; the reason why its settings do not decrypt. */
	async read(): Promise<Destination> {
		this.sent += 1;
		const destination = await this.#table.findOne(this.#id);
		if (destination === undefined) throw this.#notFound();
		this.#organizationId = destination.organizationId;
		return destination;
	}

	/**
	 * Marks the destination as being tested, if it still has the version that was read and nobody tests it.
	 * Returns the claim, by which {@link settle} knows it again.
	 */
	async claim(version: number): Promise<string | undefined> {
		const [row] = await this.#run(
			`UPDATE public.destinations
			 SET connection_status = 'testing', last_tested_at = pg_catalog.statement_timestamp()
			 WHERE ${live} AND version = $3 AND NOT ${held} RETURNING last_tested_at`,
			[version],
		);
		return row?.[0] ?? undefined;
	}

	/** @throws NotFoundError if there is no live one. */
	async look(): Promise<TestState> {
		const [row] = await this.#run(
			`SELECT connection_status, last_error, version, ${held}
			 FROM public.destinations WHERE ${live}`,
			[],
		);
		if (row === undefined) throw this.#notFound();
		const [status, lastError = null, version, isHeld] = row;
		return {
			status: status as ConnectionStatus, // the column's CHECK allows no other
			lastError,
			version: Number(version),
			held: isHeld === 't',
		};
	}

	/** Saves what a test found, if its claim still stands. Says whether it does. */
	async settle(claim: string, { status, error }: TestResult): Promise<boolean> {
		const rows = await this.#run(
			`UPDATE public.destinations
			 SET connection_status = $4, last_error = $5, last_tested_at = pg_catalog.statement_timestamp()
			 WHERE ${live} AND connection_status = 'testing' AND last_tested_at = $3 RETURNING id`,
			[claim, status, error],
		);
		return rows.length > 0;
	}

	#run(text: string, values: unknown[]) {
		this.sent += 1;
		return this.#statements.run(text, [this.#id, this.#organizationId, ...values]);
	}

	#notFound(): NotFoundError {
		return new NotFoundError(noSuchDestination(this.#id));
	}
}
