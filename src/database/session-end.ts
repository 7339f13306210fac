import { DatabaseError, type PoolClient } from 'pg';

const ends = new WeakMap<PoolClient, DatabaseError>();

/**
 * Notes why Postgres ended a session while nothing was under way on it, such as a transaction that was idle for too long. pg says of
 * the statement that comes next that the client is not queryable, and nothing of the reason.
 */
export function noteSessionEnd(client: PoolClient): void {
	client.on('error', (error) => {
		if (error instanceof DatabaseError && !ends.has(client)) ends.set(client, error);
	});
}

/** What Postgres said when it ended the session; otherwise the failure itself. */
export function reasonOf<E>(client: PoolClient, failure: E): E | DatabaseError {
	return failure instanceof DatabaseError ? failure : (ends.get(client) ?? failure);
}
