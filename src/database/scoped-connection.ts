import type { PoolClient, QueryArrayResult, QueryConfig } from 'pg';
import { DestinationsError, RetryError, UnsupportedError } from '../errors.ts';
import { currentOperation } from '../telemetry/operation.ts';
import { citusSteps } from './citus-steps.ts';
import { DiscardSession } from './discard-session.ts';
import { type ExecutionContext, refuse } from './execution-context.ts';
import { isIdle, submit, untilReady } from './pg-protocol.ts';
import type { Scope } from './scope.ts';
import { scopeSteps } from './scope-steps.ts';
import { ScopedQuery } from './scoped-query.ts';
import {
	type Planning,
	planningOf,
	type ReadRow,
	type ScopedSql,
	type StatementOptions,
	type TextRow,
} from './scoped-sql.ts';
import { isPooled, restAs, roleAtRest } from './session-at-rest.ts';
import { reasonOf } from './session-end.ts';
import { connectionAfter, sqlStateOf, withoutValues } from './sql-errors.ts';
import type { nameStatements } from './statement-names.ts';
import { setTextForm } from './text-form.ts';
import { translateErrors } from './translate-errors.ts';

/**
 * What Prisma sends to begin and end transactions. These go out without a scope: they touch no row, and
 * SET TRANSACTION must come before any query.
 */
const transactionControl =
	/^(BEGIN|COMMIT|ROLLBACK|SET TRANSACTION ISOLATION LEVEL [A-Z ]+|(SAVEPOINT|ROLLBACK TO SAVEPOINT|RELEASE SAVEPOINT) \w+)$/;

/** Connections on which raw SQL ran for an earlier context. They were cleaned, as far as cleaning reaches. */
const cleaned = new WeakSet<PoolClient>();

export interface ScopedConnectionOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly namedStatements: boolean;
	/** Whether the tables are distributed by Citus. @defaultValue `false` */
	readonly citus?: boolean | undefined;
	readonly nameStatement: ReturnType<typeof nameStatements>;
	/**
	 * Called when a connection is handed back on which something else than reads was sent.
	 *
	 * @param inDoubt whether the server may still be at it.
	 */
	readonly onUsed?: ((scope: Scope, inDoubt: boolean) => void) | undefined;
}

/**
 * A connection of the pool, for one execution context: everything it sends is in the context's scope. It is handed
 * back in the state in which it came, or closed.
 */
export class ScopedConnection implements ScopedSql {
	readonly #client: PoolClient;
	readonly #context: ExecutionContext;
	readonly #options: ScopedConnectionOptions;
	#transaction: 'none' | 'begun' | 'ended' = 'none';
	/** When the transaction began, on the clock of `performance`. */
	#begunAt = 0;
	/** How long it took until it was rolled back, in milliseconds. */
	#took = 0;
	/** Whether an error leaves open what state the connection is in. */
	#inDoubt = false;
	/** Whether an error may come from what an earlier context's raw SQL left behind. */
	#inherited = false;
	/** How the statement before was planned, by settings that hold in its transaction. */
	#planning: Planning = 'asPlanned';
	/** Settles when nothing is under way. */
	#idle: Promise<unknown> = Promise.resolve();

	constructor(client: PoolClient, context: ExecutionContext, options: ScopedConnectionOptions) {
		this.#client = client;
		this.#context = context;
		this.#options = options;
	}

	/**
	 * Whether a statement failed for what an earlier context's raw SQL may have left on this connection. Nothing of it
	 * was done, and on another connection it may succeed.
	 */
	get inheritedFailure(): boolean {
		return this.#inherited;
	}

	get citus(): boolean {
		return this.#options.citus ?? false;
	}

	/** Whether the session is this connection's own, and keeps statements prepared. */
	get #keepsStatements(): boolean {
		return this.#options.namedStatements && !isPooled(this.#client);
	}

	query(config: QueryConfig, options?: StatementOptions): Promise<QueryArrayResult> {
		return this.#inTurn(config, this.#context.scope, options);
	}

	async run(
		scope: Scope,
		text: string,
		values: unknown[],
		options?: StatementOptions,
	): Promise<TextRow[]> {
		const name = this.#options.nameStatement({ sql: text });
		const { rows } = await translateErrors(this.#inTurn({ name, text, values }, scope, options));
		return rows as TextRow[]; // read without parsers
	}

	async read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]> {
		const name = this.#options.nameStatement({ sql: text });
		const sent = this.#inTurn({ name, text, values }, scope, options, readRow);
		const { rows } = await translateErrors(sent);
		return rows as unknown[] as Row[]; // made by `readRow`
	}

	/** A connection that is at hand is that of a transaction. */
	transaction<T>(_scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T> {
		return work(this);
	}

	/** In a transaction several may be sent at once, by Prisma and beside it, and pg wants them one by one. */
	#inTurn(
		config: QueryConfig,
		scope: Scope,
		options: StatementOptions = {},
		readRow?: ReadRow<unknown>,
	): Promise<QueryArrayResult> {
		const sent = this.#idle.then(() => this.#send(config, scope, options, readRow));
		this.#idle = sent.catch(() => {});
		return sent;
	}

	async #send(
		config: QueryConfig,
		scope: Scope,
		options: StatementOptions,
		readRow: ReadRow<unknown> | undefined,
	): Promise<QueryArrayResult> {
		const inTransaction = !isIdle(this.#client);
		if (this.#transaction === 'ended' || (this.#transaction === 'begun' && !inTransaction)) {
			throw this.#refuse(this.#whyOver());
		}
		if (transactionControl.test(config.text)) return this.#control(config.text);
		// Raw SQL may give the name of a prepared statement to another one, of its own making.
		const named = this.#keepsStatements && !this.#context.ranRawSql;
		const [before, planning] = [this.#planning, planningOf(options)];
		this.#planning = planning;
		const operation = currentOperation();
		operation?.sent(config.text);
		const steps = (this.citus ? citusSteps : scopeSteps)(scope, {
			...{ named, inTransaction, planning, before },
			restsAsLogin: roleAtRest(this.#client) === undefined,
		});
		// Of what failed there, the transaction is still to be ended that went out with it.
		const ends = this.citus && !inTransaction;
		return new Promise((resolve, reject) => {
			const query = new ScopedQuery(
				named ? config : { ...config, name: '' },
				this.#context.reading?.question?.askedWith(steps, named) ?? steps,
				readRow,
				(error, result) => {
					if (error instanceof DestinationsError) refuse(error, this.#context);
					if (operation !== undefined) {
						operation.rows += result?.rows.length ?? 0;
						if (error !== null) operation.sqlState = sqlStateOf(error);
					}
					if (result !== undefined) {
						resolve(result);
						return;
					}
					const failure = this.#noted(error);
					if (ends && !this.#inDoubt) this.#rollBack().then(() => reject(failure));
					else reject(failure);
				},
			);
			submit(this.#client, query);
		});
	}

	/** Ends a transaction that a statement took along. A connection that is gone rolls back by itself. */
	async #rollBack(): Promise<void> {
		await untilReady(this.#client);
		await this.#client.query('ROLLBACK').catch(() => {});
	}

	#whyOver(): string {
		const { timeout = Number.POSITIVE_INFINITY } = this.#context;
		if (this.#took > timeout) return outOfTime(timeout);
		return 'The transaction is over: its function has returned, the client was closed, or raw SQL ended it. Let the function return, or throw, once everything in it is done.';
	}

	async #control(text: string): Promise<QueryArrayResult> {
		if (text === 'BEGIN') this.#begunAt = performance.now();
		if (text === 'ROLLBACK') this.#took = performance.now() - this.#begunAt;
		const ends = text === 'COMMIT' || text === 'ROLLBACK';
		// Before it is sent: where it fails, nobody knows what the transaction has come to, and nothing follows it.
		this.#transaction = ends ? 'ended' : 'begun';
		const result = await this.#client.query<unknown[]>(text).catch((error: unknown) => {
			throw this.#noted(error);
		});
		// Postgres takes a COMMIT after a failed statement for a ROLLBACK, and does not call that an error.
		if (text === 'COMMIT' && result.command === 'ROLLBACK') {
			throw this.#refuse(
				'A statement of the transaction failed and its error was caught, so Postgres rolled everything back. Let the error leave the transaction function, or run what may fail in a nested $transaction.',
			);
		}
		return result;
	}

	/** Hands the connection back. After a failure that leaves its state in doubt it is closed instead. */
	release(): void {
		// From here on the connection is somebody else's.
		this.#transaction = 'ended';
		const isOver = !this.#inDoubt && isIdle(this.#client);
		const { reading, scope } = this.#context;
		if (reading === undefined) this.#options.onUsed?.(scope, !isOver);
		if (!isOver) {
			// A server's error arrives before its word that it is ready, so the status may still be unknown.
			this.#client.release(true);
		} else if (this.#context.ranRawSql) {
			cleaned.add(this.#client);
			this.#clean();
		} else {
			this.#client.release();
		}
	}

	/** What a failure means for the connection. Returns the failure, or why the session ended, without values. */
	#noted(thrown: unknown): unknown {
		const failure = reasonOf(this.#client, thrown);
		const state = connectionAfter(failure);
		if (state !== 'usable') this.#inDoubt = true;
		if (state === 'suspect' && cleaned.has(this.#client) && !this.#context.ranRawSql) {
			this.#inherited = true;
			if (this.#transaction !== 'none') refuse(lostToOthers(failure), this.#context);
		}
		return withoutValues(failure);
	}

	#refuse(message: string): UnsupportedError {
		return refuse(new UnsupportedError(message), this.#context);
	}

	/** Rids the session of what raw SQL left in it, and hands the connection back. */
	#clean(): void {
		const client = this.#client;
		const role = roleAtRest(client);
		const discard = new DiscardSession((error) => {
			// Without names each statement brings the form along, and a pooler hands the session to others.
			if (error || !this.#keepsStatements) client.release(error ?? false);
			// A pooler may lose what the session began with, and then it is the server's own again.
			else
				client.query(role === undefined ? setTextForm : `${setTextForm}; ${restAs(role)}`).then(
					() => client.release(),
					(failure: Error) => client.release(failure),
				);
		});
		submit(client, discard);
	}
}

/** The message for a transaction that was rolled back because its time was up. */
export function outOfTime(timeout: number): string {
	return `The transaction took longer than its timeout of ${timeout} ms and was rolled back: nothing of it was saved. Do less in one, or allow it more time: transaction(work, { timeout }).`;
}

/** A transaction cannot run again by itself, as a statement does. */
function lostToOthers(cause: unknown): RetryError {
	return new RetryError(
		'The connection was in a state that raw SQL of somebody else had left, so the transaction was rolled back. Run all of it again: the connection was closed.',
		{ cause },
	);
}
