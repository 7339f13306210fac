import type { CustomTypesConfig, FieldDef } from 'pg';
import { isPrepared, type Wire } from './pg-protocol.ts';

/** The columns that a statement gives, and how their texts are read. */
export interface RowShape {
	readonly fields: FieldDef[];
	readonly parsers: readonly ((text: string) => unknown)[];
}

const shapes = new WeakMap<Wire, Map<string | undefined, RowShape>>();

/** The shapes of the statements that ran on a connection, by the names of the statements. */
export function shapesOn(wire: Wire): Map<string | undefined, RowShape> {
	const known = shapes.get(wire) ?? new Map<string | undefined, RowShape>();
	shapes.set(wire, known);
	return known;
}

/**
 * The shape of a statement that the connection keeps prepared, so that it need not be asked for at every
 * run: describing twenty columns costs more than reading a row of them. It cannot go stale: Postgres
 * refuses to run a prepared statement whose columns have changed.
 */
export function knownShape(wire: Wire, name: string | undefined): RowShape | undefined {
	if (name === undefined || !isPrepared(wire, name)) return undefined;
	return shapesOn(wire).get(name);
}

export function shapeOf(fields: FieldDef[], types: CustomTypesConfig | undefined): RowShape {
	const parsers = fields.map(
		({ dataTypeID }) => types?.getTypeParser(dataTypeID, 'text') ?? String,
	);
	return { fields, parsers };
}

export function readRow({ parsers }: RowShape, texts: readonly (string | null)[]): unknown[] {
	return texts.map((text, column) => (text === null ? null : parsers[column]?.(text)));
}
