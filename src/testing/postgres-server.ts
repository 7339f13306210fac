import { randomBytes } from 'node:crypto';
import { ConfigurationError } from '../errors.ts';
import { parseUrl } from '../input/parse-url.ts';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { dropAll, holdLease, sweep } from './lease.ts';
import { startContainer } from './postgres-container.ts';
import type { StartedServer } from './started-server.ts';

/** A running Postgres server, reached as a superuser. */
export interface PostgresServer {
	/** URL of the maintenance database `postgres`, or of the database that was given. */
	readonly connectionString: string;
	/** What the names of all databases and logins begin with that are made on it. */
	readonly namePrefix: string;
	/** Stops it; a server that was given only loses what was made on it. */
	stop(): Promise<void>;
}

/**
 * Where a Postgres for tests comes from: `embedded` (binaries from npm), `testcontainers` (needs a
 * Docker engine), or the URL of a server on which the login may create databases and roles.
 */
export type PostgresSource = 'embedded' | 'testcontainers' | (string & {});

/** What the environment variable `TEST_POSTGRES` asks for. */
export function postgresSourceFromEnvironment(): PostgresSource {
	return process.env.TEST_POSTGRES || 'embedded';
}

/**
 * Starts a server, or uses one that is there.
 *
 * @throws ConfigurationError if the source is not known, its package is not installed, or it does not start.
 */
export async function startPostgresServer(source: PostgresSource): Promise<PostgresServer> {
	const { connectionString, release } = await open(source);
	const namePrefix = `destinations_test_${randomBytes(4).toString('hex')}`;
	try {
		const lease = await holdLease(connectionString, namePrefix);
		if (release === undefined) await sweep(lease);
		const end = async () => {
			if (release === undefined) await dropAll(lease, namePrefix);
			await lease.end();
			await release?.();
		};
		let ended: Promise<void> | undefined;
		const stop = () => {
			ended ??= end();
			return ended;
		};
		return { connectionString, namePrefix, stop };
	} catch (error) {
		await release?.();
		throw error;
	}
}

async function open(
	source: PostgresSource,
): Promise<StartedServer | { connectionString: string; release?: undefined }> {
	if (source === 'embedded') return startEmbeddedPostgres();
	if (source === 'testcontainers') return startContainer();
	if (!/^postgres(ql)?:\/\//.test(source)) {
		throw new ConfigurationError(
			'TEST_POSTGRES must be "embedded", "testcontainers" or a URL that starts with postgres://',
		);
	}
	if (parseUrl(source) === undefined) {
		throw new ConfigurationError(
			'TEST_POSTGRES cannot be read as a URL. It needs a host, and special characters in user and password must be percent-encoded.',
		);
	}
	return { connectionString: source };
}
