/** A small service, as one that uses the package is written. It is type-checked, never run. */
import { createServer, type IncomingMessage } from 'node:http';
import {
	createDestinationsClient,
	type Destination,
	DestinationsError,
	redact,
	type ScopedClient,
} from '@consent-io/destinations';
import { z } from 'zod';

const db = createDestinationsClient({
	connectionString: process.env.DATABASE_URL,
	keys: process.env.DESTINATIONS_ENCRYPTION_KEYS,
});

const creation = z.object({
	name: z.string().min(1),
	apiKey: z.string(),
	host: z.url().optional(),
});

async function create(scope: ScopedClient, organizationId: string, body: unknown) {
	const { name, ...settings } = creation.parse(body);
	return scope.destinations.create({
		organizationId,
		type: 'posthog',
		name,
		settings,
		requiredConsent: ['measurement'],
	});
}

async function rename(scope: ScopedClient, id: string, name: string): Promise<Destination> {
	return scope.transaction(async (tx) => {
		const found = await tx.destinations.findById(id);
		if (found === null) throw new Error('There is no such destination');
		return tx.destinations.update(id, { name: name || found.name });
	});
}

async function enabledHosts(scope: ScopedClient): Promise<string[]> {
	const rows = await scope.prisma.destination.findMany({
		where: { enabled: true, name: { startsWith: 'EU' } },
		orderBy: { createdAt: 'desc' },
		take: 10,
	});
	return rows.flatMap((row) => (row.type === 'posthog' ? [row.settings.host] : []));
}

async function answer(request: IncomingMessage, body: unknown): Promise<unknown> {
	const organizationId = String(request.headers['x-organization']);
	const scope = db.forOrganization(organizationId, { actorId: String(request.headers['x-user']) });
	const [, id = ''] = request.url?.split('/') ?? [];
	if (request.method === 'POST') return redact(await create(scope, organizationId, body));
	if (request.method === 'PUT') return redact(await rename(scope, id, String(body)));
	if (request.method === 'DELETE') return scope.destinations.softDelete(id);
	return {
		destinations: (await scope.prisma.destination.findMany()).length,
		hosts: await enabledHosts(scope),
	};
}

createServer((request, response) => {
	answer(request, undefined)
		.then((result) => response.end(JSON.stringify(result)))
		.catch((error: unknown) => {
			response.statusCode =
				error instanceof DestinationsError && error.code === 'NOT_FOUND' ? 404 : 500;
			response.end();
		});
}).listen(3000);
