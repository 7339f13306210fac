import type { FieldDef } from 'pg';

/**
 * What pg hands a query object: the wire. pg-cursor and pg-query-stream are built on the same. This is the
 * part of it that is used here; pg's types describe less.
 */
export interface Wire {
	readonly stream: { write(bytes: Uint8Array): unknown };
	/** Statements that this connection has prepared, by name. */
	parsedStatements: Record<string, string | undefined>;
	submittedNamedStatements: Record<string, string | undefined>;
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
	readonly fields: readonly (string | null)[];
}

export interface CommandComplete {
	/** The command, and the number of rows last: `SELECT 6`, `INSERT 0 1`. */
	readonly text: string;
}

/** A wire on which everything that is written is kept, to go out in one piece. */
export function collect(wire: Wire, write: (collecting: Wire) => void): Uint8Array {
	const chunks: Uint8Array[] = [];
	const stream = { writable: true, write: (chunk: Uint8Array) => chunks.push(chunk) };
	// Everything else, such as the statements that are prepared, is the wire's own.
	write(Object.create(wire, { stream: { value: stream } }) as Wire);
	return Buffer.concat(chunks);
}
