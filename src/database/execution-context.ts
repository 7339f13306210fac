import { AsyncLocalStorage } from 'node:async_hooks';
import type { QueryArrayResult, QueryConfig } from 'pg';
import { type DestinationsError, ForbiddenError } from '../errors.ts';
import type { Question } from './question.ts';
import type { Scope } from './scope.ts';
import type { ScopedSql, StatementOptions, TextRow } from './scoped-sql.ts';

/** A server that answers instead of the primary. */
export interface ReadServer {
	query(config: QueryConfig, options?: StatementOptions): Promise<QueryArrayResult>;
	run(
		scope: Scope,
		text: string,
		values: unknown[],
		options: StatementOptions | undefined,
		reading: Reading,
	): Promise<TextRow[]>;
}

/** What does nothing but read, where it is sent to, and what is asked along with it. */
export interface Reading {
	/** @defaultValue the primary */
	readonly replica?: ReadServer;
	/** @defaultValue nothing */
	readonly question?: Question;
}

/** What a connection is taken from the pool for. */
export interface ExecutionContext {
	readonly scope: Scope;
	/** Set where nothing but reads is sent. */
	readonly reading?: Reading | undefined;
	/** Whether SQL of the caller's own ran, which may leave settings or temporary tables behind. */
	ranRawSql: boolean;
	/** How long it may take, in milliseconds, if it is a transaction. */
	readonly timeout?: number | undefined;
	/** The connection, once there is one: that of the transaction, if the context is one. */
	connection?: ScopedSql;
	/** Why this package refused a statement; Prisma would report it as an error of its own. */
	refusal?: DestinationsError;
}

const currentContext = new AsyncLocalStorage<ExecutionContext>();

/** Runs `start`, and lets the statements that it sends know their scope. */
export function runInScope<T>(context: ExecutionContext, start: () => T): T {
	return currentContext.run(context, start);
}

/** The scope of the statement that is about to be sent. Without one nothing is sent. */
export function requireContext(): ExecutionContext {
	const context = currentContext.getStore();
	if (context === undefined) {
		throw new ForbiddenError(
			'A statement was about to run outside any scope. Use a client of forOrganization() or asService().',
		);
	}
	return context;
}

/** The connection of the transaction that is under way. */
export function requireConnection(): ScopedSql {
	const { connection } = requireContext();
	if (connection === undefined) throw new Error('No transaction has begun');
	return connection;
}

/** Has the caller receive the reason why this package refused, and returns the error to throw. */
export function refuse<E extends DestinationsError>(refusal: E, context = requireContext()): E {
	context.refusal = refusal;
	return refusal;
}
