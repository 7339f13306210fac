import { Query, type QueryArrayConfig, type QueryArrayResult } from 'pg';
import { ConfigurationError } from '../errors.ts';
import type { Scope } from './scope.ts';

/** What pg hands a query object: the wire. The part of it that is used here. */
export interface Wire {
	readonly stream: { cork(): void; uncork(): void };
	/** Statements that this connection has prepared, by name. */
	parsedStatements: Record<string, string | undefined>;
	submittedNamedStatements: Record<string, string | undefined>;
	parse(message: { text: string; name: string; types?: unknown }): void;
	bind(message: {
		portal: string;
		statement: string;
		values: unknown[];
		binary: boolean;
		valueMapper(value: unknown): unknown;
	}): void;
	execute(message: { portal: string; rows: number }): void;
	sendCopyFail(message: string): void;
	sync(): void;
}

/** pg's own query object: what it is called with while the answers to its messages arrive. */
interface QueryObject {
	readonly text: string;
	readonly name: string | undefined;
	callback: Callback;
	prepare(wire: Wire): void;
	handleRowDescription(message: unknown): void;
	handleDataRow(message: unknown): void;
	handleCommandComplete(message: unknown, wire: Wire): void;
	handleEmptyQuery(wire: Wire): void;
	handlePortalSuspended(wire: Wire): void;
	handleReadyForQuery(wire: Wire): void;
	handleError(error: Error, wire: Wire): void;
	handleCopyData(message: unknown, wire: Wire): void;
}

type Callback = (error: Error | null, result?: QueryArrayResult) => void;

/** A statement that is sent before the caller's, and whose answer nobody needs. */
interface Preamble {
	readonly name: string;
	readonly text: string;
	readonly values: unknown[];
}

/**
 * TimeZone is part of it because `@prisma/adapter-pg` reads a timestamptz as if it were UTC. `true` makes
 * each setting end with the transaction. By its schema, because raw SQL in the same transaction may have
 * set a `search_path` with another function of this name.
 */
const setContext = `select pg_catalog.set_config('role', $1, true), pg_catalog.set_config('request.jwt.claims', $2, true), pg_catalog.set_config('TimeZone', 'UTC', true)`;

export interface ScopedQueryOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly named: boolean;
	/** Whether a transaction is open, so that an earlier statement may have changed the role. */
	readonly inTransaction: boolean;
}

/**
 * A query that takes its scope along: the messages that set role and claims, and the query's own, go out
 * in one write with one Sync, so the scope costs no round trip. Up to that Sync Postgres runs them as one
 * implicit transaction, so the scope ends with the query
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
 */
export class ScopedQuery {
	readonly #query: QueryObject;
	readonly #scope: Scope;
	readonly #preambles: readonly Preamble[];
	/** How many preambles have not been answered; their answers come before the query's. */
	#pending: number;

	constructor(
		config: QueryArrayConfig,
		scope: Scope,
		{ named, inTransaction }: ScopedQueryOptions,
		callback: Callback,
	) {
		// pg's types do not describe what it calls on query objects; pg-cursor builds on the same.
		const PlainQuery = Query as unknown as new (
			config: QueryArrayConfig,
			values: undefined,
			callback: Callback,
		) => QueryObject;
		this.#query = new PlainQuery(config, undefined, callback);
		this.#scope = scope;
		const context = {
			name: named ? 'consent_context' : '',
			text: setContext,
			values: [scope.role, scope.claims],
		};
		// set_config may be granted to the login alone, so the role is the login's again before it is called.
		const reset = { name: named ? 'consent_reset_role' : '', text: 'reset role', values: [] };
		this.#preambles = inTransaction ? [reset, context] : [context];
		this.#pending = this.#preambles.length;
	}

	/** pg files a statement as prepared under the name that the query has when the answer comes. */
	get name(): string | undefined {
		return this.#current()?.name ?? this.#query.name;
	}

	get text(): string {
		return this.#current()?.text ?? this.#query.text;
	}

	get callback(): Callback {
		return this.#query.callback;
	}

	set callback(callback: Callback) {
		this.#query.callback = callback;
	}

	submit(wire: Wire): Error | null {
		wire.stream.cork();
		try {
			for (const preamble of this.#preambles) send(wire, preamble);
			this.#query.prepare(wire);
		} finally {
			wire.stream.uncork();
		}
		return null;
	}

	handleDataRow(message: unknown): void {
		if (this.#pending === 0) this.#query.handleDataRow(message);
	}

	handleCommandComplete(message: unknown, wire: Wire): void {
		if (this.#pending > 0) this.#pending -= 1;
		else this.#query.handleCommandComplete(message, wire);
	}

	handleError(error: Error & { code?: string }, wire: Wire): void {
		const refused = this.#pending > 0 && error.code === '42501';
		if (this.#query.name) delete wire.submittedNamedStatements[this.#query.name];
		this.#query.handleError(refused ? this.#mayNotSwitch(error) : error, wire);
	}

	handleRowDescription(message: unknown): void {
		this.#query.handleRowDescription(message);
	}

	handleEmptyQuery(wire: Wire): void {
		this.#query.handleEmptyQuery(wire);
	}

	handlePortalSuspended(wire: Wire): void {
		this.#query.handlePortalSuspended(wire);
	}

	handleReadyForQuery(wire: Wire): void {
		this.#query.handleReadyForQuery(wire);
	}

	handleCopyInResponse(wire: Wire): void {
		wire.sendCopyFail('COPY FROM STDIN is not supported');
		// While it waits for data, Postgres skips a Sync, and the one that went out with the query is gone.
		wire.sync();
	}

	handleCopyData(message: unknown, wire: Wire): void {
		this.#query.handleCopyData(message, wire);
	}

	#current(): Preamble | undefined {
		return this.#pending === 0
			? undefined
			: this.#preambles[this.#preambles.length - this.#pending];
	}

	#mayNotSwitch(cause: Error): ConfigurationError {
		return new ConfigurationError(
			`The database login may not switch to the role ${this.#scope.role}. As an administrator: GRANT ${this.#scope.role} TO the login (prisma/grants/logins.sql).`,
			{ cause },
		);
	}
}

function send(wire: Wire, { name, text, values }: Preamble): void {
	if (name === '' || wire.parsedStatements[name] === undefined) wire.parse({ text, name });
	wire.bind({
		portal: '',
		statement: name,
		values,
		binary: false,
		valueMapper: (value) => value,
	});
	wire.execute({ portal: '', rows: 0 });
}
