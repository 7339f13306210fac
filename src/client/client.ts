import type { PoolConfig } from 'pg';
import { z } from 'zod';
import { checkPoolOptions } from '../database/pg-options.ts';
import {
	type JoinedScopeOptions,
	organizationScope,
	type Scope,
	type ScopeOptions,
	type ServiceScopeOptions,
	serviceScope,
	transactionOf,
} from '../database/scope.ts';
import {
	ofShard,
	type Route,
	refuseTwice,
	routeOption,
	type Shard,
	ShardMap,
	shardsOf,
	shareOfPool,
	urlList,
} from '../database/shards.ts';
import { parseAllowedHosts, testSettings } from '../destinations/connection-test/test-settings.ts';
import { maxSeenRows } from '../encryption/seen-rows.ts';
import {
	type Keys,
	keysOption,
	type PlaintextPolicy,
	plaintextOption,
} from '../encryption/settings-encryption.ts';
import { ConfigurationError, UnsupportedError, ValidationError } from '../errors.ts';
import { limitArguments } from '../input/argument-count.ts';
import { callback, flag, text } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import { settingsEncryption } from '../prisma/extension/destinations-extension.ts';
import type { TestConnection } from '../repository/connection-test.ts';
import type { OnOperation } from '../telemetry/operations.ts';
import { ClientDatabase } from './client-database.ts';
import type { Database } from './database.ts';
import {
	type JoinedScope,
	joinScope,
	openScope,
	type ScopedClient,
	type ScopeTools,
} from './open-scope.ts';
import { openShardedScope } from './open-sharded-scope.ts';
import { type ClientStats, statsOfAll } from './stats.ts';

/** Options of {@link createDestinationsClient}. */
export interface DestinationsClientOptions {
	/**
	 * URL of the database. Its login can switch to the role `authenticated` and, unless {@link serviceConnectionString} is
	 * given, to `service_role`. The URL names one host, which leads to the primary server.
	 *
	 * @defaultValue the environment variable `DATABASE_URL`, unless `pool` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * Options of pg's pool: size, timeouts, TLS (https://node-postgres.com/apis/pool). `max` limits the connections of each
	 * login, and those to each replica. With `shards`, it is divided among the databases: see there.
	 *
	 * @defaultValue `max: 10`; with more than five `shards`, two for each of them
	 */
	readonly pool?: PoolConfig | undefined;
	/**
	 * URL with a second login, for `asService()` only. Then the connections of tenants cannot switch to `service_role`,
	 * whatever SQL they run. `prisma/grants/logins.sql` creates both logins.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, if `connectionString` is also left out. Without a second
	 * login, the first one serves both scopes
	 */
	readonly serviceConnectionString?: string | undefined;
	/**
	 * URLs of replicas: hot standbys that stream from the primary. Each login can switch to the role `authenticated`. In the
	 * scope of an organization, these reads go to a replica: `findById`, `findByOrganization`, `findByType`, `list`, `count`,
	 * and what Prisma's models read outside transactions. Everything else goes to the primary, and so does everything of
	 * `asService()`.
	 *
	 * An organization always sees what this client wrote for it. Writes of other clients may be missing for as long as the
	 * replica is behind, at most 10 seconds: if the replica is further behind or unavailable, the primary answers. To read
	 * current data, read in a transaction.
	 *
	 * @defaultValue `[]`: everything is sent to the primary
	 */
	readonly replicas?: readonly string[] | undefined;
	/**
	 * Databases among which the organizations are divided: each has all tables, and the rows of some organizations. Also pass
	 * `route`, which says where an organization is. Leave out `connectionString`, `serviceConnectionString` and `replicas`:
	 * each shard has its own.
	 *
	 * `pool.max` limits the connections to all databases together. Each database has an equal share, so that none can use up
	 * the connections of another: with 10 databases, a `max` of 50 is 5 for each. A `max` that is less than the number of
	 * databases is refused. The default is 10, or two for each database if there are more than five.
	 *
	 * `forOrganization()` works on the database of that organization only. `asService()` works on all databases: lists are
	 * merged, and a destination is looked for in every database unless its organization is named. Prisma and transactions
	 * need `asService({ shard })`.
	 *
	 * @defaultValue with `route`, the URLs in the environment variable `DATABASE_URLS`, separated by spaces; without it, one
	 * database
	 */
	readonly shards?: readonly (string | Shard)[] | undefined;
	/**
	 * Says which of `shards` an organization is on: returns its URL. If it returns anything else, the call fails with a
	 * `CONFIGURATION` error, and nothing is sent.
	 *
	 * @defaultValue `undefined`: there is one database
	 */
	readonly route?: Route | undefined;
	/**
	 * The keys that encrypt and decrypt settings: text such as `id:hex,id:hex`, or a key provider.
	 *
	 * @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS`
	 */
	readonly keys?: Keys | undefined;
	/**
	 * What to do with rows whose settings are not encrypted. `allow-read` is for the migration from an older system: reads
	 * return such settings as they are, and every write encrypts. After the migration, run
	 * `consent-destinations rotate --from-plaintext`, and remove this option.
	 *
	 * @defaultValue `'refuse'`: reading such a row fails with `DECRYPTION_FAILED`
	 */
	readonly plaintext?: PlaintextPolicy | undefined;
	/**
	 * Whether statements are kept prepared on each connection. Set it to `false` behind a pooler such as PgBouncer that
	 * refuses the startup parameters which this needs ("unsupported startup parameter"). Behind a pooler that accepts them,
	 * no statement is kept prepared even with `true`, because its sessions are shared with other clients.
	 *
	 * @defaultValue `true`
	 */
	readonly namedStatements?: boolean | undefined;
	/**
	 * Whether the tables are distributed over the workers of a Citus cluster. Then `prisma/scale/citus.sql` was run, and the
	 * URL leads to the coordinator. If the option does not match the database, its connections are refused. It excludes
	 * `replicas`: the workers share the reads.
	 *
	 * @defaultValue `false`
	 */
	readonly citus?: boolean | undefined;
	/**
	 * Hosts that connection tests may call in addition to those of the providers, for self-hosted PostHog:
	 * `posthog.example.com`, or with a port, `posthog.example.com:8443`. Each must resolve to public addresses only. Never
	 * fill it from a tenant's input.
	 *
	 * @defaultValue `[]`
	 */
	readonly allowedHosts?: readonly string[] | undefined;
	/**
	 * Called once for each operation, when it has ended, for logs. It receives the name and duration of the operation,
	 * whether it threw, the code of the error, and how many rows the database returned, but never a value. Errors that it
	 * throws are ignored. OpenTelemetry needs no option: if its API is installed and an SDK is set up, operations are spans.
	 *
	 * @defaultValue nothing is called
	 */
	readonly onOperation?: OnOperation | undefined;
}

const clientOptions = optionsOf({
	connectionString: text.optional(),
	pool: z.custom<PoolConfig>().optional(),
	serviceConnectionString: text.optional(),
	replicas: urlList.optional(),
	shards: z.custom<DestinationsClientOptions['shards']>().optional(),
	route: routeOption.optional(),
	keys: keysOption.optional(),
	plaintext: plaintextOption.optional(),
	namedStatements: flag.optional(),
	citus: flag.optional(),
	allowedHosts: z.custom<readonly string[]>().default([]),
	onOperation: callback<OnOperation>().optional(),
} satisfies OptionSchemas<DestinationsClientOptions>);

/**
 * Creates the client of a database of destinations. It opens connections when they are needed. To check the setup when your
 * service starts, await {@link DestinationsClient.connect}.
 *
 * @throws ConfigurationError if the keys or the connection are missing or malformed, or an option is unknown or not valid.
 *
 * @example
 * ```ts
 * import { createDestinationsClient } from '@consent-io/destinations';
 *
 * const db = createDestinationsClient({
 *   connectionString: process.env.DATABASE_URL,
 *   keys: process.env.DESTINATIONS_ENCRYPTION_KEYS,
 * });
 * const acme = db.forOrganization('0193a1b2-0000-7000-8000-000000000001');
 * const all = await acme.destinations.findByType('posthog', 'production');
 * await db.close();
 * ```
 */
export function createDestinationsClient(
	options: DestinationsClientOptions = {},
): DestinationsClient {
	return new DestinationsClient(options);
}

/** A client of a database of destinations. All reads and writes go through a scope. */
export class DestinationsClient implements AsyncDisposable {
	/** All databases, and which one an organization is on. */
	readonly #databases: ShardMap<ClientDatabase>;
	/** The one of a client that has no more. */
	readonly #only: ClientDatabase | undefined;

	/** @internal Use {@link createDestinationsClient}. */
	constructor(given: DestinationsClientOptions) {
		const options = checkConfiguration(of, clientOptions, given);
		const pool = checkPoolOptions('`pool` of createDestinationsClient()', options.pool);
		const { namedStatements = true, citus = false, onOperation, route } = options;
		const shards = shardsAmong(options, pool);
		const tools = {
			...{ namedStatements, citus, onOperation },
			pool:
				shards === undefined
					? pool
					: shareOfPool(of, pool, shards.length, usualConnections(shards.length)),
			encryption: settingsEncryption(options.keys, options.plaintext),
			testConnection: connectionTester(parseAllowedHosts(options.allowedHosts)),
			seenRows: Math.ceil(maxSeenRows / (shards?.length ?? 1)),
		};
		if (shards === undefined || route === undefined) {
			this.#only = new ClientDatabase(options, tools);
			// At once, so that metrics of its pools begin.
			void this.#only.opened;
			this.#databases = new ShardMap(of, [['', this.#only]], () => '');
			return;
		}
		const databases = shards.map((shard, at) => {
			try {
				return [shard.connectionString, new ClientDatabase(shard, tools)] as const;
			} catch (error) {
				throw ofShard(`shards[${at}] of ${of}`, error);
			}
		});
		refuseTwice(
			of,
			databases.map(([, { place }]) => place),
		);
		this.#databases = new ShardMap(of, databases, route);
	}

	/**
	 * The clients of one organization in a transaction of your own: what they do is committed or rolled back together with
	 * your own writes, by you. Each statement carries the role and the claims. Afterwards, the settings of your connection
	 * are what they were before. A failed statement aborts the transaction, as any other does. The login of your connection
	 * can be any that can switch to the role, even a superuser.
	 *
	 * The scope has no `prisma` and no connection tests. Await its calls before the transaction ends.
	 *
	 * @param organizationId UUID. The service has checked that the caller may act for it.
	 * @throws ValidationError if an id is not a UUID, or `transaction` is not a client.
	 * @throws UnsupportedError from each call, which then does nothing, if `transaction` is not in a transaction, is in
	 * another one by now, or a statement has failed in it.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsClient } from '@consent-io/destinations';
	 * import type { PoolClient } from 'pg';
	 *
	 * declare const db: DestinationsClient;
	 *
	 * async function signUp(client: PoolClient, organizationId: string) {
	 *   await client.query('BEGIN');
	 *   await client.query('INSERT INTO organizations (id) VALUES ($1)', [organizationId]);
	 *   const scope = db.forOrganization(organizationId, { transaction: client });
	 *   await scope.destinations.create({ organizationId, type: 'console', name: 'First', settings: {} });
	 *   await client.query('COMMIT'); // or ROLLBACK, if anything threw
	 * }
	 * ```
	 */
	forOrganization(organizationId: string, options: JoinedScopeOptions): JoinedScope;
	/**
	 * The clients of one organization: they see its rows and no others. It opens no connection, so create one for each
	 * request.
	 *
	 * @param organizationId UUID. The service has checked that the caller may act for it.
	 * @throws ValidationError if an id is not a UUID.
	 * @throws ConfigurationError if `route` returns anything but the URL of a shard.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsClient } from '@consent-io/destinations';
	 *
	 * declare const db: DestinationsClient;
	 *
	 * const acme = db.forOrganization('0193a1b2-0000-7000-8000-000000000001', {
	 *   actorId: '0193a1b2-0000-7000-8000-00000000000a',
	 * });
	 * ```
	 */
	forOrganization(organizationId: string, options?: ScopeOptions): ScopedClient;
	forOrganization(
		organizationId: string,
		options: ScopeOptions | JoinedScopeOptions = {},
	): ScopedClient | JoinedScope {
		const scope = organizationScope(organizationId, options);
		// The scope's id is in the form in which Postgres has it.
		const { opened } = this.#only ?? this.#databases.of(String(scope.organizationId));
		return opening(opened.tenants, scope, opened.tools, options);
	}

	/**
	 * The clients of the service itself in a transaction of your own; see `forOrganization()`.
	 *
	 * @throws ValidationError if `actorId` is not a UUID, `transaction` is not a client, or `shard` is not one of `shards`.
	 * @throws UnsupportedError if the client has several databases, and `shard` does not say which.
	 */
	asService(options: JoinedScopeOptions & ServiceScopeOptions): JoinedScope;
	/**
	 * The clients of the service itself: they see every organization. Do not use them to answer the requests of tenants.
	 *
	 * @throws ValidationError if `actorId` is not a UUID, or `shard` is not one of `shards`.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsClient } from '@consent-io/destinations';
	 *
	 * declare const db: DestinationsClient;
	 *
	 * const month = 30 * 24 * 60 * 60 * 1000;
	 * await db.asService().destinations.purgeDeleted({ olderThan: new Date(Date.now() - month) });
	 * ```
	 */
	asService(options?: ServiceScopeOptions): ScopedClient;
	asService(
		options: ServiceScopeOptions | (JoinedScopeOptions & ServiceScopeOptions) = {},
	): ScopedClient | JoinedScope {
		const scope = serviceScope(options);
		const { opened } = this.#named(options.shard) ?? this.#only ?? {};
		if (opened !== undefined) return opening(opened.service, scope, opened.tools, options);
		if (transactionOf(options) === undefined) return openShardedScope(this.#databases, scope);
		throw new UnsupportedError(
			'A transaction is on one database, and this scope is for all of them. Name the database: asService({ transaction, shard: url }) with one of `shards`.',
		);
	}

	/** @throws ValidationError if it is not the URL of a shard. */
	#named(shard: string | undefined): ClientDatabase | undefined {
		if (shard === undefined) return undefined;
		const named = this.#only === undefined ? this.#databases.at(shard) : undefined;
		if (named !== undefined) return named;
		const message = 'must be the `connectionString` of one of `shards`';
		throw new ValidationError([{ path: ['shard'], message }]);
	}

	/**
	 * Checks that the database answers, that its migrations have run, and that its logins can switch to their roles. The call
	 * is optional: without it, the first statement fails with the same errors.
	 *
	 * @throws ConfigurationError if a login cannot switch to its role, or the migrations have not run.
	 * @throws UnavailableError if the database cannot be reached, or refuses a login.
	 */
	async connect(): Promise<void> {
		const tried = this.#databases.all.map((database) =>
			database.connect().catch((error: unknown) => {
				throw this.#only === undefined ? ofShard(database.place, error) : error;
			}),
		);
		for (const result of await Promise.allSettled(tried)) {
			if (result.status === 'rejected') throw result.reason;
		}
	}

	/**
	 * How many connections are open and idle, and how many calls wait for one. OpenTelemetry has these numbers as metrics.
	 *
	 * @example
	 * ```ts
	 * import type { DestinationsClient } from '@consent-io/destinations';
	 *
	 * declare const db: DestinationsClient;
	 *
	 * const { total, idle, waiting, service } = db.stats();
	 * if (waiting > 0) console.log(`${waiting} calls wait for one of ${total} connections`);
	 * ```
	 */
	stats(): ClientStats {
		if (this.#only !== undefined) return { ...this.#only.stats(), shards: [] };
		return statsOfAll(
			this.#databases.all.map((database) => ({ database: database.place, ...database.stats() })),
		);
	}

	/** Closes all connections, once the statements under way have ended. Open transactions are rolled back. */
	async close(): Promise<void> {
		await Promise.all(this.#databases.all.map((database) => database.close()));
	}

	/** {@link close}, for `await using`. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}

limitArguments(DestinationsClient.prototype, {
	forOrganization: 2,
	asService: 1,
	connect: 0,
	stats: 0,
	close: 0,
	[Symbol.asyncDispose]: 0,
});

const of = 'createDestinationsClient()';

/** As many as pg's pool has at most, and two for each database: a call beside a transaction would wait for ever behind it. */
const usualConnections = (databases: number) => Math.max(10, 2 * databases);

/** The shards that options name; nothing where they are of one database. @throws ConfigurationError if they are of both. */
function shardsAmong(
	options: z.output<typeof clientOptions>,
	pool: PoolConfig,
): Shard[] | undefined {
	const { shards, route, connectionString, serviceConnectionString, replicas } = options;
	if (route === undefined && shards === undefined) return undefined;
	if (route === undefined) {
		throw new ConfigurationError(
			`${of}: with \`shards\`, pass \`route\`, which says which of them an organization is on, or \`connectionString\` for one database.`,
		);
	}
	const ofOne = Object.entries({ connectionString, serviceConnectionString, replicas })
		.filter(([, given]) => given !== undefined)
		.map(([name]) => `\`${name}\``);
	if (pool.host !== undefined || pool.connectionString !== undefined || pool.database !== undefined)
		ofOne.push('an address in `pool`');
	if (ofOne.length > 0) {
		throw new ConfigurationError(
			`${of}: with \`route\`, leave out ${ofOne.join(' and ')}. Name each database in \`shards\`: { connectionString, serviceConnectionString, replicas }.`,
		);
	}
	return shardsOf(of, shards, 'DATABASE_URLS');
}

function opening(
	database: Database,
	scope: Scope,
	tools: ScopeTools,
	options: ScopeOptions | JoinedScopeOptions,
): ScopedClient | JoinedScope {
	const transaction = transactionOf(options);
	return transaction === undefined
		? openScope(database, scope, tools)
		: joinScope(database, scope, tools, transaction);
}

function connectionTester(allowedHosts: readonly string[]): TestConnection {
	return (type, settings, signal) =>
		testSettings(type, settings, { allowedHosts, ...(signal === undefined ? {} : { signal }) });
}
