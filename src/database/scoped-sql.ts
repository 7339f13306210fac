import type { Scope } from './scope.ts';

/** A row's values as Postgres writes them; times as `2026-11-23T21:00:00.123456+00:00`. */
export type TextRow = readonly (string | null)[];

/** Makes something of a row, of which nobody else has a use afterwards. */
export type ReadRow<Row> = (texts: TextRow) => Row;

export interface StatementOptions {
	/**
	 * Whether Postgres must read by an index that has the order asked for, planned for the values of each run. Left to
	 * itself it may sort, and reads all rows of an organization for a page of them.
	 *
	 * @defaultValue `false`: Postgres decides
	 */
	readonly inOrder?: boolean;
	/**
	 * Whether Postgres must make one plan for whatever organization is named. Of one with thousands of deleted rows it
	 * expects thousands of live ones, and would rather read those of everybody.
	 *
	 * @defaultValue `false`: Postgres decides
	 */
	readonly forAny?: boolean;
}

/** How Postgres is to plan a statement: as it likes, or by {@link StatementOptions}. */
export type Planning = 'asPlanned' | keyof StatementOptions;

export function planningOf({ inOrder = false, forAny = false }: StatementOptions): Planning {
	if (inOrder) return 'inOrder';
	return forAny ? 'forAny' : 'asPlanned';
}

/** Where SQL of this package's own runs: on any connection of a pool, or on the one of a transaction. */
export interface ScopedSql {
	/** Whether the tables are distributed by Citus. @defaultValue `false` */
	readonly citus?: boolean;

	/**
	 * Runs one statement in a scope, without Prisma.
	 *
	 * @throws errors of this package; pg's DatabaseError for what has none, such as an internal error.
	 */
	run(
		scope: Scope,
		text: string,
		values: unknown[],
		options?: StatementOptions,
	): Promise<TextRow[]>;

	/**
	 * As {@link run}, and reads each row when it arrives, while Postgres sends the next. What `readRow` throws leaves
	 * open what the connection is worth, so it throws for nothing that a row may hold.
	 */
	read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]>;

	/**
	 * Runs `work` in one transaction: all of it happens, or, when it throws, nothing. Inside a transaction it is
	 * part of that one, which the error must then leave.
	 */
	transaction<T>(scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T>;
}
