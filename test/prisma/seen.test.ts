import type { ScopedClient, ScopedPrismaClient } from '../../src/index.ts';
import { createDestinationsClient } from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { meanwhile, otherKey, outcome } from '../support/seen-destination.ts';
import { type Service, startService } from '../support/service.ts';

// By Prisma, too, a client that knows a destination writes new settings without looking it up. Whatever happened since, the same
// comes of it as of a client that never saw the destination.

let service: Service;
beforeAll(async () => {
	service = await startService();
});
afterAll(() => service.stop());

type Destination = ScopedPrismaClient['destination'];

/** Not the scope's: the row of an upsert must be there, or it is refused. */
const anywhere = '0193a1b2-0000-7000-8000-000000000001';
const settings = { apiKey: otherKey };

const changes: Record<string, (d: Destination, id: string) => PromiseLike<unknown>> = {
	'an update of settings': (d, id) => d.update({ where: { id }, data: { settings } }),
	'an update of name and settings': (d, id) =>
		d.update({ where: { id }, data: { name: { set: 'Other' }, settings } }),
	'an update of settings and environment': (d, id) =>
		d.update({ where: { id }, data: { environment: 'staging', settings } }),
	'an update with the same settings': (d, id) =>
		d.update({ where: { id }, data: { name: 'Other', settings: { apiKey: posthogKey } } }),
	'an update with settings that are not valid': (d, id) =>
		d.update({ where: { id }, data: { settings: { apiKey: 'none' } } }),
	'an update at the second version': (d, id) =>
		d.update({ where: { id, version: 2 }, data: { settings } }),
	'an update under a condition': (d, id) =>
		d.update({
			where: { id: id.toUpperCase(), environment: 'production', AND: [{ enabled: true }] },
			data: { settings },
		}),
	'an update that returns its version': (d, id) =>
		d.update({ where: { id }, data: { settings }, select: { version: true } }),
	'an update that returns its organization': (d, id) =>
		d.update({
			where: { id },
			data: { settings },
			select: { settings: true, organization: { select: { id: true } } },
		}),
	'an upsert': (d, id) =>
		d.upsert({
			where: { id },
			create: { id, organizationId: anywhere, type: 'posthog', name: 'Other', settings },
			update: { settings },
		}),
};

describe.each(meanwhile)('after %s', (event) => {
	test.each(Object.entries(changes))(
		'%s does the same, whether it was seen before or not',
		async (_, change) => {
			const call = ({ prisma }: ScopedClient, id: string) => change(prisma.destination, id);
			const unseen = await outcome(service, event, undefined, call);
			const see = ({ prisma }: ScopedClient, id: string) =>
				prisma.destination.findUnique({ where: { id } });
			expect(await outcome(service, event, see, call)).toEqual(unseen);
		},
	);
});

describe('after a purge, a row that was made with the same id', () => {
	const local = { apiKey: otherKey, host: 'http://localhost:8000' };

	/** A client that saw a row for development, in whose place another client has made one. */
	async function madeAnew(change: { environment?: 'production'; organizationId?: string }) {
		const organizationId = await service.createOrganization();
		const db = createDestinationsClient({ ...service.logins, keys: service.keys });
		const seeing = db.asService().prisma.destination;
		const { destination } = service.db.asService().prisma;
		const data = { ...posthog(organizationId), requiredConsent: [], environment: 'development' };
		const { id } = await seeing.create({ data });
		await destination.delete({ where: { id } });
		await destination.purge({ where: { id } });
		await destination.create({ data: { ...data, ...change, id } });
		return { id, destination: seeing, [Symbol.asyncDispose]: () => db.close() };
	}

	test('is sealed to its own organization', async () => {
		const organizationId = await service.createOrganization();
		await using made = await madeAnew({ organizationId });
		const { id, destination } = made;
		const written = await destination.update({ where: { id }, data: { settings: local } });
		expect(written).toMatchObject({ organizationId, version: 2, settings: local });
		const { destinations } = service.db.forOrganization(organizationId);
		expect(await destinations.findById(id)).toMatchObject({ settings: local });
	});

	test('may have what its own environment may have', async () => {
		await using made = await madeAnew({ environment: 'production' });
		const { id, destination } = made;
		await expect(
			destination.update({ where: { id }, data: { settings: local } }),
		).rejects.toMatchObject({ code: 'VALIDATION' });
	});
});
