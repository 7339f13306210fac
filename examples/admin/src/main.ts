import { createDestinationsClient } from '@consent-io/destinations';
import { createTestKeys, startTestDatabase } from '@consent-io/destinations/testing';
import { createServer } from './server.ts';

// A database, keys and an organization made up for the occasion. Nothing of them is left.
await using database = await startTestDatabase();
await using db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
const { organization, user } = db.asService().prisma;
const { id: organizationId } = await organization.create({ data: {} });
const { id: actorId } = await user.create({ data: {} });

const server = await createServer({
	// A platform finds both in its session; see caller.ts of the service example.
	scopeOf: () => ({ organizationId, ...db.forOrganization(organizationId, { actorId }) }),
});
const port = Number(process.env.PORT ?? 3001);
process.stdout.write(`${await server.listen({ host: '127.0.0.1', port })}\n`);
await new Promise<void>((resolve) => {
	for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
});
await server.close();
