import type { PoolConfig } from 'pg';
import { z } from 'zod';
import { withDatabaseAddress } from '../database/database-address.ts';
import { checkPoolOptions } from '../database/pg-options.ts';
import { RecentWrites } from '../database/recent-writes.ts';
import { Replicas, replicaConfigs } from '../database/replicas.ts';
import {
	type JoinedScopeOptions,
	organizationScope,
	type Scope,
	type ScopeOptions,
	serviceScope,
	transactionOf,
} from '../database/scope.ts';
import { translateErrors } from '../database/translate-errors.ts';
import { parseAllowedHosts, testSettings } from '../destinations/connection-test/test-settings.ts';
import {
	type Keys,
	keysOption,
	type PlaintextPolicy,
	plaintextOption,
} from '../encryption/settings-encryption.ts';
import { ConfigurationError } from '../errors.ts';
import { limitArguments } from '../input/argument-count.ts';
import { callback, flag, text } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import { settingsEncryption } from '../prisma/extension/destinations-extension.ts';
import type { TestConnection } from '../repository/connection-test.ts';
import { ConnectionTests } from '../repository/connection-tests.ts';
import { SeenRows } from '../repository/seen-rows.ts';
import type { OnOperation } from '../telemetry/operations.ts';
import { type Database, openDatabase } from './database.ts';
import {
	type JoinedScope,
	joinScope,
	openScope,
	type ScopedClient,
	type ScopeTools,
} from './open-scope.ts';

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
	 * Options of pg's pool: the size, timeouts, TLS (https://node-postgres.com/apis/pool).
	 *
	 * @defaultValue 10 connections
	 */
	readonly pool?: PoolConfig | undefined;
	/**
	 * URL with a second login, for `asService()` alone. Then a tenant's connection cannot switch to
	 * `service_role`, even by SQL of its own. `prisma/grants/logins.sql` creates both logins.
	 *
	 * @defaultValue the login of `connectionString` serves both
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
	 * The keys that seal and open settings: `id:hex,id:hex`, or a provider.
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

/** Connections to the database at this moment. */
export interface ConnectionStats {
	/** Open connections, those that are in use and those that are idle. */
	readonly total: number;
	/** Those that nobody uses. */
	readonly idle: number;
	/** Calls that wait for one. */
	readonly waiting: number;
}

/** Connections to a replica, and whether it is read. */
export interface ReplicaStats extends ConnectionStats {
	/** Whether reads are sent there. Not so after it did not answer, or was too far behind, until it is tried again. */
	readonly isUsed: boolean;
}

/** Connections of a client: of both logins together, and of each. */
export interface ClientStats extends ConnectionStats {
	/** Of the login that serves organizations. */
	readonly tenants: ConnectionStats;
	/** Of the login of `asService()`: the same as `tenants`, where one login serves both. */
	readonly service: ConnectionStats;
	/** To the replicas, in their order. They do not count above. */
	readonly replicas: readonly ReplicaStats[];
}

const clientOptions = optionsOf({
	connectionString: text.optional(),
	pool: z.custom<PoolConfig>().optional(),
	serviceConnectionString: text.optional(),
	replicas: z.array(text, { error: 'must be a list of URLs' }).optional(),
	keys: keysOption.optional(),
	plaintext: plaintextOption.optional(),
	namedStatements: flag.optional(),
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
	readonly #tenants: Database;
	readonly #service: Database;
	readonly #replicas: Replicas | undefined;
	readonly #tools: ScopeTools;

	/** @internal Use {@link createDestinationsClient}. */
	constructor(given: DestinationsClientOptions) {
		const options = checkConfiguration('createDestinationsClient()', clientOptions, given);
		const pool = checkPoolOptions('`pool` of createDestinationsClient()', options.pool);
		const encryption = settingsEncryption(options.keys, options.plaintext);
		const { namedStatements = true, onOperation, serviceConnectionString } = options;
		const writes = options.replicas?.length ? new RecentWrites() : undefined;
		const onUsed = writes?.note.bind(writes);
		const open = (config: PoolConfig, roleAtRest: Scope['role'], login?: string) =>
			openDatabase(config, {
				...{ namedStatements, onOperation, onUsed, roleAtRest },
				...(login && { login }),
			});
		const tests = new ConnectionTests(connectionTester(parseAllowedHosts(options.allowedHosts)));
		const tenants = serviceConnectionString === undefined ? undefined : 'tenants';
		const address = withDatabaseAddress(options.connectionString, pool, 'pool');
		const replicas = replicaConfigs(options.replicas ?? [], pool);
		// Without claims it sees nothing, also where the same login serves both scopes.
		this.#tenants = open(address, 'authenticated', tenants);
		if (serviceConnectionString === '') {
			throw new ConfigurationError(
				'`serviceConnectionString` is empty. Leave it out, or pass the URL of the second login.',
			);
		}
		this.#service =
			serviceConnectionString === undefined
				? this.#tenants
				: open(
						withDatabaseAddress(serviceConnectionString, pool, 'pool'),
						'service_role',
						'service',
					);
		this.#replicas = writes && new Replicas(replicas, writes, namedStatements);
		this.#tools = { encryption, tests, seen: new SeenRows(), replicas: this.#replicas, writes };
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
		return this.#open(this.#tenants, organizationScope(organizationId, options), options);
	}

	/**
	 * The clients of the system itself in a transaction of your own, as `forOrganization()` has it.
	 *
	 * @throws ValidationError if `actorId` is not a UUID, or `transaction` is not a client.
	 */
	asService(options: JoinedScopeOptions): JoinedScope;
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
	asService(options?: ScopeOptions): ScopedClient;
	asService(options: ScopeOptions | JoinedScopeOptions = {}): ScopedClient | JoinedScope {
		return this.#open(this.#service, serviceScope(options), options);
	}

	#open(
		database: Database,
		scope: Scope,
		options: ScopeOptions | JoinedScopeOptions,
	): ScopedClient | JoinedScope {
		const transaction = transactionOf(options);
		return transaction === undefined
			? openScope(database, scope, this.#tools)
			: joinScope(database, scope, this.#tools, transaction);
	}

	/**
	 * Checks that the database answers and that the logins may switch to their roles. Optional: without it
	 * the first statement finds out.
	 *
	 * @throws ConfigurationError if a login may not switch to its role.
	 * @throws UnavailableError if the database cannot be reached, or does not let a login in.
	 */
	async connect(): Promise<void> {
		// By way of Prisma, which is loaded then and finds out what is wrong with its adapter.
		const logins = [
			{ database: this.#tenants, scope: this.forOrganization(nobody) },
			{ database: this.#service, scope: this.asService() },
		];
		for (const { database, scope } of logins) {
			const ask = () => translateErrors(scope.prisma.$queryRaw`SELECT 1`);
			await database.pool.operations.run(connecting, ask);
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
		const [tenants, service] = [statsOf(this.#tenants), statsOf(this.#service)];
		const replicas = this.#replicas?.counts() ?? [];
		if (this.#tenants === this.#service) return { ...tenants, tenants, service, replicas };
		return {
			total: tenants.total + service.total,
			idle: tenants.idle + service.idle,
			waiting: tenants.waiting + service.waiting,
			...{ tenants, service, replicas },
		};
	}

	/** Closes all connections. Statements under way are waited for; open transactions are rolled back. */
	async close(): Promise<void> {
		await Promise.all([this.#tenants.close(), this.#service.close(), this.#replicas?.close()]);
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

const connecting = { name: 'connect', operation: 'connect' };

function statsOf({ pool }: Database): ConnectionStats {
	const { total, idle, waiting } = pool.counts();
	return { total, idle, waiting };
}

/** The nil UUID (RFC 9562, section 5.9), which no organization has. */
const nobody = '00000000-0000-0000-0000-000000000000';

function connectionTester(allowedHosts: readonly string[]): TestConnection {
	return (type, settings, signal) =>
		testSettings(type, settings, { allowedHosts, ...(signal === undefined ? {} : { signal }) });
}
