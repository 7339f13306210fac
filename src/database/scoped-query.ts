import type { QueryArrayResult, QueryConfig } from 'pg';
import {
	type CommandComplete,
	collect,
	type DataRow,
	forgetSubmitted,
	isPrepared,
	type PgConnection,
	type RowDescription,
	SentQuery,
} from './pg-protocol.ts';
import { knownShape, type RowShape, readRow, shapeOf, shapesOn } from './row-shape.ts';
import type { Step, Steps } from './scope-steps.ts';
import type { ReadRow } from './scoped-sql.ts';

type Callback = (error: Error | null, result?: QueryArrayResult) => void;

/**
 * A query that takes its scope along: the messages that set role and claims, and the query's own, go out
 * in one write with one Sync, so the scope costs no round trip. Up to that Sync Postgres runs them as one
 * implicit transaction, so the scope ends with the query
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
 */
export class ScopedQuery {
	/** Called once, with what came of it. pg replaces it to time a query out. */
	callback: Callback;
	readonly #query: SentQuery;
	readonly #types: QueryConfig['types'];
	readonly #steps: Steps;
	/**
	 * Whether it was sent. Who looks at the query before, as OpenTelemetry's instrumentation of pg does, sees the statement
	 * that it is about.
	 */
	#sent = false;
	/** How many statements were answered: the steps before, the query, the steps after. */
	#answered = 0;
	/** What rows look like; without columns until Postgres describes them, and permanently where there are none. */
	#shape = shapeOf([], undefined);
	/** Keeps the shape of a statement that the connection keeps prepared. */
	#learn: (shape: RowShape) => void = () => {};
	#command = '';
	#rowCount: number | null = null;
	readonly #rows: unknown[] = [];
	readonly #readRow: ReadRow<unknown> | undefined;
	#unreadable: Error | undefined;

	/** @param readRow what becomes of a row of texts, as soon as it arrives. @defaultValue the row, with its types read */
	constructor(
		config: QueryConfig,
		steps: Steps,
		readRow: ReadRow<unknown> | undefined,
		callback: Callback,
	) {
		this.callback = callback;
		this.#query = new SentQuery(config, (error) => this.callback(error));
		this.#types = config.types;
		this.#steps = steps;
		this.#readRow = readRow;
	}

	/** pg files a statement as prepared under the name that the query has when the answer comes. */
	get name(): string | undefined {
		return this.#step()?.name ?? this.#query.name;
	}

	get text(): string {
		return this.#step()?.text ?? this.#query.text;
	}

	submit(connection: PgConnection): Error | null {
		const { before, after, refuse } = this.#steps;
		const refusal = refuse?.();
		if (refusal !== undefined) return refusal;
		const { name } = this.#query;
		const known = knownShape(connection, name);
		const messages = collect(connection, (collecting) => {
			for (const step of before) send(collecting, step);
			if (known !== undefined) collecting.describe = () => {};
			if (after.length === 0) return this.#query.prepare(collecting);
			const { sync } = collecting;
			collecting.sync = () => {};
			this.#query.prepare(collecting);
			for (const step of after) send(collecting, step);
			sync.call(collecting);
		});
		if (known !== undefined) this.#shape = known;
		else this.#learn = (shape) => shapesOn(connection).set(name, shape);
		this.#sent = true;
		connection.stream.write(messages);
		return null;
	}

	handleRowDescription({ fields }: RowDescription): void {
		this.#shape = shapeOf(fields, this.#types);
		this.#learn(this.#shape);
	}

	handleDataRow({ fields }: DataRow): void {
		const step = this.#step();
		if (step !== undefined) {
			step.takeRow?.(fields);
			return;
		}
		try {
			const read = this.#readRow;
			this.#rows.push(read === undefined ? readRow(this.#shape, fields) : read(fields));
		} catch (error) {
			this.#unreadable = error instanceof Error ? error : new Error(String(error));
		}
	}

	handleCommandComplete({ text }: CommandComplete): void {
		const isStep = this.#step() !== undefined;
		this.#answered += 1;
		if (isStep) return;
		this.#command = text.slice(0, text.search(/ |$/));
		// CREATE TABLE has two words and no number.
		const count = / (\d+)$/.exec(text)?.[1];
		this.#rowCount = count === undefined ? null : Number(count);
	}

	handleReadyForQuery(): void {
		if (this.#unreadable !== undefined) {
			this.callback(this.#unreadable);
			return;
		}
		this.callback(null, {
			command: this.#command,
			rowCount: this.#rowCount,
			oid: 0,
			fields: this.#shape.fields,
			rows: this.#rows as unknown[][], // unless the caller reads them, who knows as what
		});
	}

	handleError(error: Error & { code?: string }, connection: PgConnection): void {
		const step = this.#step();
		if (this.#query.name) forgetSubmitted(connection, this.#query.name);
		this.callback(step === undefined ? error : this.#steps.refusalOf(error, step));
	}

	handleCopyInResponse(connection: PgConnection): void {
		connection.sendCopyFail('COPY FROM STDIN is not supported');
		// While it waits for data, Postgres skips a Sync, and the one that went out with the query is gone.
		connection.sync();
	}

	// An empty statement returns nothing, and what COPY TO STDOUT sends is dropped.
	handleEmptyQuery(): void {}
	handleCopyData(): void {}

	/** The step that is answered now; undefined where that is the query itself. */
	#step(): Step | undefined {
		if (!this.#sent) return undefined;
		const { before, after } = this.#steps;
		const at = this.#answered;
		return at < before.length ? before[at] : after[at - before.length - 1];
	}
}

function send(connection: PgConnection, { name, text, values }: Step): void {
	if (!isPrepared(connection, name)) connection.parse({ text, name });
	connection.bind({ statement: name, values });
	connection.execute({});
}
