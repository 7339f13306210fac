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
import type { Scope } from './scope.ts';
import type { ReadRow } from './scoped-sql.ts';
import { statementName } from './statement-names.ts';
import { textForm } from './text-form.ts';
import { mayNotSwitch } from './translate-errors.ts';

type Callback = (error: Error | null, result?: QueryArrayResult) => void;

/**
 * `true` makes each setting end with the transaction. By its schema, because raw SQL in the same
 * transaction may have set a `search_path` with another function of this name. A condition that no row
 * meets, because an answer without rows is the cheapest.
 */
const setContext = `select where pg_catalog.set_config('role', $1, true) is null
	or pg_catalog.set_config('request.jwt.claims', $2, true) is null`;

/**
 * For connections on which the session's own settings cannot be relied on: those of a pooler, which hands sessions on,
 * and those on which raw SQL ran in the same transaction.
 */
const sessionForm = { ...textForm, client_encoding: 'UTF8' };

/** A sort then costs more than any index, whatever the server's own settings are. */
const orderByIndex = { enable_sort: 'off', plan_cache_mode: 'force_custom_plan' };

function setContextAnd(settings: Readonly<Record<string, string>>): string {
	const others = Object.entries(settings).map(
		([name, value]) => `or pg_catalog.set_config('${name}', '${value}', true) is null`,
	);
	return [setContext, ...others].join(' ');
}

interface Statement {
	/** By which connections keep it prepared, those that do. */
	readonly name: string;
	readonly text: string;
}

/** A statement that is sent before the caller's, and whose answer nobody needs. */
interface Preamble extends Statement {
	readonly values: unknown[];
}

const statement = (text: string): Statement => ({ name: statementName(text), text });

/** What sets the scope, by whether the session can be relied on, and whether rows are read in order. */
const contexts = {
	named: { asPlanned: statement(setContext), inOrder: statement(setContextAnd(orderByIndex)) },
	unnamed: {
		asPlanned: statement(setContextAnd(sessionForm)),
		inOrder: statement(setContextAnd({ ...sessionForm, ...orderByIndex })),
	},
};
const resetRole = statement('reset role');
const resetOrder = Object.keys(orderByIndex).map((setting) => statement(`reset ${setting}`));

/** The name of the statement that sets the scope. */
export const contextName = contexts.named.asPlanned.name;
/** The name of the statement that takes the login's own role again. */
export const resetName = resetRole.name;

export interface ScopedQueryOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly named: boolean;
	/** Whether a transaction is open, so that an earlier statement may have changed the role. */
	readonly inTransaction: boolean;
	/** Whether the session has its login's role between transactions. */
	readonly restsAsLogin: boolean;
	/** Whether rows are read by an index in the order asked for. */
	readonly inOrder: boolean;
	/** Whether an earlier statement of the transaction was {@link inOrder}. */
	readonly afterInOrder: boolean;
	/** What becomes of a row of texts, as soon as it arrives. @defaultValue the row, with its types read */
	readonly readRow?: ReadRow<unknown> | undefined;
}

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
	readonly #scope: Scope;
	readonly #preambles: Preamble[];
	/**
	 * How many preambles were sent and not answered; their answers come before the query's. None before it is sent: who
	 * looks at the query then, as OpenTelemetry's instrumentation of pg does, sees the statement that it is about.
	 */
	#pending = 0;
	/** What rows look like; without columns until Postgres describes them, and for good where there are none. */
	#shape = shapeOf([], undefined);
	/** Keeps the shape of a statement that the connection keeps prepared. */
	#learn: (shape: RowShape) => void = () => {};
	#command = '';
	#rowCount: number | null = null;
	readonly #rows: unknown[] = [];
	readonly #readRow: ReadRow<unknown> | undefined;
	#unreadable: Error | undefined;

	constructor(
		config: QueryConfig,
		scope: Scope,
		{ named, inTransaction, restsAsLogin, inOrder, afterInOrder, readRow }: ScopedQueryOptions,
		callback: Callback,
	) {
		this.callback = callback;
		this.#query = new SentQuery(config, (error) => this.callback(error));
		this.#types = config.types;
		this.#scope = scope;
		this.#readRow = readRow;
		const preamble = ({ name, text }: Statement, values: unknown[] = []): Preamble => ({
			name: named ? name : '',
			text,
			values,
		});
		const context = contexts[named ? 'named' : 'unnamed'][inOrder ? 'inOrder' : 'asPlanned'];
		this.#preambles = [preamble(context, [scope.role, scope.claims])];
		if (inTransaction) {
			// set_config may be granted to the login alone, so the role is the login's again before it is called. Not of a
			// session that rests in another: it would rest as its login from then on.
			const roles = restsAsLogin ? [resetRole] : [];
			const orders = afterInOrder ? resetOrder : [];
			this.#preambles.unshift(...[...roles, ...orders].map((reset) => preamble(reset)));
		}
	}

	/** pg files a statement as prepared under the name that the query has when the answer comes. */
	get name(): string | undefined {
		return this.#current()?.name ?? this.#query.name;
	}

	get text(): string {
		return this.#current()?.text ?? this.#query.text;
	}

	submit(connection: PgConnection): Error | null {
		const { name } = this.#query;
		const known = knownShape(connection, name);
		const messages = collect(connection, (collecting) => {
			for (const preamble of this.#preambles) send(collecting, preamble);
			if (known !== undefined) collecting.describe = () => {};
			this.#query.prepare(collecting);
		});
		if (known !== undefined) this.#shape = known;
		else this.#learn = (shape) => shapesOn(connection).set(name, shape);
		this.#pending = this.#preambles.length;
		connection.stream.write(messages);
		return null;
	}

	handleRowDescription({ fields }: RowDescription): void {
		this.#shape = shapeOf(fields, this.#types);
		this.#learn(this.#shape);
	}

	handleDataRow({ fields }: DataRow): void {
		if (this.#pending > 0) return;
		try {
			const read = this.#readRow;
			this.#rows.push(read === undefined ? readRow(this.#shape, fields) : read(fields));
		} catch (error) {
			this.#unreadable = error instanceof Error ? error : new Error(String(error));
		}
	}

	handleCommandComplete({ text }: CommandComplete): void {
		if (this.#pending > 0) {
			this.#pending -= 1;
			return;
		}
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
		const refused = this.#pending > 0 && error.code === '42501';
		if (this.#query.name) forgetSubmitted(connection, this.#query.name);
		this.callback(refused ? mayNotSwitch(this.#scope.role, error) : error);
	}

	handleCopyInResponse(connection: PgConnection): void {
		connection.sendCopyFail('COPY FROM STDIN is not supported');
		// While it waits for data, Postgres skips a Sync, and the one that went out with the query is gone.
		connection.sync();
	}

	// An empty statement gives nothing, and what COPY TO STDOUT sends is dropped.
	handleEmptyQuery(): void {}
	handleCopyData(): void {}

	#current(): Preamble | undefined {
		return this.#preambles[this.#preambles.length - this.#pending];
	}
}

function send(connection: PgConnection, { name, text, values }: Preamble): void {
	if (!isPrepared(connection, name)) connection.parse({ text, name });
	connection.bind({ statement: name, values });
	connection.execute({});
}
