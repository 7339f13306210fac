import { ConfigurationError } from '../errors.ts';
import type { StartedServer } from './started-server.ts';

/** Starts a Postgres in a container. Testcontainers removes it when this process dies. */
export async function startContainer(): Promise<StartedServer> {
	const { PostgreSqlContainer } = await import('@testcontainers/postgresql').catch((error) => {
		throw new ConfigurationError(
			isMissing(error)
				? 'TEST_POSTGRES=testcontainers needs the package @testcontainers/postgresql. Run `npm install --save-dev @testcontainers/postgresql`.'
				: '@testcontainers/postgresql could not be loaded; its releases from 12 on need Node 22.22 or later. Use another Node, an earlier release, or TEST_POSTGRES=embedded.',
			{ cause: error },
		);
	});
	const container = await new PostgreSqlContainer('postgres:18-alpine')
		// Test data is thrown away, so it need not survive a crash of the machine.
		.withCommand([
			'postgres',
			...['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'].flatMap((flag) => [
				'-c',
				flag,
			]),
		])
		.start()
		.catch((error: unknown) => {
			throw new ConfigurationError(
				'TEST_POSTGRES=testcontainers needs a Docker engine, and none answered. Start one, or leave TEST_POSTGRES unset for the embedded Postgres.',
				{ cause: error },
			);
		});
	return {
		connectionString: container.getConnectionUri(),
		release: async () => {
			await container.stop();
		},
	};
}

/** In an ES module, and in CommonJS. */
function isMissing(error: { readonly code?: unknown }): boolean {
	return error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
}
