import type { Scope } from '../database/scope.ts';
import type { ScopedSql, StatementOptions, TextRow } from '../database/scoped-sql.ts';

/** Sends the statements of one scope. */
export class Statements {
	readonly #sql: ScopedSql;
	readonly #scope: Scope;
	/** The only organization whose rows are meant, if it is known: that of the scope, or one that the service names. */
	readonly organizationId: string | undefined;

	constructor(sql: ScopedSql, scope: Scope, organizationId = scope.organizationId) {
		this.#sql = sql;
		this.#scope = scope;
		this.organizationId = organizationId;
	}

	/** Whether the tables are distributed by Citus. */
	get citus(): boolean {
		return this.#sql.citus ?? false;
	}

	/** The same, for one organization's rows. */
	of(organizationId: string): Statements {
		return new Statements(this.#sql, this.#scope, organizationId);
	}

	run(text: string, values: unknown[], options?: StatementOptions): Promise<TextRow[]> {
		return this.#sql.run(this.#scope, text, values, options);
	}

	/** Runs several statements in one transaction: the one that is under way, or one of their own. */
	transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
		return this.#sql.transaction(this.#scope, (sql) =>
			work(new Statements(sql, this.#scope, this.organizationId)),
		);
	}
}
