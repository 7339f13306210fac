import { AsyncLocalStorage } from 'node:async_hooks';
import { type DestinationsError, ForbiddenError } from '../errors.ts';
import type { Scope } from './scope.ts';
import type { ScopedSql } from './scoped-sql.ts';

/** What a connection is taken from the pool for. */
export interface Errand {
	readonly scope: Scope;
	/** Whether SQL of the caller's own ran, which may leave settings or temporary tables behind. */
	ranRawSql: boolean;
	/** How long it may take, in milliseconds, if it is a transaction. */
	readonly timeout?: number | undefined;
	/** The connection, once there is one: that of the transaction, if the errand is one. */
	connection?: ScopedSql;
	/** Why this package refused a statement; Prisma would tell it as an error of its own. */
	refusal?: DestinationsError;
}

const currentErrand = new AsyncLocalStorage<Errand>();

/** Runs `start`, and lets the statements that it sends know their scope. */
export function runInScope<T>(errand: Errand, start: () => T): T {
	return currentErrand.run(errand, start);
}

/** The scope of the statement that is about to be sent. Without one nothing is sent. */
export function requireErrand(): Errand {
	const errand = currentErrand.getStore();
	if (errand === undefined) {
		throw new ForbiddenError(
			'A statement was about to run outside any scope. Use a client of forOrganization() or asService().',
		);
	}
	return errand;
}

/** The connection of the transaction that is under way. */
export function requireConnection(): ScopedSql {
	const { connection } = requireErrand();
	if (connection === undefined) throw new Error('No transaction has begun');
	return connection;
}

/** Has the caller told why this package refused, and gives the error to throw. */
export function refuse<E extends DestinationsError>(refusal: E, errand = requireErrand()): E {
	errand.refusal = refusal;
	return refusal;
}
