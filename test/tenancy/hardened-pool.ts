import { setTimeout } from 'node:timers/promises';
import { Client, type PoolClient, type PoolConfig, types } from 'pg';
import { type ExecutionContext, runInScope } from '../../src/database/execution-context.ts';
import type { Scope } from '../../src/database/scope.ts';
import { ScopedPool, type ScopedPoolOptions } from '../../src/database/scoped-pool.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { newName } from './deployment.ts';

/** A pool of one connection, and that connection itself, beside every scope. */
export interface OnePool {
	readonly pool: ScopedPool;
	/** The connection that serves the next statement. It must be idle. */
	session(): Promise<PoolClient>;
}

/**
 * Pools without Prisma, on a database without tables. Only its login may call set_config(), as with
 * prisma/grants/hardening.sql.
 */
export class HardenedDatabase {
	readonly admin: Client;
	/** A login that is a member of both roles. */
	readonly login: string;
	readonly url: string;
	readonly #database: TestDatabase;
	readonly #pools: ScopedPool[] = [];

	private constructor(database: TestDatabase, login: string, password: string) {
		this.#database = database;
		this.login = login;
		this.admin = new Client({ connectionString: database.connectionString });
		this.url = withLogin(database.connectionString, login, password);
	}

	static async open(): Promise<HardenedDatabase> {
		const [login, password] = [newName(), newName()];
		const database = new HardenedDatabase(await createEmptyDatabase(), login, password);
		await database.admin.connect();
		await database.admin.query(`
			CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD '${password}';
			GRANT authenticated, service_role TO ${login};
			REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
			GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO ${login}`);
		return database;
	}

	/** Closed with the database. */
	pool(config: PoolConfig = {}, options: Partial<ScopedPoolOptions> = {}): OnePool {
		let current: PoolClient | undefined;
		const pool = new ScopedPool(
			{
				connectionString: this.url,
				max: 1,
				// What hangs fails the test.
				connectionTimeoutMillis: 4000,
				query_timeout: 4000,
				...config,
				onConnect: (client) => {
					current = client as PoolClient; // pg-pool hands out what it made
				},
			},
			{ namedStatements: true, ...options },
		);
		this.#pools.push(pool);
		return {
			pool,
			session: async () => {
				await pool.run(nobody, 'SELECT 1', []);
				if (current === undefined) throw new Error('there is no connection');
				return current;
			},
		};
	}

	async close(): Promise<void> {
		const tooLong = setTimeout(4000, undefined, { ref: false }).then(() => {
			throw new Error('a pool did not close');
		});
		await Promise.race([Promise.all(this.#pools.map((pool) => pool.close())), tooLong]);
		await this.admin.query(`REVOKE ALL ON FUNCTION pg_catalog.set_config FROM ${this.login}`);
		await this.admin.query(`DROP ROLE ${this.login}`);
		await this.admin.end();
		await this.#database.drop();
	}
}

const nobody: Scope = { role: 'authenticated', claims: '{}' };

/** Runs one statement as Prisma's driver does, its values read by their types. */
export async function query(
	{ pool }: OnePool,
	text: string,
	{ values = [], ...context }: Partial<ExecutionContext> & { scope: Scope; values?: unknown[] },
) {
	const name = pool.nameStatement({ sql: text });
	return runInScope({ ranRawSql: false, ...context }, () =>
		pool.query({ name, text, values, types }),
	);
}
