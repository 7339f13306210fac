import { ConfigurationError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';

// What PgBouncer says of itself. Each has the SQLSTATE 08P01, so that only the texts distinguish them
// (https://github.com/pgbouncer/pgbouncer/blob/pgbouncer_1_25_2/src/client.c).

const startupParameter = /unsupported startup parameter(?: in options)?: ("?[\w.]+"?)/;
const noTransactions =
	/(transaction blocks|long transactions) not allowed in statement pooling mode/i;

/**
 * The error for what a pooler refuses permanently, by how it or the client is set.
 *
 * @param sqlState of the error, whether it is pg's own or came by way of Prisma.
 */
export function poolerRefusal(
	error: unknown,
	sqlState: string | undefined,
): ConfigurationError | undefined {
	if (!sqlState?.startsWith('08')) return undefined;
	const refused = statementMode(error);
	if (refused !== undefined) return refused;
	const parameter = startupParameterOf(error);
	if (parameter === undefined) return undefined;
	return new ConfigurationError(
		`The pooler refuses what a session begins with: ${parameter}. Set \`namedStatements: false\`, and leave timeouts and options out of \`pool\`.`,
		{ cause: error },
	);
}

/** What a pooler refused of what a session begins with. */
export function startupParameterOf(error: unknown): string | undefined {
	return startupParameter.exec(messageOf(error))?.[1];
}

/** The error for a transaction where a pooler allows none; nothing for any other error. */
export function statementMode(error: unknown): ConfigurationError | undefined {
	if (!noTransactions.test(messageOf(error))) return undefined;
	return new ConfigurationError(
		'The pooler is in statement mode, in which no transaction can begin, so nothing was done. Set pool_mode = transaction, or session, in pgbouncer.ini.',
		{ cause: error },
	);
}

const starvations: readonly (readonly [RegExp, string])[] = [
	[
		/query_wait_timeout/,
		'The pooler had no connection to the server free within its query_wait_timeout, so nothing of this was done. Try again a little later. If it lasts, raise default_pool_size in pgbouncer.ini, or make transactions shorter.',
	],
	[
		/no more connections allowed|client connections exceeded|too many clients|remaining connection slots|too many connections/,
		'The server, or the pooler before it, accepts no more connections. Try again a little later. If it lasts, lower `pool.max`, put a pooler before the server, or raise max_connections of the server (max_client_conn of PgBouncer).',
	],
	[
		/timeout exceeded when trying to connect|Unable to start a transaction in the given time/,
		'No connection was free in time, so nothing of this was done. Try again a little later. If it lasts, raise `pool.max`, make transactions shorter, or wait longer (`pool.connectionTimeoutMillis`, `maxWait`).',
	],
];

/** What to do where a pool has no connection left; nothing for any other error. */
export function starvation(error: unknown): string | undefined {
	const message = messageOf(error);
	return starvations.find(([pattern]) => pattern.test(message))?.[1];
}
