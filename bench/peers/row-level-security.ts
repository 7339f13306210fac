import type { PrismaClient } from '../../src/generated/prisma/client.ts';
import { type DestinationDelegate, destinationWork, openBarePrisma } from './bare-prisma.ts';
import { peers } from './names.ts';
import type { Peer } from './peer.ts';

/**
 * The pattern of Prisma's own example of row level security: a batch transaction for each query
 * (https://github.com/prisma/prisma-client-extensions/tree/main/row-level-security).
 *
 * @param organizationId the organization, or none for the system.
 */
export function inBatches(prisma: PrismaClient, organizationId?: string) {
	const role = organizationId === undefined ? 'service_role' : 'authenticated';
	const claims = JSON.stringify({ role, organization_id: organizationId });
	return prisma.$extends({
		query: {
			async $allOperations({ args, query }) {
				const [, result] = await prisma.$transaction([
					prisma.$executeRaw`SELECT set_config('role', ${role}, true), set_config('request.jwt.claims', ${claims}, true)`,
					query(args),
				]);
				return result;
			},
		},
	});
}

/** A login may switch to one of the roles each, so the system has a client of its own. */
export function rowLevelSecurity(logins: {
	readonly connectionString: string;
	readonly serviceConnectionString: string;
}): Peer {
	const [tenants, service] = [
		openBarePrisma(logins.connectionString),
		openBarePrisma(logins.serviceConnectionString),
	];
	const of = (organizationId?: string) =>
		inBatches(organizationId === undefined ? service : tenants, organizationId).destination;
	return {
		// An extended client has types of its own for the same operations.
		...destinationWork(of as unknown as (organizationId?: string) => DestinationDelegate),
		name: peers.rowLevelSecurity,
		close: async () => {
			await Promise.all([tenants.$disconnect(), service.$disconnect()]);
		},
	};
}
