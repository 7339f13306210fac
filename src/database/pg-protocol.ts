import { type FieldDef, type PoolClient, Query, type QueryConfig, type Submittable } from 'pg';

/**
 * What of pg is used that its documentation and its types leave out, so that nothing else depends on it. Tried with
 * pg 8.16, where `submittedNamedStatements` (8.23) and `getTransactionStatus()` (8.21) are missing, and with the
 * newest; pg-cursor and pg-query-stream are built on the same.
 */

/** The connection that pg hands a query object. */
export interface PgConnection {
	readonly stream: { write(bytes: Uint8Array): unknown };
	/** Statements that this connection has prepared, by name. */
	parsedStatements: Record<string, string | undefined>;
	/** Those that were sent and not answered. */
	submittedNamedStatements?: Record<string, string | undefined>;
	parse(message: { text: string; name: string }): void;
	/** To the portal without a name, with results as text. */
	bind(message: { statement: string; values: unknown[] }): void;
	describe(message: unknown): void;
	/** The portal without a name, for all rows. */
	execute(message: object): void;
	query(text: string): void;
	sendCopyFail(message: string): void;
	sync(): void;
}

/** Postgres's answers, as pg passes them on. */
export interface RowDescription {
	readonly fields: FieldDef[];
}

export interface DataRow {
	readonly fields: (string | null)[];
}

export interface CommandComplete {
	/** The command, and the number of rows last: `SELECT 6`, `INSERT 0 1`. */
	readonly text: string;
}

/** A query object, of which pg calls the methods that Postgres's answers ask for. */
export interface WireQuery {
	submit(connection: PgConnection): unknown;
	handleReadyForQuery(): void;
	handleError(error: Error, connection: PgConnection): void;
}

/**
 * A query as pg sends it, of which nothing else is used. It is made without pg's constructor, which copies the
 * configuration by its property descriptors and prepares to collect a result: together some hundredths of a read.
 */
export class SentQuery {
	readonly text: string;
	readonly name: string | undefined;
	readonly values: unknown[] | undefined;
	readonly types: QueryConfig['types'];
	readonly portal = '';
	/** Called where a value cannot be written. */
	readonly callback: (error: Error | null) => void;

	constructor({ text, name, values, types }: QueryConfig, callback: (error: Error | null) => void) {
		this.text = text;
		this.name = name;
		this.values = values;
		this.types = types;
		this.callback = callback;
	}

	/** Writes what runs the statement, up to the Sync. */
	declare prepare: (connection: PgConnection) => void;
}
Object.setPrototypeOf(SentQuery.prototype, Query.prototype);

/** Sends what a query object says. */
export function submit(client: PoolClient, query: WireQuery): void {
	// The type of a submittable knows of a connection no more than its events.
	client.query(query as unknown as Submittable);
}

/** A connection on which everything that is written is kept, to go out in one piece. */
export function collect(
	connection: PgConnection,
	write: (collecting: PgConnection) => void,
): Uint8Array {
	const chunks: Uint8Array[] = [];
	const stream = { writable: true, write: (chunk: Uint8Array) => chunks.push(chunk) };
	// Everything else, such as the statements that are prepared, is the connection's own.
	const { submittedNamedStatements = {} } = connection;
	write(
		Object.create(connection, {
			stream: { value: stream },
			// A copy of pg from before 8.23 has none, where this package's own looks for it.
			submittedNamedStatements: { value: submittedNamedStatements },
		}) as PgConnection,
	);
	return Buffer.concat(chunks);
}

export function isPrepared(connection: PgConnection, name: string): boolean {
	return connection.parsedStatements[name] !== undefined;
}

/** For a statement that failed: whether it was prepared is not known. */
export function forgetSubmitted(connection: PgConnection, name: string): void {
	delete connection.submittedNamedStatements?.[name];
}

/** For a session that has no prepared statements any more. */
export function forgetPrepared(connection: PgConnection): void {
	connection.parsedStatements = {};
}

/**
 * The process that took the connection, as the server introduced itself. A pooler makes a number up, by which it passes
 * on who is to be cancelled. Nothing where there was none.
 */
export function processOf(client: object): number | null {
	return (client as { readonly processID: number | null }).processID;
}

const transactionStatuses = new WeakMap<PoolClient, string>();

/** Has {@link isIdle} follow a connection that is ready for its first query. */
export function watchTransactionStatus(client: PoolClient): void {
	transactionStatuses.set(client, 'I');
	onReady(client, (status) => transactionStatuses.set(client, status));
}

/** Calls a listener whenever the server is ready for a query, with the status of its transaction. */
export function onReady(client: object, listener: (status: string) => void): void {
	listenFirst(client, 'readyForQuery', ({ status = '' }) => listener(status));
}

/** Resolves once the server is ready for the next query, or the connection is gone. */
export function untilReady(client: PoolClient): Promise<void> {
	return new Promise((resolve) => {
		// pg's own listener is called in the same turn of the event loop, before whoever waits for this.
		const { connection } = client as unknown as {
			readonly connection: Record<'on' | 'off', (event: string, listener: () => void) => void>;
		};
		const events = ['readyForQuery', 'end'];
		const ready = () => {
			for (const event of events) connection.off(event, ready);
			resolve();
		};
		for (const event of events) connection.on(event, ready);
	});
}

/**
 * Calls a listener with each setting that Postgres reports: the zone and how dates are written are among them, and what a
 * statement has changed comes before the server is ready for the next
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC).
 */
export function onParameter(client: object, listener: (name: string, value: string) => void): void {
	listenFirst(client, 'parameterStatus', ({ parameterName = '', parameterValue = '' }) =>
		listener(parameterName, parameterValue),
	);
}

type Message = { readonly [name in 'status' | 'parameterName' | 'parameterValue']?: string };

function listenFirst(client: object, event: string, listener: (message: Message) => void): void {
	const { connection } = client as {
		readonly connection: {
			prependListener(event: string, listener: (message: Message) => void): void;
		};
	};
	// Before pg's own, which goes on with whoever waits.
	connection.prependListener(event, listener);
}

/**
 * Whether this is a client of pg, of any copy of it, that takes query objects: one in pipeline mode and the native one do
 * not.
 */
export function isPgClient(handle: object): handle is PoolClient {
	const { connection, pipeline, query } = handle as {
		readonly [name in 'connection' | 'pipeline' | 'query']?: unknown;
	};
	if (typeof query !== 'function' || pipeline === true) return false;
	return (
		typeof connection === 'object' &&
		connection !== null &&
		'parsedStatements' in connection &&
		'stream' in connection &&
		['parse', 'bind', 'execute', 'sync', 'prependListener'].every(
			(name) => typeof Reflect.get(connection, name) === 'function',
		)
	);
}

/**
 * Whether the server, when it was last ready for a query, was outside a transaction
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html, ReadyForQuery). Not so for a connection
 * that nobody follows.
 */
export function isIdle(client: PoolClient): boolean {
	return transactionStatuses.get(client) === 'I';
}
