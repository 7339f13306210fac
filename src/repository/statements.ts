import type { Scope } from '../database/scope.ts';
import type { ScopedSql, StatementOptions, TextRow } from '../database/scoped-sql.ts';

/** Sends the statements of one scope. */
export class Statements {
	readonly #sql: ScopedSql;
	readonly #scope: Scope;

	constructor(sql: ScopedSql, scope: Scope) {
		this.#sql = sql;
		this.#scope = scope;
	}

	/** The organization of the scope, if it is that of one. */
	get organizationId(): string | undefined {
		return this.#scope.organizationId;
	}

	run(text: string, values: unknown[], options?: StatementOptions): Promise<TextRow[]> {
		return this.#sql.run(this.#scope, text, values, options);
	}

	/** Runs several statements in one transaction: the one that is under way, or one of their own. */
	transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
		return this.#sql.transaction(this.#scope, (sql) => work(new Statements(sql, this.#scope)));
	}
}
