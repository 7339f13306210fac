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
	 * URL of the database, with a login that may switch to the role `authenticated`, and to `service_role`
	 * unless {@link serviceConnectionString} is given. It names one host, which leads to the primary server.
	 *
	 * @defaultValue the environment variable `DATABASE_URL`, unless `pool` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * Options of pg's pool: the size, timeouts, TLS (https://node-postgres.com/apis/pool). `max` is of each login, and of each replica; of `shards` it is
	 * of all together.
	 *
	 * @defaultValue 10 connections
	 */
	readonly pool?: PoolConfig | undefined;
	/**
	 * URL with a second login, for `asService()` alone. Then a tenant's connection cannot switch to
	 * `service_role`, even by SQL of its own. `prisma/grants/logins.sql` creates both logins.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, where `connectionString` is left out, too. Without it the login of
	 * `connectionString` serves both
	 */
	readonly serviceConnectionString?: string | undefined;
	/**
	 * URLs of replicas: hot standbys that stream from the primary, each with a login that may switch to the role `authenticated`. In the
	 * scope of an organization, `findById`, `findByOrganization`, `findByType`, `list`, `count` and what Prisma's models read outside
	 * transactions is sent there; all else, and everything of `asService()`, to the primary.
	 *
	 * What this client wrote for an organization is in what that organization reads. What others wrote may be missing, for as long as the replica is
	 * behind: at most 10 seconds, or else the primary answers, as it does for a replica that is unavailable. What must be
	 * current is read in a transaction.
	 *
	 * @defaultValue `[]`: everything is sent to the primary
	 */
	readonly replicas?: readonly string[] | undefined;
	/**
	 * Databases that share the organizations among them: each has all tables, and the rows of some. With `route`, which says where
	 * an organization is, and without `connectionString`, `serviceConnectionString` and `replicas`, which each shard has of its own. `pool.max`
	 * is of all together: each has an equal share, so that none takes another's, and with 10 databases a `max` of 50 is 5 of each. Fewer than one of
	 * each are refused. 10 by default, or two of each where there are more than five databases.
	 *
	 * `forOrganization()` works on the database of that organization alone. `asService()` works on all: lists are merged, a
	 * destination is looked for everywhere unless its organization is named, and Prisma and transactions need `asService({ shard })`.
	 *
	 * @defaultValue with `route`, the environment variable `DATABASE_URLS`: their URLs, with spaces between
	 */
	readonly shards?: readonly (string | Shard)[] | undefined;
	/**
	 * Says on which of `shards` an organization is, by the URL. An organization for which it returns anything else has no scope:
	 * a `CONFIGURATION` error, and nothing is sent.
	 *
	 * @defaultValue there is one database
	 */
	readonly route?: Route | undefined;
	/**
	 * The keys that encrypt and decrypt settings: `id:hex,id:hex`, or a provider.
	 *
	 * @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS`
	 */
	readonly keys?: Keys | undefined;
	/**
	 * What to make of rows whose settings are not encrypted. `allow-read` is for the migration of an older
	 * system: it returns them as they are, while every write encrypts. Afterwards run
	 * `consent-destinations rotate --from-plaintext`, and take it away again.
	 *
	 * @defaultValue `'refuse'`: reading such a row fails with `DECRYPTION_FAILED`
	 */
	readonly plaintext?: PlaintextPolicy | undefined;
	/**
	 * Whether statements are kept prepared on each connection. Turn it off behind a pooler such as PgBouncer, which refuses
	 * what a session must begin with for that ("unsupported startup parameter"). Where a pooler takes it, none is kept all the same,
	 * because sessions there are others', too.
	 *
	 * @defaultValue `true`
	 */
	readonly namedStatements?: boolean | undefined;
	/**
	 * Whether the tables are distributed over the workers of a Citus cluster: prisma/scale/citus.sql was run, and the URL leads to the
	 * coordinator. A connection to a database where it was not is refused; so is one without this option where it was.
	 * There are no `replicas` then: the workers share the reads.
	 *
	 * @defaultValue `false`
	 */
	readonly citus?: boolean | undefined;
	/**
	 * Hosts that connection tests may call besides the providers' own, for self-hosted PostHog:
	 * `posthog.example.com`, or with a port. Each must resolve to public addresses. Never fill it from a
	 * tenant's input.
	 *
	 * @defaultValue `[]`
	 */
	readonly allowedHosts?: readonly string[] | undefined;
	/**
	 * Called once for each operation, when it is over, for logs: with its name, how long it took, whether it threw, the code of
	 * the error, and how many rows the database returned. Never with a value. What it throws reaches nobody.
	 * OpenTelemetry needs no option: where its API is installed and an SDK set up, operations are spans.
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
 * Connects to the database of destinations. Connections are opened when they are needed; to learn at the
 * start whether everything is set up, await {@link DestinationsClient.connect}.
 *
 * @throws ConfigurationError if the keys or the connection are missing or malformed, or an option is unknown.
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

/** A connection to the database of destinations. Nothing can be read or written but through a scope. */
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
	 * The clients of one organization in a transaction of your own: what they do is committed and rolled back with your tables, by you. Role
	 * and claims go with each statement, and what your connection has set stands after it as before; a failed
	 * statement aborts the transaction, as any does. The database's login may be any that may switch to the role, a superuser's too.
	 *
	 * There is no `prisma` in it and no connection test. Await its calls before the transaction ends.
	 *
	 * @param organizationId UUID. The service has checked that the caller may act for it.
	 * @throws ValidationError if an id is not a UUID, or `transaction` is not a client.
	 * @throws UnsupportedError by each call, which then does nothing, if `transaction` is not in a transaction or in another one by
	 * now, or a statement failed in it before.
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
	 *   await client.query('COMMIT'); // or ROLLBACK, where anything threw
	 * }
	 * ```
	 */
	forOrganization(organizationId: string, options: JoinedScopeOptions): JoinedScope;
	/**
	 * The clients of one organization: they see its rows and no others. Opens no connection; make one for
	 * each request.
	 *
	 * @param organizationId UUID. The service has checked that the caller may act for it.
	 * @throws ValidationError if an id is not a UUID.
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
	 * The clients of the system itself in a transaction of your own, as `forOrganization()` has it.
	 *
	 * @throws ValidationError if `actorId` is not a UUID, or `transaction` is not a client.
	 */
	asService(options: JoinedScopeOptions & ServiceScopeOptions): JoinedScope;
	/**
	 * The clients of the system itself: they see every organization. Keep them out of the way of requests.
	 *
	 * @throws ValidationError if `actorId` is not a UUID.
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
			'A transaction is on one database, and this scope is of all. Name it: asService({ transaction, shard: url }) with one of `shards`.',
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
	 * Checks that the database answers, that its migrations have run, and that the logins may switch to their roles. Optional:
	 * without it the first statement finds out.
	 *
	 * @throws ConfigurationError if a login may not switch to its role, or the tables do not exist.
	 * @throws UnavailableError if the database cannot be reached, or does not let a login in.
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
	 * How many connections are open, idle and waited for. OpenTelemetry has them as metrics.
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

	/** Closes all connections. Statements under way are waited for; open transactions are rolled back. */
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
			`${of}: with \`shards\`, \`route\` says on which of them an organization is. Pass it, or \`connectionString\` for one database.`,
		);
	}
	const ofOne = Object.entries({ connectionString, serviceConnectionString, replicas })
		.filter(([, given]) => given !== undefined)
		.map(([name]) => `\`${name}\``);
	if (pool.host !== undefined || pool.connectionString !== undefined || pool.database !== undefined)
		ofOne.push('an address in `pool`');
	if (ofOne.length > 0) {
		throw new ConfigurationError(
			`${of}: with \`route\`, ${ofOne.join(' and ')} would be of no database. Name each database in \`shards\`: { connectionString, serviceConnectionString, replicas }.`,
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
