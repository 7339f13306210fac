import { createDestinationsClient, rotateKeys, type ScopedClient } from '../../src/index.ts';
import { posthog, posthogKey } from './destinations.ts';
import type { Service } from './service.ts';

export const otherKey = `phc_${'n3W'.repeat(14)}`;
const thirdKey = `phc_${'x'.repeat(30)}`;
const newRing = (keys: string) => `new:${'a1b2'.repeat(16)},${keys}`;

/** A destination, and those who do something to it. */
interface Place {
	readonly service: Service;
	readonly id: string;
	readonly organizationId: string;
	/** Of another client, which is another process's. */
	readonly destinations: ScopedClient['destinations'];
	/** The client that saw the destination. */
	readonly seeing: ScopedClient;
}

/** What may happen to a destination between the time that a client saw it and that client's change. */
const events: Record<string, (place: Place) => Promise<unknown>> = {
	nothing: async () => {},
	'another name': ({ destinations, id }) => destinations.update(id, { name: 'Changed' }),
	'the new settings': ({ destinations, id }) =>
		destinations.update(id, { settings: { apiKey: otherKey } }),
	'another environment': ({ destinations, id }) =>
		destinations.update(id, { environment: 'development' }),
	'other settings': ({ destinations, id }) =>
		destinations.update(id, { settings: { apiKey: thirdKey } }),
	'new settings and the old ones again': async ({ destinations, id }) => {
		await destinations.update(id, { settings: { apiKey: otherKey } });
		await destinations.update(id, { settings: { apiKey: posthogKey } });
	},
	'a deletion': ({ destinations, id }) => destinations.softDelete(id),
	'a deletion and a restoration': async ({ destinations, id }) => {
		await destinations.softDelete(id);
		await destinations.restore(id);
	},
	'a purge': async ({ service, destinations, id }) => {
		await destinations.softDelete(id);
		await service.db.asService().destinations.purge(id);
	},
	'the place in staging taken': ({ destinations, organizationId }) =>
		destinations.create({ ...posthog(organizationId), environment: 'staging' }),
	'the keys rotated': ({ service }) =>
		rotateKeys({ connectionString: service.connectionString, keys: newRing(service.keys) }),
	'settings that do not open': ({ service, id }) =>
		service.admin.query(
			`UPDATE destinations SET settings = jsonb_set(settings, '{ct}', '"AAAA"') WHERE id = $1`,
			[id],
		),
	"a transaction of the client's repository that is rolled back, and then other settings": async ({
		seeing,
		destinations,
		id,
	}) => {
		await rolledBack(seeing, (transaction) =>
			transaction.destinations.update(id, { settings: { apiKey: otherKey } }),
		);
		await destinations.update(id, { settings: { apiKey: thirdKey } });
	},
	"a transaction of the client's Prisma that is rolled back, and then other settings": async ({
		seeing,
		destinations,
		id,
	}) => {
		const where = { id };
		await rolledBack(seeing, async ({ prisma }) => {
			const data = { settings: { apiKey: otherKey } };
			await prisma.destination.update({ where, data });
			await prisma.destination.findUnique({ where });
		});
		await destinations.update(id, { settings: { apiKey: thirdKey } });
	},
};

export const meanwhile = Object.keys(events);

async function rolledBack(scope: ScopedClient, work: Parameters<ScopedClient['transaction']>[0]) {
	const changedMyMind = scope.transaction(async (transaction) => {
		await work(transaction);
		throw new Error('changed my mind');
	});
	await changedMyMind.catch(() => {});
}

/** What comes of a call after others did something, by a client that saw the destination before that, or by one that did not. */
export async function outcome(
	service: Service,
	happens: string,
	see: ((scope: ScopedClient, id: string) => PromiseLike<unknown>) | undefined,
	call: (scope: ScopedClient, id: string) => PromiseLike<unknown>,
) {
	const organizationId = await service.createOrganization();
	const other = service.db.forOrganization(organizationId);
	const { id } = await other.destinations.create(posthog(organizationId));
	const open = () =>
		createDestinationsClient({
			connectionString: service.connectionString,
			keys: newRing(service.keys),
		});
	const clients = { seeing: open(), unseeing: open() };
	try {
		const seeing = clients.seeing.forOrganization(organizationId);
		await see?.(seeing, id);
		const { destinations } = other;
		await events[happens]?.({ service, id, organizationId, destinations, seeing });
		const scope = see ? seeing : clients.unseeing.forOrganization(organizationId);
		const result = await call(scope, id).then(
			(written) => written,
			(error: Error) => ({ error, message: error.message }),
		);
		const { items } = await clients.unseeing.asService().audit.list({ destinationId: id });
		const read = await scope.destinations.findById(id).catch((error: Error) => error);
		const log = items.map(({ action, version, changes, settings }) => {
			return { action, version, changes, settings };
		});
		return comparable({ result, log, read }, [id, organizationId]);
	} finally {
		await Promise.all([clients.seeing, clients.unseeing].map((client) => client.close()));
	}
}

/** Without what differs from row to row. */
function comparable(value: unknown, ids: readonly string[]): unknown {
	const text = JSON.stringify(value, (name, member) =>
		['createdAt', 'updatedAt', 'stack'].includes(name) ? undefined : member,
	);
	const neutral = ids.reduce((result, id, index) => result.replaceAll(id, `id ${index}`), text);
	return JSON.parse(neutral.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)/g, 'a time'));
}
