import type { createDestinationsClient } from '../../src/index.ts';
import { type DestinationDelegate, destinationWork } from './bare-prisma.ts';
import { peers } from './names.ts';
import { type Peer, thousand } from './peer.ts';

type Opening = readonly [
	createClient: typeof createDestinationsClient,
	logins: { readonly connectionString: string; readonly serviceConnectionString: string },
	keys: string,
];

/** This package's repository, as its README shows it, with every guarantee on. */
export function thisPackage(...[createClient, logins, keys]: Opening): Peer {
	const db = createClient({ ...logins, keys });
	return {
		name: peers.ours,
		readById: (organizationId, id) => db.forOrganization(organizationId).destinations.findById(id),
		readOrganization: (organizationId) =>
			db.forOrganization(organizationId).destinations.findByOrganization(organizationId),
		readThousand: async () => (await db.asService().destinations.list({ limit: thousand })).items,
		create: (organizationId, settings) =>
			db.forOrganization(organizationId).destinations.create({
				organizationId,
				type: 'posthog',
				name: 'bench',
				// The repository validates them.
				settings: settings as { apiKey: string },
			}),
		rename: ({ organizationId, id, name }) =>
			db.forOrganization(organizationId).destinations.update(id, { name }),
		replace: ({ organizationId, id, name, settings }) =>
			db.forOrganization(organizationId).destinations.update(id, { name, settings }),
		close: () => db.close(),
	};
}

/** The same guarantees by way of Prisma, for what the repository does not have. */
export function thisPackageByPrisma(...[createClient, logins, keys]: Opening): Peer {
	const db = createClient({ ...logins, keys });
	return {
		...destinationWork((organizationId) => {
			const scope =
				organizationId === undefined ? db.asService() : db.forOrganization(organizationId);
			// Prisma's own but for settings, which are typed by the type and validated when they are written.
			return scope.prisma.destination as unknown as DestinationDelegate;
		}),
		name: peers.oursByPrisma,
		close: () => db.close(),
	};
}
