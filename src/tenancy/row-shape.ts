import type { CustomTypesConfig, FieldDef } from 'pg';
import type { Wire } from './wire.ts';

/** The columns that a statement gives, and how their texts are read. */
export interface RowShape {
	readonly fields: FieldDef[];
	readonly parsers: readonly ((text: string) => unknown)[];
}

const shapesOf = new WeakMap<Wire, Map<string, RowShape>>();

/**
 * The shape of a statement that the connection keeps prepared, so that it need not be asked for at every
 * run: describing twenty columns costs more than reading a row of them. It cannot go stale: Postgres
 * refuses to run a prepared statement whose columns have changed.
 */
export function knownShape(wire: Wire, name: string | undefined): RowShape | undefined {
	if (!name || wire.parsedStatements[name] === undefined) return undefined;
	return shapesOf.get(wire)?.get(name);
}

export function learnShape(
	wire: Wire | undefined,
	name: string | undefined,
	fields: FieldDef[],
	types: CustomTypesConfig | undefined,
): RowShape {
	const parsers = fields.map(
		({ dataTypeID }) => types?.getTypeParser(dataTypeID, 'text') ?? String,
	);
	const shape = { fields, parsers };
	if (name && wire !== undefined) {
		const shapes = shapesOf.get(wire) ?? new Map<string, RowShape>();
		shapesOf.set(wire, shapes.set(name, shape));
	}
	return shape;
}

export function readRow({ parsers }: RowShape, texts: readonly (string | null)[]): unknown[] {
	return texts.map((text, column) => (text === null ? null : parsers[column]?.(text)));
}
