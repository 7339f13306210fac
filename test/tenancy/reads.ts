import type { Prisma } from '../../src/generated/prisma/client.ts';
import type { ScopedPrismaClient } from '../../src/index.ts';
import type { Tenant } from './deployment.ts';

/** A read of one row of an organization: `own` gives it to the organization itself, and no one else. */
export type Read = (prisma: ScopedPrismaClient, target: Tenant) => Prisma.PrismaPromise<unknown>;

/** Every read operation of Prisma on every model, nested ones and raw SQL included. */
export const reads: Readonly<Record<string, Read>> = {
	'destination.findUnique': ({ destination }, { own }) =>
		destination.findUnique({ where: { id: own.id } }),
	'destination.findUnique, by more than the id': ({ destination }, { own, id }) =>
		destination.findUnique({ where: { id: own.id, organizationId: id } }),
	'destination.findUniqueOrThrow': ({ destination }, { own }) =>
		destination.findUniqueOrThrow({ where: { id: own.id } }),
	'destination.findFirst': ({ destination }, { id }) =>
		destination.findFirst({ where: { organizationId: id } }),
	'destination.findFirstOrThrow': ({ destination }, { id }) =>
		destination.findFirstOrThrow({ where: { organizationId: id } }),
	'destination.findMany': ({ destination }, { id }) =>
		destination.findMany({ where: { organizationId: id } }),
	'destination.findMany, by a relation': ({ destination }, { id }) =>
		destination.findMany({ where: { organization: { is: { id } } } }),
	'destination.findMany, by a negation': ({ destination }, { id, own }) =>
		destination.findMany({ where: { OR: [{ NOT: { id } }], id: { in: [own.id] } } }),
	'destination.findMany, from a cursor': ({ destination }, { own }) =>
		destination.findMany({ cursor: { id: own.id }, take: 1, orderBy: { id: 'asc' } }),
	'destination.findMany, distinct': ({ destination }, { id }) =>
		destination.findMany({ where: { organizationId: id }, distinct: ['organizationId'] }),
	'destination.findMany, with its organization': ({ destination }, { own }) =>
		destination.findMany({ where: { id: own.id }, include: { organization: true } }),
	'destination.findMany, with its users': ({ destination }, { own }) =>
		destination.findMany({
			where: { id: own.id },
			include: { createdByUser: true, updatedByUser: true },
		}),
	'destination.count': ({ destination }, { id }) =>
		destination.count({ where: { organizationId: id } }),
	'destination.aggregate': ({ destination }, { id }) =>
		destination.aggregate({ where: { organizationId: id }, _count: true, _max: { name: true } }),
	'destination.groupBy': ({ destination }, { id }) =>
		destination.groupBy({ by: ['organizationId'], where: { organizationId: id }, _count: true }),
	'destination.withDeleted().findUnique': ({ destination }, { own }) =>
		destination.withDeleted().findUnique({ where: { id: own.id } }),
	'destination.withDeleted().findMany': ({ destination }, { own }) =>
		destination.withDeleted().findMany({ where: { id: own.id } }),
	'destination.withDeleted().count': ({ destination }, { own }) =>
		destination.withDeleted().count({ where: { id: own.id } }),
	'destination.onlyDeleted().findUnique': ({ destination }, { gone }) =>
		destination.onlyDeleted().findUnique({ where: { id: gone.id } }),
	'destination.onlyDeleted().findFirst': ({ destination }, { id }) =>
		destination.onlyDeleted().findFirst({ where: { organizationId: id } }),

	'organization.findUnique': ({ organization }, { id }) =>
		organization.findUnique({ where: { id } }),
	'organization.findUniqueOrThrow': ({ organization }, { id }) =>
		organization.findUniqueOrThrow({ where: { id } }),
	'organization.findFirst': ({ organization }, { id }) => organization.findFirst({ where: { id } }),
	'organization.findFirstOrThrow': ({ organization }, { id }) =>
		organization.findFirstOrThrow({ where: { id } }),
	'organization.findMany, with destinations': ({ organization }, { id }) =>
		organization.findMany({ where: { id }, include: { destinations: true } }),
	'organization.findMany, by destinations': ({ organization }, { own }) =>
		organization.findMany({ where: { destinations: { some: { id: own.id } } } }),
	'organization.findMany, with a count': ({ organization }, { id }) =>
		organization.findMany({ where: { id }, include: { _count: true } }),
	'organization.count': ({ organization }, { id }) => organization.count({ where: { id } }),
	'organization.aggregate': ({ organization }, { id }) =>
		organization.aggregate({ where: { id }, _count: true }),
	'organization.groupBy': ({ organization }, { id }) =>
		organization.groupBy({ by: ['id'], where: { id }, _count: true }),

	'user.findUnique': ({ user }, { actorId }) => user.findUnique({ where: { id: actorId } }),
	'user.findUniqueOrThrow': ({ user }, { actorId }) =>
		user.findUniqueOrThrow({ where: { id: actorId } }),
	'user.findFirst': ({ user }, { actorId }) => user.findFirst({ where: { id: actorId } }),
	'user.findFirstOrThrow': ({ user }, { actorId }) =>
		user.findFirstOrThrow({ where: { id: actorId } }),
	'user.findMany, with destinations': ({ user }, { actorId }) =>
		user.findMany({
			where: { id: actorId },
			include: { createdDestinations: true, updatedDestinations: true },
		}),
	'user.count': ({ user }, { actorId }) => user.count({ where: { id: actorId } }),
	'user.aggregate': ({ user }, { actorId }) =>
		user.aggregate({ where: { id: actorId }, _count: true }),
	'user.groupBy': ({ user }, { actorId }) =>
		user.groupBy({ by: ['id'], where: { id: actorId }, _count: true }),

	'destinationAuditEntry.findMany': ({ destinationAuditEntry }, { id }) =>
		destinationAuditEntry.findMany({ where: { organizationId: id, action: 'soft_deleted' } }),
	'destinationAuditEntry.findFirst': ({ destinationAuditEntry }, { gone }) =>
		destinationAuditEntry.findFirst({ where: { destinationId: gone.id } }),
	'destinationAuditEntry.findUnique': ({ destinationAuditEntry }, { deletion }) =>
		destinationAuditEntry.findUnique({ where: { id: deletion } }),
	'destinationAuditEntry.findUniqueOrThrow': ({ destinationAuditEntry }, { deletion }) =>
		destinationAuditEntry.findUniqueOrThrow({ where: { id: deletion } }),
	'destinationAuditEntry.count': ({ destinationAuditEntry }, { id }) =>
		destinationAuditEntry.count({ where: { organizationId: id, action: 'soft_deleted' } }),
	'destinationAuditEntry.groupBy': ({ destinationAuditEntry }, { id }) =>
		destinationAuditEntry.groupBy({ by: ['organizationId'], where: { organizationId: id } }),
	'destinationSettingsVersion.findMany': ({ destinationSettingsVersion }, { id }) =>
		destinationSettingsVersion.findMany({ where: { organizationId: id } }),
	'destinationSettingsVersion.findUnique': ({ destinationSettingsVersion }, { own }) =>
		destinationSettingsVersion.findUnique({
			where: { destinationId_version: { destinationId: own.id, version: 1 } },
		}),
	'destinationSettingsVersion.count': ({ destinationSettingsVersion }, { own }) =>
		destinationSettingsVersion.count({ where: { destinationId: own.id } }),
	'destinationSettingsVersion.aggregate': ({ destinationSettingsVersion }, { id }) =>
		destinationSettingsVersion.aggregate({ where: { organizationId: id }, _count: true }),

	'destination to its organization': ({ destination }, { own }) =>
		destination.findUnique({ where: { id: own.id } }).organization(),
	'destination to its user': ({ destination }, { own }) =>
		destination.findFirst({ where: { id: own.id } }).createdByUser(),
	'organization to its destinations': ({ organization }, { id }) =>
		organization.findUnique({ where: { id } }).destinations(),
	'organization to its destinations, or throw': ({ organization }, { id }) =>
		organization.findUniqueOrThrow({ where: { id } }).destinations(),
	'user to their destinations': ({ user }, { actorId }) =>
		user.findUnique({ where: { id: actorId } }).createdDestinations(),

	$queryRaw: ({ $queryRaw }, { own }) =>
		$queryRaw`SELECT id FROM destinations WHERE id = ${own.id}::uuid`,
	$queryRawUnsafe: ({ $queryRawUnsafe }, { own }) =>
		$queryRawUnsafe(`SELECT id FROM public.destinations WHERE id = '${own.id}'`),
	'$queryRaw, joined': ({ $queryRaw }, { id, own }) =>
		$queryRaw`SELECT d.id FROM destinations d JOIN organizations o ON o.id = d.organization_id
			JOIN users u ON u.id = d.created_by WHERE o.id = ${id}::uuid AND d.id = ${own.id}::uuid`,
	'$queryRaw, locking': ({ $queryRaw }, { own }) =>
		$queryRaw`SELECT id FROM destinations WHERE id = ${own.id}::uuid FOR UPDATE`,
	'$queryRaw, of the audit log': ({ $queryRaw }, { id }) =>
		$queryRaw`SELECT id FROM destination_audit_log
			WHERE organization_id = ${id}::uuid AND action = 'soft_deleted'`,
	'$queryRaw, of earlier settings': ({ $queryRaw }, { own }) =>
		$queryRaw`SELECT version FROM destination_settings_history
			WHERE destination_id = ${own.id}::uuid`,
	$executeRaw: ({ $executeRaw }, { own }) =>
		$executeRaw`SELECT FROM destinations WHERE id = ${own.id}::uuid`,
	$executeRawUnsafe: ({ $executeRawUnsafe }, { own }) =>
		$executeRawUnsafe(`SELECT FROM destinations WHERE id = '${own.id}'`),
};

/** How many rows a result has or tells of. */
export function rowsIn(result: unknown): number {
	if (result === null) return 0;
	if (typeof result === 'number') return result;
	if (Array.isArray(result)) return result.length;
	const { _count: count } = result as { _count?: number };
	return count ?? 1;
}

/** Waits for a read; a row that is not found counts as no row, however Prisma says so. */
export async function rowsOf(read: PromiseLike<unknown>): Promise<number> {
	try {
		return rowsIn(await read);
	} catch (error) {
		if ((error as { code?: string }).code === 'P2025') return 0;
		throw error;
	}
}
