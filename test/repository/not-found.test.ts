/** What an error says of a destination that is deleted, live or neither, so that the next step is known. */
import { randomUUID } from 'node:crypto';
import { posthog } from '../support/destinations.ts';
import { startService } from '../support/service.ts';

type Service = Awaited<ReturnType<typeof startService>>;
type Destinations = Awaited<ReturnType<Service['tenant']>>['destinations'];

let service: Service;
beforeAll(async () => {
	service = await startService();
});
afterAll(() => service.stop());

const ofLiveOnes: Record<string, (destinations: Destinations, id: string) => Promise<unknown>> = {
	update: (destinations, id) => destinations.update(id, { enabled: false }),
	'update of settings': (destinations, id) =>
		destinations.update(id, { settings: { apiKey: 'phc_other' } }),
	patchSettings: (destinations, id) => destinations.patchSettings(id, { apiKey: 'phc_other' }),
	softDelete: (destinations, id) => destinations.softDelete(id),
	revert: (destinations, id) => destinations.revert(id, 1),
	copyTo: (destinations, id) => destinations.copyTo(id, 'staging'),
	diff: (destinations, id) => destinations.diff(id, id),
	testConnection: (destinations, id) => destinations.testConnection(id),
	testConnectionOutcome: (destinations, id) => destinations.testConnectionOutcome(id),
};

test.each(Object.keys(ofLiveOnes))('%s of a deleted one says to restore it', async (name) => {
	const { destinations, organizationId } = await service.tenant();
	const { id } = await destinations.create(posthog(organizationId));
	await destinations.softDelete(id);
	await expect(ofLiveOnes[name]?.(destinations, id)).rejects.toMatchObject({
		code: 'NOT_FOUND',
		message: `There is no live destination ${id} in this scope. If it was deleted, restore it first.`,
	});
});

test('restore of a live one says that it is not deleted', async () => {
	const { destinations, organizationId } = await service.tenant();
	const { id } = await destinations.create(posthog(organizationId));
	await expect(destinations.restore(id)).rejects.toMatchObject({
		code: 'NOT_FOUND',
		message: `There is no deleted destination ${id} in this scope.`,
	});
});

test('history, which shows deleted ones too, does not say to restore one', async () => {
	const { destinations } = await service.tenant();
	const id = randomUUID();
	await expect(destinations.history(id)).rejects.toMatchObject({
		code: 'NOT_FOUND',
		message: `There is no destination ${id} in this scope.`,
	});
});
