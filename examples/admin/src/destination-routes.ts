import {
	ConsentPurpose,
	type CreateDestinationInput,
	type DestinationPageOptions,
	describeSettings,
	destinationTypes,
	Environment,
	NotFoundError,
	redact,
	type ScopedClient,
	type UpdateDestinationInput,
} from '@consent-io/destinations';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
	interface FastifyRequest {
		scope: OrganizationScope;
	}
}

interface OrganizationScope extends ScopedClient {
	readonly organizationId: string;
}

export interface RouteOptions {
	/** The organization that a request is of, by a proof that its sender cannot forge. */
	readonly scopeOf: (request: FastifyRequest) => OrganizationScope;
}

/** A body that is not even an object is refused before the handler takes it apart. */
const object = { schema: { body: { type: 'object' } } };

type ById = { Params: { id: string } };

/** A change of a form: everything that it shows, and the version that it was filled from. */
type Change = ById & {
	Body: { fields: UpdateDestinationInput & { settings: Record<string, unknown> }; version: number };
};

/**
 * What the page needs. The package checks every value, so nothing is checked here. All that leaves is redacted.
 */
export async function destinationRoutes(
	app: FastifyInstance,
	{ scopeOf }: RouteOptions,
): Promise<void> {
	app.decorateRequest('scope');
	app.addHook('onRequest', async (request) => {
		request.scope = scopeOf(request);
	});

	// All that the page knows of types, purposes and environments.
	app.get('/vocabulary', () => ({
		types: destinationTypes.map(describeSettings),
		purposes: Object.values(ConsentPurpose),
		environments: Object.values(Environment),
	}));

	app.get<{ Querystring: Record<string, string> }>('/destinations', async ({ scope, query }) => {
		const { enabled, ...filter } = query;
		// Whatever a query says that is no filter is refused.
		const wanted = (enabled === undefined ? filter : { ...filter, enabled: enabled === 'true' }) as
			| DestinationPageOptions
			| undefined;
		const { items } = await scope.destinations.list({ ...wanted, limit: 100, unopened: 'mark' });
		return { items: items.map(redact), count: await scope.destinations.count(wanted) };
	});

	app.get('/deleted', async ({ scope }) => {
		const deleted = await scope.prisma.destination.onlyDeleted().findMany({
			select: { id: true, type: true, name: true, environment: true, deletedAt: true },
			orderBy: { deletedAt: 'desc' },
			take: 100,
		});
		return { items: deleted };
	});

	app.post<{ Body: CreateDestinationInput }>(
		'/destinations',
		object,
		async ({ scope, body }, reply) => {
			reply.status(201);
			const { organizationId } = scope;
			return redact(await scope.destinations.create({ ...body, organizationId }));
		},
	);

	app.get<ById>('/destinations/:id', async ({ scope, params }) => {
		const { items } = await scope.destinations.list({ limit: 100, unopened: 'mark' });
		const found = items.find(({ id }) => id === params.id);
		if (found === undefined) throw new NotFoundError('There is no such destination.');
		return redact(found);
	});

	app.put<Change>(
		'/destinations/:id',
		object,
		async ({ scope, params, body: { fields, version } }) => {
			// The form shows masks where secrets are; one that came back as it was stands for the stored secret.
			const options = { expectedVersion: version, keepMasked: true };
			return redact(await scope.destinations.update(params.id, fields, options));
		},
	);

	app.post<ById>('/destinations/:id/test', ({ scope, params }) =>
		scope.destinations.testConnectionOutcome(params.id),
	);

	app.post<ById & { Body: Record<string, unknown> }>(
		'/destinations/:id/test-settings',
		object,
		({ scope, params, body }) =>
			scope.destinations.testSettings(params.id, body, { keepMasked: true }),
	);

	app.post<ById & { Body: { environment: Environment; overwrite?: boolean } }>(
		'/destinations/:id/copy',
		object,
		async ({ scope, params, body: { environment, overwrite } }) =>
			redact(await scope.destinations.copyTo(params.id, environment, { overwrite })),
	);

	app.delete<ById>('/destinations/:id', async ({ scope, params }, reply) => {
		await scope.destinations.softDelete(params.id);
		reply.status(204);
	});

	app.post<ById>('/destinations/:id/restore', async ({ scope, params }, reply) => {
		await scope.destinations.restore(params.id);
		reply.status(204);
	});

	app.get<ById>('/destinations/:id/history', ({ scope, params }) =>
		scope.destinations.history(params.id, { limit: 20 }),
	);

	app.post<ById & { Body: { version: number } }>(
		'/destinations/:id/revert',
		object,
		async ({ scope, params, body }) =>
			redact(await scope.destinations.revert(params.id, body.version)),
	);
}
