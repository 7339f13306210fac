import { createDestinationsClient } from '@consent-io/destinations';
import { authenticateWith } from './caller.ts';
import type { Configuration, DataConfiguration } from './configuration.ts';
import { logOptions } from './log.ts';
import { createService } from './service.ts';

export interface RunningService {
	readonly url: string;
	/** Resolves when a signal has stopped the service and nothing of it is under way. */
	readonly stopped: Promise<void>;
}

/** Serves until SIGTERM or SIGINT. */
export async function run(
	{ host, port, logLevel }: Configuration,
	{ tokenSecret, ...data }: DataConfiguration,
): Promise<RunningService> {
	// Without a limit, requests would pile up while the database is unavailable.
	const pool = { connectionTimeoutMillis: 5_000, query_timeout: 15_000 };
	const db = createDestinationsClient({ ...data, pool });
	const app = createService({
		db,
		authenticate: authenticateWith(tokenSecret),
		logger: logOptions(logLevel),
	});
	// A login without its rights shall be found now, not by the first caller.
	await db.connect();
	const url = await app.listen({ host, port });
	return { url, stopped: signalled().then(() => app.close()) };
}

/** A second signal ends the process at once: nobody listens for it any more. */
function signalled(): Promise<void> {
	return new Promise((resolve) => {
		for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
	});
}
