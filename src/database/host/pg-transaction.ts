import type { PoolClient, QueryArrayResult } from 'pg';
import { onParameter, onReady, processOf, submit } from '../pg-protocol.ts';
import type { Scope } from '../scope.ts';
import { ScopedQuery } from '../scoped-query.ts';
import {
	planningOf,
	type ReadRow,
	type ScopedSql,
	type StatementOptions,
	type TextRow,
} from '../scoped-sql.ts';
import type { nameStatements } from '../statement-names.ts';
import { translated } from '../translate-errors.ts';
import { hostRefusal, notInTransaction, ofThisPg, transactionIsOver } from './host-errors.ts';
import { type HostForm, hostForm, isReadable } from './host-settings.ts';
import { hostSteps } from './host-steps.ts';
import { Turns } from './turns.ts';

export interface PgTransactionOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly namedStatements: boolean;
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
	readonly nameStatement: ReturnType<typeof nameStatements>;
}

/** What is known of a client from the moment on when it was passed for the first time. */
interface Followed {
	/** How often it was seen outside a transaction. */
	endings: number;
	/** How it writes times, where that was said. */
	form: HostForm;
	/** Whether the session is known to be the client's own, which a pooler's is not. */
	own: boolean;
}

const allFollowed = new WeakMap<PoolClient, Followed>();

function follow(client: PoolClient): Followed {
	const known = allFollowed.get(client);
	if (known !== undefined) return known;
	const followed: Followed = { endings: 0, form: {}, own: false };
	allFollowed.set(client, followed);
	onReady(client, (status) => {
		if (status === 'I') followed.endings += 1;
	});
	onParameter(client, (name, value) => {
		if (name in hostForm) followed.form = { ...followed.form, [name]: value };
	});
	return followed;
}

/**
 * A transaction that somebody else began on a client of pg. What sets the scope, the statement, and what sets again what the
 * host had set go out in one write with one Sync, so that nothing of the host's runs between them. Of a
 * statement that fails Postgres undoes the settings with the transaction, or with the savepoint that the host goes back to.
 */
export class PgTransaction implements ScopedSql {
	readonly #client: PoolClient;
	readonly #options: PgTransactionOptions;
	readonly #turns: Turns;
	readonly #followed: Followed;
	readonly #endingsBefore: number;
	#transaction: string | undefined;

	constructor(client: PoolClient, options: PgTransactionOptions) {
		this.#client = client;
		this.#options = options;
		this.#turns = Turns.of(client);
		this.#followed = follow(client);
		this.#endingsBefore = this.#followed.endings;
	}

	get citus(): boolean {
		return this.#options.citus;
	}

	async run(
		scope: Scope,
		text: string,
		values: unknown[],
		options?: StatementOptions,
	): Promise<TextRow[]> {
		const { rows } = await this.#inTurn(scope, text, values, options);
		return rows as TextRow[]; // read without parsers
	}

	async read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]> {
		const { rows } = await this.#inTurn(scope, text, values, options, readRow);
		return rows as unknown[] as Row[]; // made by `readRow`
	}

	/** All of it is part of the host's transaction. */
	transaction<T>(_scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T> {
		return work(this);
	}

	#inTurn(
		scope: Scope,
		text: string,
		values: unknown[],
		options: StatementOptions = {},
		readRow?: ReadRow<unknown>,
	): Promise<QueryArrayResult> {
		return this.#turns.take(async () => {
			const { namedStatements, citus, nameStatement } = this.#options;
			const named = namedStatements && this.#followed.own;
			const steps = hostSteps(scope, {
				named,
				planning: planningOf(options),
				citus,
				transaction: this.#transaction,
				onTransaction: (transaction, process, form) => {
					this.#transaction = transaction;
					this.#followed.own = process === String(processOf(this.#client));
					this.#followed.form = form;
				},
				readable: isReadable(this.#followed.form),
				refuse: () => {
					if (this.#followed.endings === this.#endingsBefore) return undefined;
					return this.#transaction === undefined ? notInTransaction() : transactionIsOver();
				},
			});
			const name = named ? nameStatement({ sql: text }) : '';
			try {
				return await new Promise<QueryArrayResult>((resolve, reject) => {
					const query = new ScopedQuery({ name, text, values }, steps, readRow, (error, result) =>
						result === undefined ? reject(error) : resolve(result),
					);
					submit(this.#client, query);
				});
			} catch (error) {
				const known = ofThisPg(error);
				throw translated(known instanceof Error ? hostRefusal(known, scope, false) : known);
			}
		});
	}
}
