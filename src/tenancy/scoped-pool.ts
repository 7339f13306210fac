import { Pool, type PoolClient, type PoolConfig, type QueryArrayConfig } from 'pg';
import { requireErrand } from './scope.ts';
import { ScopedConnection } from './scoped-connection.ts';

export interface ScopedPoolOptions {
	/** Whether statements are kept prepared on the connection. */
	readonly namedStatements: boolean;
}

/**
 * A pool that `@prisma/adapter-pg` takes for an ordinary one, and that sends every statement in the scope
 * of the {@link Errand} it is called for. Without one it sends nothing.
 */
export class ScopedPool extends Pool {
	readonly #options: ScopedPoolOptions;

	constructor(config: PoolConfig, options: ScopedPoolOptions) {
		super(options.namedStatements ? inUtc(config) : config);
		this.#options = options;
		this.on('connect', (client) => client.on('error', leaveToQuery));
	}

	// The adapter calls these two in one form each, with a config and without a callback; the other forms of
	// pg's interface would bypass the scope, so they are not there.

	/** Runs one statement. */
	// @ts-expect-error pg's overloads for texts, streams and callbacks are left out on purpose.
	override async query(config: QueryArrayConfig): Promise<unknown> {
		const connection = await this.connect();
		let failure: unknown;
		try {
			return await connection.query(config);
		} catch (error) {
			failure = error;
			throw error;
		} finally {
			connection.release(failure);
		}
	}

	/** Takes a connection for one errand: a statement or a transaction. */
	// @ts-expect-error as above, and the connection is a scoped one.
	override async connect(): Promise<ScopedConnection> {
		const errand = requireErrand();
		const client: PoolClient = await super.connect();
		return new ScopedConnection(client, errand, this.#options);
	}
}

/**
 * A lost connection fails the query that waits for it, which is where it is told. Node ends the process
 * when nobody listens to an event of this name, and from one errand to the next nobody would: pg's pool
 * listens to idle connections only.
 */
function leaveToQuery(): void {}

/**
 * `@prisma/adapter-pg` reads a timestamptz as if it were in UTC, so the session must be. A pooler that
 * cannot keep statements cannot keep sessions either: there each statement sets the zone for itself.
 */
export function inUtc(config: PoolConfig): PoolConfig {
	const { connectionString = '', options } = config;
	const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
	const inUrl = url?.searchParams.get('options');
	const given = inUrl ?? options ?? process.env.PGOPTIONS ?? '';
	const both = { ...config, options: `${given} -c TimeZone=UTC`.trim() };
	if (!url || !inUrl) return both;
	// pg takes those of the URL and drops the others.
	url.searchParams.delete('options');
	return { ...both, connectionString: url.href };
}
