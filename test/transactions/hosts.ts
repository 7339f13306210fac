import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexOf from 'knex';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import { Client, type ClientConfig, Pool } from 'pg';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import type { HostTransaction } from '../../src/index.ts';
import { prisma6 } from './prisma-6.ts';

// It has no types of its own.
const oldest: typeof import('pg') = createRequire(__filename)('pg-oldest');

/** A transaction of a service's own library. */
export interface Host {
	/** What the service passes as `transaction`. */
	readonly handle: HostTransaction;
	/** The service's own statement. */
	sql(text: string): PromiseLike<unknown>;
}

export interface HostConnection {
	/** Commits, or rolls back where `work` throws. */
	transaction<T>(work: (host: Host) => Promise<T>): Promise<T>;
	/** What a service might pass by mistake: the same library outside a transaction. */
	readonly outside: HostTransaction;
	end(): Promise<unknown>;
}

type Open = (connectionString: string) => Promise<HostConnection>;

const openPg =
	(PgClient: typeof Client, options: ClientConfig = {}): Open =>
	async (connectionString) => {
		const client = new PgClient({ connectionString, ...options });
		await client.connect();
		return { ...transactionsOf(client, client), end: () => client.end() };
	};

/** What begins, commits and rolls back by hand. */
function transactionsOf(client: Pick<Client, 'query'>, handle: HostTransaction) {
	return {
		outside: handle,
		async transaction<T>(work: (host: Host) => Promise<T>): Promise<T> {
			await client.query('BEGIN');
			try {
				const result = await work({
					handle,
					sql: async (text) => (await client.query(text)).rows,
				});
				await client.query('COMMIT');
				return result;
			} catch (error) {
				await client.query('ROLLBACK');
				throw error;
			}
		},
	};
}

const openPool: Open = async (connectionString) => {
	const pool = new Pool({ connectionString, max: 2 });
	const client = await pool.connect();
	return {
		...transactionsOf(client, client),
		outside: pool,
		end: () => {
			client.release();
			return pool.end();
		},
	};
};

const openQuery: Open = async (connectionString) => {
	const client = new Client({ connectionString });
	await client.connect();
	const handle = { query: (text: string, values: string[]) => client.query(text, values) };
	return { ...transactionsOf(client, handle), end: () => client.end() };
};

const openPrisma: Open = async (connectionString) =>
	byPrisma(new PrismaClient({ adapter: new PrismaPg({ connectionString }) }));

const openPrisma6: Open = async (connectionString) => {
	const { PrismaClient, PrismaPg } = await prisma6();
	return byPrisma(new PrismaClient({ adapter: new PrismaPg({ connectionString }) }));
};

function byPrisma(prisma: PrismaClient): HostConnection {
	return {
		transaction: (work) =>
			prisma.$transaction((tx) => work({ handle: tx, sql: (text) => tx.$queryRawUnsafe(text) }), {
				timeout: 60_000,
			}),
		outside: prisma,
		end: () => prisma.$disconnect(),
	};
}

const openKysely: Open = async (connectionString) => {
	const pool = new Pool({ connectionString });
	const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
	const query = (db: Kysely<unknown>) => ({
		query: (text: string, values: string[]) => db.executeQuery(CompiledQuery.raw(text, values)),
	});
	return {
		transaction: (work) =>
			kysely.transaction().execute((tx) =>
				work({
					handle: query(tx),
					sql: async (text) => (await tx.executeQuery(CompiledQuery.raw(text))).rows,
				}),
			),
		outside: query(kysely),
		end: () => kysely.destroy(),
	};
};

const openDrizzle: Open = async (connectionString) => {
	const pool = new Pool({ connectionString });
	const db = drizzle(pool);
	const query = (tx: Pick<typeof db, 'execute'>) => ({
		query: (text: string, values: string[]) => {
			const [first = '', ...more] = text.split(/\$\d+/);
			const parts = more.map((part, at) => drizzleSql`${values[at]}${drizzleSql.raw(part)}`);
			return tx.execute(drizzleSql.join([drizzleSql.raw(first), ...parts]));
		},
	});
	return {
		transaction: (work) =>
			db.transaction((tx) =>
				work({
					handle: query(tx),
					sql: async (text) => (await tx.execute(drizzleSql.raw(text))).rows,
				}),
			),
		outside: query(db),
		end: () => pool.end(),
	};
};

const openKnex: Open = async (connectionString) => {
	const knex = knexOf({ client: 'pg', connection: connectionString });
	const query = (tx: typeof knex) => ({
		query: (text: string, values: string[]) => tx.raw(text.replaceAll(/\$\d+/g, '?'), values),
	});
	return {
		transaction: (work) =>
			knex.transaction((tx) =>
				work({ handle: query(tx), sql: async (text) => (await tx.raw(text)).rows }),
			),
		outside: query(knex),
		end: () => knex.destroy(),
	};
};

/** Every kind of transaction that a service may pass. */
export const hosts: Readonly<Record<string, Open>> = {
	'a client of pg': openPg(Client),
	'a client of another copy of pg': openPg(oldest.Client),
	'a client of pg in pipeline mode': openPg(Client, { pipeline: true }),
	'a client of a pool of pg': openPool,
	'anything with query()': openQuery,
	Prisma: openPrisma,
	'Prisma 6': openPrisma6,
	Kysely: openKysely,
	Drizzle: openDrizzle,
	Knex: openKnex,
};

/** Everything that a session has set, and who it is. */
export const everythingSet = `SELECT session_user::text AS login, current_user::text AS role,
	current_setting('role') AS set_role, coalesce(current_setting('request.jwt.claims', true), '') AS claims,
	(SELECT string_agg(name || '=' || setting, E'\\n' ORDER BY name) FROM pg_settings
	  WHERE name NOT LIKE 'plpgsql.%') AS settings`;
