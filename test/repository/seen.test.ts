import {
	createDestinationsClient,
	type DestinationsClient,
	rotateKeys,
	type ScopedClient,
} from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

// A client that knows a destination writes new settings without reading it. Whatever happened since, the same comes of it as of
// a client that never saw the destination.

const otherKey = `phc_${'n3W'.repeat(14)}`;
const newRing = (keys: string) => `new:${'a1b2'.repeat(16)},${keys}`;

let service: Service;
beforeAll(async () => {
	service = await startService();
});
afterAll(async () => {
	await service.stop();
});

type Destinations = ScopedClient['destinations'];

const changes: Record<string, (d: Destinations, id: string) => Promise<unknown>> = {
	'update of settings': (d, id) => d.update(id, { settings: { apiKey: otherKey } }),
	'update of name and settings': (d, id) =>
		d.update(id, { name: 'Other', settings: { apiKey: otherKey, enableServerSide: false } }),
	'update of settings and environment': (d, id) =>
		d.update(id, { environment: 'staging', settings: { apiKey: otherKey } }),
	'update with the same settings': (d, id) => d.update(id, { settings: { apiKey: posthogKey } }),
	'update with the same settings and another name': (d, id) =>
		d.update(id, { name: 'Other', settings: { apiKey: posthogKey } }),
	'update with settings that are not valid': (d, id) =>
		d.update(id, { settings: { apiKey: 'none' } }),
	'update at the first version': (d, id) =>
		d.update(id, { settings: { apiKey: otherKey } }, { expectedVersion: 1 }),
	'update at the second version': (d, id) =>
		d.update(id, { settings: { apiKey: otherKey } }, { expectedVersion: 2 }),
	patchSettings: (d, id) => d.patchSettings(id, { host: 'https://us.i.posthog.com' }),
	'patchSettings at the first version': (d, id) =>
		d.patchSettings(id, { apiKey: otherKey }, { expectedVersion: 1 }),
	'patchSettings of a form': (d, id) =>
		d.patchSettings(id, { apiKey: otherKey, host: null }, { keepMasked: true }),
	'patchSettings with nothing': (d, id) => d.patchSettings(id, {}),
};

interface Place {
	readonly id: string;
	readonly organizationId: string;
	/** Of another client, which is another process's. */
	readonly destinations: Destinations;
}

const meanwhile: Record<string, (place: Place) => Promise<unknown>> = {
	nothing: async () => {},
	'another name': ({ destinations, id }) => destinations.update(id, { name: 'Changed' }),
	'the new settings': ({ destinations, id }) =>
		destinations.update(id, { settings: { apiKey: otherKey } }),
	'another environment': ({ destinations, id }) =>
		destinations.update(id, { environment: 'development' }),
	'other settings': ({ destinations, id }) =>
		destinations.update(id, { settings: { apiKey: `phc_${'x'.repeat(30)}` } }),
	'new settings and the old ones again': async ({ destinations, id }) => {
		await destinations.update(id, { settings: { apiKey: otherKey } });
		await destinations.update(id, { settings: { apiKey: posthogKey } });
	},
	'a deletion': ({ destinations, id }) => destinations.softDelete(id),
	'a deletion and a restoration': async ({ destinations, id }) => {
		await destinations.softDelete(id);
		await destinations.restore(id);
	},
	'a purge': async ({ destinations, id }) => {
		await destinations.softDelete(id);
		await service.db.asService().destinations.purge(id);
	},
	'the place in staging taken': ({ destinations, organizationId }) =>
		destinations.create({ ...posthog(organizationId), environment: 'staging' }),
	'the keys rotated': () =>
		rotateKeys({ connectionString: service.connectionString, keys: newRing(service.keys) }),
	'settings that do not open': ({ id }) =>
		service.admin.query(
			`UPDATE destinations SET settings = jsonb_set(settings, '{ct}', '"AAAA"') WHERE id = $1`,
			[id],
		),
	'a transaction of the client that is rolled back, and then other settings': async ({
		destinations,
		id,
		organizationId,
	}) => {
		const scope = seeing.forOrganization(organizationId);
		const given = scope.transaction(async ({ destinations }) => {
			await destinations.update(id, { settings: { apiKey: otherKey } });
			throw new Error('changed my mind');
		});
		await given.catch(() => {});
		await destinations.update(id, { settings: { apiKey: `phc_${'x'.repeat(30)}` } });
	},
};

let seeing: DestinationsClient;

/** What comes of a change after others did something, by a client that saw the destination before that, or by one that did not. */
async function outcome(saw: boolean, done: string, change: string) {
	const organizationId = await service.createOrganization();
	const other = service.db.forOrganization(organizationId);
	const { id } = await other.destinations.create(posthog(organizationId));
	const options = { connectionString: service.connectionString, keys: newRing(service.keys) };
	seeing = createDestinationsClient(options);
	const unseeing = createDestinationsClient(options);
	try {
		await seeing.forOrganization(organizationId).destinations.findById(id);
		await meanwhile[done]?.({ id, organizationId, destinations: other.destinations });
		const { destinations } = (saw ? seeing : unseeing).forOrganization(organizationId);
		const result = await changes[change]?.(destinations, id).then(
			(written) => written,
			(error: Error) => ({ error, message: error.message }),
		);
		const { items } = await unseeing.asService().audit.list({ destinationId: id });
		const read = await destinations.findById(id).catch((error: Error) => error);
		const written = items.map(({ action, version, changes }) => ({ action, version, changes }));
		return comparable({ result, written, read }, [id, organizationId]);
	} finally {
		await Promise.all([seeing.close(), unseeing.close()]);
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

describe.each(Object.keys(meanwhile))('after %s', (done) => {
	test.each(Object.keys(changes))(
		'%s does the same, whether it was seen before or not',
		async (change) => {
			expect(await outcome(true, done, change)).toEqual(await outcome(false, done, change));
		},
	);
});

test('what another organization saw is not known to a scope', async () => {
	const [own, foreign] = [await service.createOrganization(), await service.createOrganization()];
	const { id } = await service.db.forOrganization(own).destinations.create(posthog(own));
	const { destinations } = service.db.forOrganization(foreign);
	const written = destinations.update(id, { settings: { apiKey: otherKey } });
	await expect(written).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
