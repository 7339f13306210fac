import { type Client, type ClientConfig, DatabaseError, type QueryResultRow } from 'pg';
import { newClient } from '../database/database-address.ts';
import { processOf } from '../database/pg-protocol.ts';
import { statementMode } from '../database/pooler-errors.ts';
import { translated } from '../database/translate-errors.ts';
import { UnavailableError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';

const connectSeconds = 10;
const statementSeconds = 120;
/** The network may swallow an answer that Postgres has given. */
const answerSeconds = statementSeconds + 10;

/**
 * The session is to be left as it was found, also by a pooler, so all of it ends with the transaction. Definitions
 * in the catalog must be written as in the manifest, whatever the login or the database sets.
 */
const begin = [
	'BEGIN READ ONLY',
	'SET LOCAL search_path = pg_catalog, pg_temp',
	'SET LOCAL quote_all_identifiers = off',
	'SET LOCAL standard_conforming_strings = on',
	"SET LOCAL lock_timeout = '5s'",
	`SET LOCAL statement_timeout = '${statementSeconds}s'`,
	// Of what is set from here on the workers of a Citus cluster learn. Elsewhere nothing has such a setting.
	"SET LOCAL citus.propagate_set_commands = 'local'",
];

/** No session could begin. */
export class UnreachableError extends UnavailableError {
	/** @param cause what pg threw; it quotes no password. */
	constructor(target: string, cause: unknown) {
		super(`Cannot connect to ${target}: ${messageOf(cause)}`, { cause });
	}
}

/** One connection with one read-only transaction, in which nothing can be changed. */
export class ReadOnlySession implements AsyncDisposable {
	readonly #client: Client;

	private constructor(client: Client) {
		this.#client = client;
	}

	/**
	 * @throws UnreachableError if the database cannot be reached, ConfigurationError if the URL cannot be read or a pooler
	 * allows no transactions.
	 */
	static async open(config: ClientConfig): Promise<ReadOnlySession> {
		const client = newClient({
			connectionTimeoutMillis: connectSeconds * 1000,
			query_timeout: answerSeconds * 1000,
			...config,
		});
		// A lost connection fails the statement that waits for it; Node would end the process besides.
		client.on('error', () => {});
		try {
			await client.connect();
			// One by one: pgpool-II sends several in one message to one of its servers only.
			for (const statement of begin) await client.query(statement);
			return new ReadOnlySession(client);
		} catch (error) {
			await client.end().catch(() => {});
			throw statementMode(error) ?? new UnreachableError(targetOf(client), error);
		}
	}

	/** Where it leads, without the password and whatever else a URL may hold. */
	get target(): string {
		return targetOf(this.#client);
	}

	/** Whether another process answers than the one that took the connection: a pooler or a proxy. */
	async isProxied(): Promise<boolean> {
		const [row] = await this.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid');
		return processOf(this.#client) !== row?.pid;
	}

	async rows<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.#client.query<Row>(text, values)).rows;
	}

	/** What pg's callers need of it. */
	get query(): Client['query'] {
		return this.#client.query.bind(this.#client);
	}

	/** Runs what may be refused, and returns the refusal. The transaction goes on either way. */
	async attempt<Result>(work: () => Promise<Result>): Promise<Result | DatabaseError> {
		await this.#client.query('SAVEPOINT attempt');
		try {
			return await work();
		} catch (error) {
			if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') throw translated(error);
			return error;
		} finally {
			// Roles and settings that the work took on go, too. A lost connection was reported already.
			for (const end of ['ROLLBACK TO SAVEPOINT attempt', 'RELEASE SAVEPOINT attempt']) {
				await this.#client.query(end).catch(() => {});
			}
		}
	}

	/** Runs work as a role, if the login may switch to it. */
	attemptAs<Result>(role: string, work: () => Promise<Result>): Promise<Result | DatabaseError> {
		return this.attempt(async () => {
			await this.#client.query(`SET LOCAL ROLE ${role}`);
			return work();
		});
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client.query('ROLLBACK').catch(() => {});
		await this.#client.end().catch(() => {});
	}
}

function targetOf({ host, port, database, user }: Client): string {
	return `${shown(host)}:${port}/${shown(database)} as ${shown(user)}`;
}

/** A password with a slash in it makes a part of itself the name of the database. */
function shown(name: string | undefined): string {
	return name !== undefined && /^[\p{L}\p{N}_.:/$-]{1,255}$/u.test(name) ? name : '(not shown)';
}
