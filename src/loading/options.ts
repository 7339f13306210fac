import type { PoolConfig } from 'pg';
import { z } from 'zod';
import { type Route, routeOption, urlList } from '../database/shards.ts';
import {
	type Keys,
	keysOption,
	type PlaintextPolicy,
	plaintextOption,
} from '../encryption/settings-encryption.ts';
import { ConfigurationError } from '../errors.ts';
import { callback, flag, text, wholeNumber } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import type { OnOperation } from '../telemetry/operations.ts';

/** Options of {@link createDestinationsLoader}. */
export interface DestinationsLoaderOptions {
	/**
	 * URL of the database, or of a standby that streams from it. Its login can switch to `destinations_loader` and to nothing
	 * else. `prisma/grants/logins.sql` creates it.
	 *
	 * @defaultValue the environment variable `DATABASE_LOADER_URL`, unless `pool` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * URLs of databases among which the organizations are divided, with the logins of loaders; see the client's option. Also
	 * pass `route`, and leave out `connectionString`. Each database is polled by itself, and problems of one do not affect
	 * the others: `start()` resolves when at least one answers, and the loader keeps trying the others.
	 *
	 * @defaultValue with `route`, the URLs in the environment variable `DATABASE_LOADER_URLS`, separated by spaces; without
	 * it, one database
	 */
	readonly shards?: readonly string[] | undefined;
	/**
	 * Says which of `shards` an organization is on; see the client's option.
	 *
	 * @defaultValue `undefined`: there is one database
	 */
	readonly route?: Route | undefined;
	/**
	 * Options of pg's pool: timeouts, TLS (https://node-postgres.com/apis/pool). If the address leads to several servers,
	 * leave `max` at 1: destinations must be read from the server that is polled. With `shards`, `max` limits the connections
	 * to all databases together.
	 *
	 * @defaultValue 1 connection to each database; 5 seconds to connect, and 5 for a statement
	 */
	readonly pool?: PoolConfig | undefined;
	/**
	 * The keys that decrypt settings: text such as `id:hex,id:hex`, or a key provider.
	 *
	 * @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS`
	 */
	readonly keys?: Keys | undefined;
	/** What to do with rows whose settings are not encrypted; see the client's option. @defaultValue `'refuse'` */
	readonly plaintext?: PlaintextPolicy | undefined;
	/** Whether statements are kept prepared on each connection; see the client's option. @defaultValue `true` */
	readonly namedStatements?: boolean | undefined;
	/**
	 * Whether the tables are distributed by Citus, and the URL leads to the coordinator; see the client's option. Each poll
	 * then asks every node of the cluster what changed on it.
	 *
	 * @defaultValue `false`
	 */
	readonly citus?: boolean | undefined;
	/**
	 * How many organizations are kept in memory, from 1 to 10,000,000; with `shards`, each has an equal share. An
	 * organization with five destinations takes about 4 KB. Organizations that were not asked for lately make room for
	 * others.
	 *
	 * @defaultValue 50,000
	 */
	readonly maxOrganizations?: number | undefined;
	/**
	 * The interval between polls of the database for changes, in milliseconds, from 10 to 3,600,000. Each interval is up to a
	 * tenth shorter, so that many processes do not ask at the same time.
	 *
	 * @defaultValue 250
	 */
	readonly pollIntervalMillis?: number | undefined;
	/**
	 * How old an answer may be while the database is unavailable, in milliseconds, from twice `pollIntervalMillis` to
	 * 86,400,000. After that, calls fail until the database is back.
	 *
	 * @defaultValue 60,000
	 */
	readonly maxStalenessMillis?: number | undefined;
	/**
	 * Whether `start()` reads every organization, up to `maxOrganizations`, so that the first event of each does not wait
	 * for the database. Settings stay encrypted until they are asked for.
	 *
	 * @defaultValue `false`: each organization is read when it is first asked for
	 */
	readonly preload?: boolean | undefined;
	/**
	 * Called once for each statement that the loader sends, when it has ended; see the client's option. `loader.poll` is the
	 * poll in each interval, `loader.read` reads what is not in memory. Answers from memory are not operations.
	 *
	 * @defaultValue nothing is called
	 */
	readonly onOperation?: OnOperation | undefined;
}

const hour = 3_600_000;

const loaderOptions = optionsOf({
	connectionString: text.optional(),
	shards: urlList.optional(),
	route: routeOption.optional(),
	pool: z.custom<PoolConfig>().optional(),
	keys: keysOption.optional(),
	plaintext: plaintextOption.optional(),
	namedStatements: flag.default(true),
	citus: flag.default(false),
	maxOrganizations: wholeNumber(1, 10_000_000).default(50_000),
	pollIntervalMillis: wholeNumber(10, hour).default(250),
	maxStalenessMillis: wholeNumber(20, 24 * hour).default(60_000),
	preload: flag.default(false),
	onOperation: callback<OnOperation>().optional(),
} satisfies OptionSchemas<DestinationsLoaderOptions>);

/** @throws ConfigurationError if an option is unknown or not valid. */
export function checkLoaderOptions(given: DestinationsLoaderOptions) {
	const options = checkConfiguration('createDestinationsLoader()', loaderOptions, given);
	if (options.maxStalenessMillis < 2 * options.pollIntervalMillis) {
		throw new ConfigurationError(
			'createDestinationsLoader(): maxStalenessMillis must be at least twice pollIntervalMillis, or answers would be too old between two polls.',
		);
	}
	return options;
}

/** Time for a connection, and for a statement, in milliseconds. */
const patience = 5_000;

/**
 * One connection, so that what is loaded comes from the server that is polled, also behind an address of several. A
 * statement that does not end, or whose answer is lost, must not keep that connection: Postgres ends it, and
 * where the network is gone pg does, a little later.
 */
export function poolOptions(pool: PoolConfig, namedStatements: boolean): PoolConfig {
	return {
		max: 1,
		keepAlive: true,
		connectionTimeoutMillis: patience,
		query_timeout: patience + 1_000,
		// A pooler that keeps no statements may refuse what a connection begins with, too.
		...(namedStatements ? { statement_timeout: patience } : {}),
		...pool,
	};
}
