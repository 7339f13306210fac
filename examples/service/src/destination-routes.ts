import {
	type Destination,
	type DestinationsClient,
	NotFoundError,
	redact,
	type ScopedClient,
} from '@consent-io/destinations';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Authenticate, Caller } from './caller.ts';
import { changeOf, creationOf, expectedVersion, idOf, pageQuery } from './requests.ts';

declare module 'fastify' {
	interface FastifyRequest {
		/** Who calls, and the clients of the caller's organization alone. Set before any handler runs. */
		scope: Caller & ScopedClient;
	}
}

export interface DestinationRoutesOptions {
	readonly db: DestinationsClient;
	readonly authenticate: Authenticate;
}

/** The destinations of the caller's organization. No handler can reach another's: it is not in its scope. */
export async function destinationRoutes(
	app: FastifyInstance,
	{ db, authenticate }: DestinationRoutesOptions,
): Promise<void> {
	app.decorateRequest('scope');
	app.addHook('onRequest', async (request) => {
		const caller = await authenticate(request.headers.authorization);
		const scope = db.forOrganization(caller.organizationId, { actorId: caller.userId });
		request.scope = { ...caller, ...scope };
	});

	app.get('/', async ({ scope, query }) => {
		const { items, nextCursor } = await scope.destinations.list(pageQuery.parse(query));
		return { items: items.map(redact), nextCursor };
	});

	app.post('/', async ({ scope, body }, reply) => {
		const made = await scope.destinations.create(creationOf(body, scope.organizationId));
		reply.status(201).header('location', `${app.prefix}/${made.id}`);
		return answer(reply, made);
	});

	app.get('/:id', async ({ scope, params }, reply) => {
		return answer(reply, await found(scope, idOf(params)));
	});

	app.patch('/:id', async ({ scope, params, body, headers }, reply) => {
		return answer(
			reply,
			await change(scope, idOf(params), changeOf(body), expectedVersion(headers['if-match'])),
		);
	});

	app.delete('/:id', async ({ scope, params }, reply) => {
		await scope.destinations.softDelete(idOf(params));
		reply.status(204);
	});

	// No body, as its settings may not open: what was restored must not be answered as a failure.
	app.post('/:id/restore', async ({ scope, params }, reply) => {
		await scope.destinations.restore(idOf(params));
		reply.status(204);
	});

	app.post('/:id/test', async ({ scope, params }) => {
		return scope.destinations.testConnectionOutcome(idOf(params));
	});
}

async function found(scope: ScopedClient, id: string): Promise<Destination> {
	const destination = await scope.destinations.findById(id);
	if (destination === null) throw new NotFoundError('There is no such destination.');
	return destination;
}

/** One call where one is enough: inside a transaction the audit log learns no names of settings. */
async function change(
	scope: ScopedClient,
	id: string,
	{ fields, settings }: ReturnType<typeof changeOf>,
	expected: number | undefined,
): Promise<Destination> {
	const options = { expectedVersion: expected };
	if (settings === undefined) return scope.destinations.update(id, fields, options);
	if (Object.keys(fields).length === 0) {
		return scope.destinations.patchSettings(id, settings, options);
	}
	return scope.transaction(async (tx) => {
		const { version } = await tx.destinations.update(id, fields, options);
		return tx.destinations.patchSettings(id, settings, { expectedVersion: version });
	});
}

/** Nothing leaves but through here or `list`, both of which mask every secret. */
function answer(reply: FastifyReply, destination: Destination) {
	reply.header('etag', `"${destination.version}"`);
	return redact(destination);
}
