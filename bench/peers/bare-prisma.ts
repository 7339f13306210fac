import { PrismaPg } from '@prisma/adapter-pg';
import { nameStatements } from '../../src/database/statement-names.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { peers } from './names.ts';
import { type Peer, thousand } from './peer.ts';

/**
 * Prisma as it comes. The session is in UTC, as the adapter takes it to be.
 *
 * @param named keeps statements prepared on the connection, which is an option of the adapter that few know.
 */
export function openBarePrisma(connectionString: string, { named = false } = {}): PrismaClient {
	return new PrismaClient({
		adapter: new PrismaPg(
			{ connectionString, options: '-c TimeZone=UTC' },
			named ? { statementNameGenerator: nameStatements() } : {},
		),
	});
}

export function barePrisma(connectionString: string): Peer {
	return prismaPeer(peers.bare, openBarePrisma(connectionString));
}

export function namedPrisma(connectionString: string): Peer {
	return prismaPeer(peers.named, openBarePrisma(connectionString, { named: true }));
}

/** Bare Prisma on this package's own tables, which keep a log. It stores an envelope that others have made. */
export function bareOnLogged(connectionString: string, envelope: object): Peer {
	const peer = prismaPeer(peers.logged, openBarePrisma(connectionString));
	return {
		...peer,
		create: (organizationId) => peer.create(organizationId, envelope),
		replace: (change) => peer.replace({ ...change, settings: envelope }),
	};
}

/** Of Prisma's client what the work needs. */
export type DestinationDelegate = Pick<
	PrismaClient['destination'],
	'findUnique' | 'findMany' | 'create' | 'update'
>;

function prismaPeer(name: string, prisma: PrismaClient): Peer {
	return {
		...destinationWork(() => prisma.destination),
		name,
		close: () => prisma.$disconnect(),
	};
}

/**
 * The work, by Prisma's own operations.
 *
 * @param of returns the client's model for an organization, or for the system where there is none.
 */
export function destinationWork(
	of: (organizationId?: string) => DestinationDelegate,
): Omit<Peer, 'name' | 'close'> {
	return {
		readById: (organizationId, id) =>
			of(organizationId).findUnique({ where: { id, deletedAt: null } }),
		readOrganization: (organizationId) =>
			of(organizationId).findMany({
				where: { organizationId, deletedAt: null },
				orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
			}),
		readThousand: () => of().findMany({ where: { deletedAt: null }, take: thousand }),
		create: (organizationId, settings) =>
			of(organizationId).create({
				data: { organizationId, type: 'posthog', name: 'bench', settings },
			}),
		rename: ({ organizationId, id, name }) =>
			of(organizationId).update({ where: { id }, data: { name } }),
		replace: ({ organizationId, id, name, settings }) =>
			of(organizationId).update({ where: { id }, data: { name, settings } }),
	};
}
