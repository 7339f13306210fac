import type { createDestinationsClient } from '../../src/index.ts';
import { peers } from './names.ts';
import { type Peer, thousand } from './peer.ts';

/** This package, as its README shows it, with every guarantee on. */
export function thisPackage(
	createClient: typeof createDestinationsClient,
	logins: { readonly connectionString: string; readonly serviceConnectionString: string },
	keys: string,
): Peer {
	const db = createClient({ ...logins, keys });
	return {
		name: peers.ours,
		readById: (organizationId, id) => db.forOrganization(organizationId).destinations.findById(id),
		readOrganization: (organizationId) =>
			db.forOrganization(organizationId).destinations.findByOrganization(organizationId),
		readThousand: () => db.asService().prisma.destination.findMany({ take: thousand }),
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
