import type { PoolConfig } from 'pg';
import { placeOf, serviceUrlBeside, withDatabaseAddress } from '../database/database-address.ts';
import { RecentWrites } from '../database/recent-writes.ts';
import { Replicas, replicaConfigs } from '../database/replicas.ts';
import { organizationScope, type Scope, serviceScope } from '../database/scope.ts';
import type { Shard } from '../database/shards.ts';
import { translateErrors } from '../database/translate-errors.ts';
import { SeenRows } from '../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ConfigurationError } from '../errors.ts';
import type { TestConnection } from '../repository/connection-test.ts';
import { ConnectionTests } from '../repository/connection-tests.ts';
import type { OnOperation } from '../telemetry/operations.ts';
import { type Database, openDatabase } from './database.ts';
import { openScope, type ScopeTools } from './open-scope.ts';
import { type ConnectionStats, type DatabaseStats, none, sumOf } from './stats.ts';

/** What all databases of a client have in common. */
export interface ClientTools {
	/** Options of pg, but for the address. */
	readonly pool: PoolConfig;
	readonly namedStatements: boolean;
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
	readonly onOperation: OnOperation | undefined;
	readonly encryption: SettingsEncryption;
	readonly testConnection: TestConnection;
	/** How many rows of a database are remembered for updates in one round trip. */
	readonly seenRows: number;
}

interface ConnectionString {
	/** @defaultValue as `withDatabaseAddress` finds it */
	readonly connectionString?: string | undefined;
}

/** Where a database and its replicas are, as it was checked. */
interface Addresses {
	readonly tenants: PoolConfig;
	readonly service: PoolConfig | undefined;
	readonly replicas: readonly PoolConfig[];
}

/** A database with its pools. */
interface Opened {
	readonly tenants: Database;
	/** The same, where one login serves both. */
	readonly service: Database;
	readonly replicas: Replicas | undefined;
	readonly tools: ScopeTools;
}

/** One database of a client, with the pools of its logins and of its replicas. They are made when it is first used. */
export class ClientDatabase {
	/** Host, port and name, for errors and statistics. */
	readonly place: string;
	readonly #addresses: Addresses;
	readonly #tools: ClientTools;
	#opened: Opened | undefined;
	#closed = false;

	/** @throws ConfigurationError if an address is missing or cannot be read. */
	constructor(given: Omit<Shard, 'connectionString'> & ConnectionString, tools: ClientTools) {
		const { connectionString, replicas = [] } = given;
		const { pool, citus } = tools;
		const { serviceConnectionString = serviceUrlBeside(connectionString, pool) } = given;
		if (citus && replicas.length > 0) {
			throw new ConfigurationError(
				'With `citus` there are no `replicas`. Leave them out: the workers of the cluster share the reads.',
			);
		}
		const tenants = withDatabaseAddress(connectionString, pool, 'pool');
		const replicaPools = replicaConfigs(replicas, pool);
		if (serviceConnectionString === '') {
			throw new ConfigurationError(
				'`serviceConnectionString` is empty. Leave it out, or pass the URL of the second login.',
			);
		}
		const service =
			serviceConnectionString === undefined
				? undefined
				: withDatabaseAddress(serviceConnectionString, pool, 'pool');
		const { host, port, database } = placeOf(tenants);
		this.place = `${host}:${port}/${database}`;
		this.#addresses = { tenants, service, replicas: replicaPools };
		this.#tools = tools;
	}

	get opened(): Opened {
		if (this.#opened !== undefined) return this.#opened;
		this.#opened = open(this.#addresses, this.#tools);
		if (this.#closed) {
			// Its pools refuse whatever is asked of them, as those that were open do.
			const { tenants, service, replicas } = this.#opened;
			void Promise.all([tenants.pool.close(), service.pool.close(), replicas?.close()]);
		}
		return this.#opened;
	}

	/** @throws ConfigurationError and UnavailableError as `DestinationsClient.connect` says. */
	async connect(): Promise<void> {
		const { tenants, service, tools } = this.opened;
		// By way of Prisma, which is loaded then and finds out what is wrong with its adapter.
		const logins = [
			{ database: tenants, scope: openScope(tenants, organizationScope(nobody, {}), tools) },
			{ database: service, scope: openScope(service, serviceScope({}), tools) },
		];
		for (const { database, scope } of logins) {
			const ask = () =>
				translateErrors(scope.prisma.$queryRaw`SELECT 1 FROM public.destinations LIMIT 0`);
			await database.pool.operations.run(connecting, ask);
		}
	}

	stats(): DatabaseStats {
		if (this.#opened === undefined) return { ...none, tenants: none, service: none, replicas: [] };
		const { tenants, service, replicas } = this.#opened;
		const each = { tenants: statsOf(tenants), service: statsOf(service) };
		const all = tenants === service ? each.tenants : sumOf([each.tenants, each.service]);
		return { ...all, ...each, replicas: replicas?.counts() ?? [] };
	}

	async close(): Promise<void> {
		this.#closed = true;
		if (this.#opened === undefined) return;
		const { tenants, service, replicas } = this.#opened;
		await Promise.all([tenants.close(), service.close(), replicas?.close()]);
	}
}

function open({ tenants, service, replicas }: Addresses, tools: ClientTools): Opened {
	const { namedStatements, citus, onOperation, encryption, testConnection, seenRows } = tools;
	const writes = replicas.length > 0 ? new RecentWrites() : undefined;
	const onUsed = writes?.note.bind(writes);
	const openAs = (config: PoolConfig, roleAtRest: Scope['role'], login: string) =>
		openDatabase(config, {
			...{ namedStatements, citus, onOperation, onUsed, roleAtRest },
			...(service && { login }),
		});
	// Without claims it sees nothing, also where the same login serves both scopes.
	const ofTenants = openAs(tenants, 'authenticated', 'tenants');
	const standbys = writes && new Replicas(replicas, writes, namedStatements);
	return {
		tenants: ofTenants,
		service: service === undefined ? ofTenants : openAs(service, 'service_role', 'service'),
		replicas: standbys,
		tools: {
			...{ encryption, writes, replicas: standbys },
			tests: new ConnectionTests(testConnection),
			seen: new SeenRows(seenRows),
		},
	};
}

const connecting = { name: 'connect', operation: 'connect' };

function statsOf({ pool }: Database): ConnectionStats {
	const { total, idle, waiting } = pool.counts();
	return { total, idle, waiting };
}

/** The nil UUID (RFC 9562, section 5.9), which no organization has. */
const nobody = '00000000-0000-0000-0000-000000000000';
