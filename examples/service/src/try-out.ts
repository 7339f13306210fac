import { randomBytes } from 'node:crypto';
import { createDestinationsClient } from '@consent-io/destinations';
import { type Caller, signToken } from './caller.ts';
import type { Configuration, DataConfiguration } from './configuration.ts';
import { run } from './run.ts';

/** Serves with a database, keys and a caller made up for the occasion. Nothing of them is left. */
export async function tryOut(configuration: Configuration): Promise<void> {
	// Only here, because a service in production has no Postgres from npm.
	const { createTestKeys, startTestDatabase } = await import('@consent-io/destinations/testing');
	await using database = await startTestDatabase();
	const tokenSecret = randomBytes(32).toString('hex');
	const data = { ...database.logins, keys: createTestKeys(), tokenSecret };
	const token = await signToken(await createCaller(data), tokenSecret);
	const { url, stopped } = await run(configuration, data);
	process.stdout.write(hints(url, token));
	await stopped;
}

async function createCaller({ tokenSecret: _, ...data }: DataConfiguration): Promise<Caller> {
	await using db = createDestinationsClient(data);
	const { organization, user } = db.asService().prisma;
	const { id: organizationId } = await organization.create({ data: {} });
	const { id: userId } = await user.create({ data: {} });
	return { organizationId, userId };
}

function hints(url: string, token: string): string {
	const settings = {
		pixelId: '123456789012345',
		accessToken: `EAA${randomBytes(20).toString('hex')}`,
	};
	const destination = { type: 'meta-pixel', name: 'Shop', settings };
	const body = `-H 'content-type: application/json' -d '${JSON.stringify(destination)}'`;
	return `
A Postgres of its own runs for as long as the service does. Try in another terminal:

CALLER='authorization: Bearer ${token}'
curl -H "$CALLER" ${body} ${url}/destinations
curl -H "$CALLER" ${url}/destinations
curl ${url}/health

Ctrl-C stops both.

`;
}
