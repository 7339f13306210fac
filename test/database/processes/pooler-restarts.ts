/**
 * A whole Postgres that ends and starts again behind PgBouncer, which its clients do not see. A program of its own, because
 * what starts such a server are modules that Jest does not load. Prints a line for each of its restarts.
 */
import { Server } from '../../../scripts/faults/server.ts';
import { createDestinationsClient, isDatabaseUnavailable } from '../../../src/index.ts';
import { startTestDatabase } from '../../../src/testing/index.ts';
import { Loading } from '../../loading/loading.ts';
import { PgBouncer } from '../../support/pgbouncer.ts';

/** How long clients may take to go on, in milliseconds. */
const patience = 10_000;

await using server = await Server.start();
await using loading = await Loading.on(
	await startTestDatabase({ source: server.connectionString }),
);
const { logins } = loading.database;
const { id, organizationId } = await loading.newDestination();
// It has no use for one, and would have to hear of each end.
await loading.admin.end();

async function goOn(mode: string): Promise<void> {
	await using pooler = await PgBouncer.before(
		[logins.connectionString, logins.serviceConnectionString],
		[
			...[`pool_mode = ${mode}`, 'default_pool_size = 3', 'server_login_retry = 0'],
			'ignore_startup_parameters = options',
		],
	);
	await using db = createDestinationsClient({
		connectionString: pooler.url(logins.connectionString),
		serviceConnectionString: pooler.url(logins.serviceConnectionString),
		keys: loading.keys,
		pool: { max: 3 },
	});
	const { destinations } = db.forOrganization(organizationId);
	for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
		const name = `${mode}, ${signal}`;
		await destinations.update(id, { name });
		await server.restartAfter(signal);
		const until = performance.now() + patience;
		let found: unknown;
		do {
			found = await destinations.findById(id).catch((error: unknown) => error);
		} while (isDatabaseUnavailable(found) && performance.now() < until);
		if (found instanceof Error) throw found;
		process.stdout.write(`${(found as { name: string }).name}\n`);
	}
}

for (const mode of ['session', 'transaction', 'statement']) await goOn(mode);
