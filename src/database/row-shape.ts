import type { CustomTypesConfig, FieldDef } from 'pg';
import { isPrepared, type PgConnection } from './pg-protocol.ts';

type Parser = (text: string) => unknown;

/** The columns that a statement returns, and how their texts are read. */
export interface RowShape {
	readonly fields: FieldDef[];
	/** The columns that do not stay text, by their places. */
	readonly parsers: readonly (readonly [column: number, parse: Parser])[];
}

const shapes = new WeakMap<PgConnection, Map<string | undefined, RowShape>>();

/** The shapes of the statements that ran on a connection, by the names of the statements. */
export function shapesOn(connection: PgConnection): Map<string | undefined, RowShape> {
	const known = shapes.get(connection) ?? new Map<string | undefined, RowShape>();
	shapes.set(connection, known);
	return known;
}

/**
 * The shape of a statement that the connection keeps prepared, so that it need not be asked for at every
 * run: describing twenty columns costs more than reading a row of them. It cannot go stale: Postgres
 * refuses to run a prepared statement whose columns have changed.
 */
export function knownShape(
	connection: PgConnection,
	name: string | undefined,
): RowShape | undefined {
	if (name === undefined || !isPrepared(connection, name)) return undefined;
	return shapesOn(connection).get(name);
}

export function shapeOf(fields: FieldDef[], types: CustomTypesConfig | undefined): RowShape {
	if (types === undefined) return { fields, parsers: [] };
	const parsers = fields
		.map(({ dataTypeID }, column) => [column, types.getTypeParser(dataTypeID, 'text')] as const)
		.filter(([, parse]) => parse !== String);
	return { fields, parsers };
}

/** Reads a row in its own list, which pg makes for each row and does not use again. */
export function readRow({ parsers }: RowShape, texts: (string | null)[]): unknown[] {
	const row: unknown[] = texts;
	for (const [column, parse] of parsers) {
		const text = texts[column];
		if (typeof text === 'string') row[column] = parse(text);
	}
	return row;
}
