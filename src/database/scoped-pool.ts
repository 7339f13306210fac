import {
	Pool,
	type PoolClient,
	type PoolConfig,
	type QueryArrayResult,
	type QueryConfig,
} from 'pg';
import { DestinationsError, UnsupportedError } from '../errors.ts';
import { type OnOperation, Operations } from '../telemetry/operations.ts';
import type { PoolCounts } from '../telemetry/pool-metrics.ts';
import { placeOf } from './database-address.ts';
import {
	type ExecutionContext,
	type Reading,
	type ReadServer,
	refuse,
	requireContext,
} from './execution-context.ts';
import { watchTransactionStatus } from './pg-protocol.ts';
import type { Scope } from './scope.ts';
import { ScopedConnection, type ScopedConnectionOptions } from './scoped-connection.ts';
import type { ReadRow, ScopedSql, StatementOptions, TextRow } from './scoped-sql.ts';
import { withRoleAtRest } from './session-at-rest.ts';
import { noteSessionEnd } from './session-end.ts';
import { nameStatements } from './statement-names.ts';
import { withTextForm } from './text-form.ts';
import { translateErrors } from './translate-errors.ts';

export interface ScopedPoolOptions extends Omit<ScopedConnectionOptions, 'nameStatement'> {
	/** The role in which sessions rest whose login reads by itself. @defaultValue their login */
	readonly roleAtRest?: Scope['role'];
	/** Which login it is, where a client has several pools; for metrics. */
	readonly login?: string;
	readonly onOperation?: OnOperation | undefined;
}

/**
 * A pool that sends every statement in the scope of the {@link ExecutionContext} it is called for. Without one it sends
 * nothing. Of pg's pool it shows nothing, because that would send statements without a scope.
 */
export class ScopedPool implements ScopedSql, ReadServer {
	/** Names the statements that the connections keep prepared. */
	readonly nameStatement = nameStatements();
	/** Runs what is done with this pool, and calls those who listen. */
	readonly operations: Operations;
	readonly #pool: Pool;
	readonly #options: ScopedConnectionOptions;
	/** Who waits for a connection: a pool that ends forgets them. */
	readonly #waiting = new Set<Promise<unknown>>();
	#ending: Promise<void> | undefined;

	constructor(
		config: PoolConfig,
		{ roleAtRest, login, onOperation, ...options }: ScopedPoolOptions,
	) {
		const { namedStatements: named, citus = false } = options;
		const inForm = named ? withTextForm(config) : config;
		this.#pool = new Pool(
			roleAtRest === undefined ? inForm : withRoleAtRest(inForm, roleAtRest, { named, citus }),
		);
		this.#options = { ...options, nameStatement: this.nameStatement };
		this.#pool.on('connect', (client) => {
			watchTransactionStatus(client);
			noteSessionEnd(client);
		});
		this.#pool.on('error', leaveToQuery);
		const connections = () => this.counts();
		this.operations = new Operations({ ...placeOf(config), login, connections }, onOperation);
	}

	get citus(): boolean {
		return this.#options.citus ?? false;
	}

	/** Its connections at this moment. */
	counts(): PoolCounts {
		const { totalCount, idleCount, waitingCount, options } = this.#pool;
		return { total: totalCount, idle: idleCount, waiting: waitingCount, max: options.max };
	}

	/** Runs one statement, here or on the replica that its context names. */
	async query(config: QueryConfig, options?: StatementOptions): Promise<QueryArrayResult> {
		const context = requireContext();
		const server = context.reading?.replica ?? this;
		if (server !== this) return server.query(config, options);
		return this.#once(context, (connection) => connection.query(config, options));
	}

	/** Takes a connection for one execution context: a statement or a transaction. */
	async connect(): Promise<ScopedConnection> {
		return this.#take(requireContext());
	}

	/** @param reading if it does nothing but read. */
	async run(
		scope: Scope,
		text: string,
		values: unknown[],
		options?: StatementOptions,
		reading?: Reading,
	): Promise<TextRow[]> {
		return translateErrors(
			this.#once({ scope, reading, ranRawSql: false }, (connection) =>
				connection.run(scope, text, values, options),
			),
		);
	}

	async read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]> {
		return translateErrors(
			this.#once({ scope, ranRawSql: false }, (connection) =>
				connection.read(scope, text, values, readRow, options),
			),
		);
	}

	async transaction<T>(scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T> {
		const committed = this.#once({ scope, ranRawSql: false }, async (connection) => {
			await connection.query({ text: 'BEGIN' });
			try {
				const result = await work(connection);
				await connection.query({ text: 'COMMIT' });
				return result;
			} catch (error) {
				// The statement's error says what went wrong; a connection that is gone rolls back by itself.
				await connection.query({ text: 'ROLLBACK' }).catch(() => {});
				throw error;
			}
		});
		return translateErrors(committed);
	}

	/** @throws UnsupportedError once the pool was closed. */
	requireOpen(context: ExecutionContext): void {
		if (this.#ending === undefined) return;
		throw refuse(
			new UnsupportedError('The client was closed. Use it before close(), or make another.'),
			context,
		);
	}

	/** Takes no more, and ends once all that was taken is done. */
	close(): Promise<void> {
		this.#ending ??= this.#end();
		return this.#ending;
	}

	async #end(): Promise<void> {
		this.operations.close();
		while (this.#waiting.size > 0) await Promise.allSettled(this.#waiting);
		await this.#pool.end();
	}

	/** Runs one statement, and again where it failed only for what somebody's raw SQL left on a connection. */
	async #once<T>(
		context: ExecutionContext,
		work: (connection: ScopedConnection) => Promise<T>,
	): Promise<T> {
		for (;;) {
			const connection = await this.#take(context);
			try {
				return await work(connection);
			} catch (error) {
				// Each such connection is closed, so that this comes to an end.
				if (!connection.inheritedFailure) throw error;
			} finally {
				connection.release();
			}
		}
	}

	async #take(context: ExecutionContext): Promise<ScopedConnection> {
		this.requireOpen(context);
		const connecting: Promise<PoolClient> = this.#pool.connect();
		this.#waiting.add(connecting);
		try {
			const connection = new ScopedConnection(await connecting, context, this.#options);
			context.connection = connection;
			return connection;
		} catch (error) {
			throw error instanceof DestinationsError ? refuse(error, context) : error;
		} finally {
			this.#waiting.delete(connecting);
		}
	}
}

/**
 * A lost connection fails the query that waits for it, which is where it is reported; one that is idle is replaced.
 * Node ends the process when nobody listens to an event of this name, and from one context to the next nobody
 * would: pg's pool listens to idle connections only, and passes on what it gets by an event of its own.
 */
function leaveToQuery(): void {}
