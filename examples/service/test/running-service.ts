import { randomBytes } from 'node:crypto';
import {
	createDestinationsClient,
	type DestinationsClient,
	type DestinationsClientOptions,
} from '@consent-io/destinations';
import { createTestKeys, type TestDatabase } from '@consent-io/destinations/testing';
import { authenticateWith, type Caller, signToken } from '../src/caller.ts';
import { logOptions } from '../src/log.ts';
import { createService } from '../src/service.ts';
import { Api } from './api.ts';

/** The service on a TCP port of its own. */
export interface RunningService {
	readonly url: string;
	/** The client that the service itself uses. */
	readonly db: DestinationsClient;
	/** Every line that it logged. */
	readonly log: readonly string[];
	/** The API as a new user of a new organization, or as this caller. */
	api(caller?: Caller): Promise<Api>;
	stop(): Promise<void>;
}

export async function startService(
	database: TestDatabase,
	options: DestinationsClientOptions = {},
): Promise<RunningService> {
	const log: string[] = [];
	const tokenSecret = randomBytes(32).toString('hex');
	const db = createDestinationsClient({
		...database.logins,
		keys: createTestKeys(),
		pool: { connectionTimeoutMillis: 5_000 },
		...options,
	});
	const app = createService({
		db,
		authenticate: authenticateWith(tokenSecret),
		logger: logOptions('trace', { write: (line: string) => void log.push(line) }),
	});
	const url = await app.listen({ host: '127.0.0.1', port: 0 });
	return {
		url,
		db,
		log,
		api: async (caller) => {
			const known = caller ?? (await createCaller(db));
			return new Api(url, known, await signToken(known, tokenSecret));
		},
		stop: () => app.close(),
	};
}

async function createCaller(db: DestinationsClient): Promise<Caller> {
	const { organization, user } = db.asService().prisma;
	const [{ id: organizationId }, { id: userId }] = await Promise.all([
		organization.create({ data: {} }),
		user.create({ data: {} }),
	]);
	return { organizationId, userId };
}
