import type { ScopedClient } from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { meanwhile, otherKey, outcome } from '../support/seen-destination.ts';
import { type Service, startService } from '../support/service.ts';

// A client that knows a destination writes new settings without reading it. Whatever happened since, the same comes of it as of
// a client that never saw the destination.

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

describe.each(meanwhile)('after %s', (event) => {
	test.each(Object.entries(changes))(
		'%s does the same, whether it was seen before or not',
		async (_, change) => {
			const call = ({ destinations }: ScopedClient, id: string) => change(destinations, id);
			const unseen = await outcome(service, event, undefined, call);
			const see = ({ destinations }: ScopedClient, id: string) => destinations.findById(id);
			expect(await outcome(service, event, see, call)).toEqual(unseen);
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
