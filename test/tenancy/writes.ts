import { randomUUID } from 'node:crypto';
import type { Prisma } from '../../src/generated/prisma/client.ts';
import type { ScopedPrismaClient } from '../../src/index.ts';
import type { Tenant } from './deployment.ts';

/**
 * A write to rows of an organization, by way of Prisma.
 *
 * @param writer is the organization in whose scope it runs.
 */
export type Write = (
	prisma: ScopedPrismaClient,
	target: Tenant,
	writer: Tenant,
) => Prisma.PrismaPromise<unknown>;

const settings = { apiKey: 'phc_smuggled' };

/** What no other row of an organization has. */
const smuggled = { type: 'console', name: 'Smuggled', environment: 'staging' } as const;

/** Every write to destinations, and what it comes to at the rows of another organization. */
export const destinationWrites: Readonly<Record<string, readonly [Write, foreign: unknown]>> = {
	create: [
		({ destination }, { id }) => destination.create({ data: { ...smuggled, organizationId: id } }),
		'P2039 42501',
	],
	'create, connecting the organization': [
		({ destination }, { id }) =>
			destination.create({ data: { ...smuggled, organization: { connect: { id } } } }),
		'P2025',
	],
	createMany: [
		({ destination }, { id }) =>
			destination.createMany({ data: [{ ...smuggled, organizationId: id }] }),
		'P2039 42501',
	],
	'createMany, skipping duplicates': [
		({ destination }, { id }) =>
			destination.createMany({
				data: [{ ...smuggled, organizationId: id }],
				skipDuplicates: true,
			}),
		'P2039 42501',
	],
	createManyAndReturn: [
		({ destination }, { id }) =>
			destination.createManyAndReturn({ data: [{ ...smuggled, organizationId: id }] }),
		'P2039 42501',
	],
	update: [
		({ destination }, { own }) =>
			destination.update({ where: { id: own.id }, data: { name: 'Smuggled' } }),
		'P2025',
	],
	'update, of settings': [
		({ destination }, { own }) => destination.update({ where: { id: own.id }, data: { settings } }),
		'P2025',
	],
	'update, of settings of a row that the filter describes': [
		({ destination }, { own, id }) =>
			destination.update({
				where: { id: own.id, organizationId: id, type: 'posthog' },
				data: { settings },
			}),
		'P2025',
	],
	updateMany: [
		({ destination }, { id }) =>
			destination.updateMany({ where: { organizationId: id }, data: { name: 'Smuggled' } }),
		{ count: 0 },
	],
	'updateMany, without a filter': [
		({ destination }, { own }) =>
			destination.updateMany({ where: { NOT: { id: { not: own.id } } }, data: { enabled: false } }),
		{ count: 0 },
	],
	updateManyAndReturn: [
		({ destination }, { id }) =>
			destination.updateManyAndReturn({
				where: { organizationId: id },
				data: { name: 'Smuggled' },
			}),
		[],
	],
	upsert: [
		({ destination }, { own, id }) =>
			destination.upsert({
				where: { id: own.id },
				create: { ...smuggled, id: own.id, organizationId: id },
				update: { name: 'Smuggled' },
			}),
		'P2039 42501',
	],
	'upsert, into the own organization': [
		({ destination }, { own }, writer) =>
			destination.upsert({
				where: { id: own.id },
				create: { ...smuggled, id: own.id, organizationId: writer.id },
				update: { name: 'Smuggled' },
			}),
		'P2002 23505',
	],
	delete: [({ destination }, { own }) => destination.delete({ where: { id: own.id } }), 'P2025'],
	deleteMany: [
		({ destination }, { id }) => destination.deleteMany({ where: { organizationId: id } }),
		{ count: 0 },
	],
	restore: [
		({ destination }, { gone }) => destination.restore({ where: { id: gone.id } }),
		'P2025',
	],
	'organization.update, creating': [
		({ organization }, { id }) =>
			organization.update({ where: { id }, data: { destinations: { create: smuggled } } }),
		'P2025',
	],
	'organization.update, updating': [
		({ organization }, { id, own }) =>
			organization.update({
				where: { id },
				data: { destinations: { update: { where: { id: own.id }, data: { name: 'Smuggled' } } } },
			}),
		'P2025',
	],
	'organization.update, deleting': [
		({ organization }, { id, own }) =>
			organization.update({ where: { id }, data: { destinations: { delete: { id: own.id } } } }),
		'P2025',
	],
	'organization.update of the own one, connecting': [
		({ organization }, { own }, writer) =>
			organization.update({
				where: { id: writer.id },
				data: { destinations: { connect: { id: own.id } } },
			}),
		'P2018',
	],
	'organization.update of the own one, updating many': [
		({ organization }, { id, own }, writer) =>
			organization.update({
				where: { id: writer.id },
				data: {
					destinations: {
						updateMany: {
							where: { OR: [{ id: own.id }, { organizationId: id }] },
							data: { name: 'Smuggled' },
						},
					},
				},
				select: { destinations: { where: { organizationId: id } } },
			}),
		{ destinations: [] },
	],
	$executeRaw: [
		({ $executeRaw }, { own }) =>
			$executeRaw`UPDATE destinations SET name = 'Smuggled' WHERE id = ${own.id}::uuid`,
		0,
	],
	$queryRaw: [
		({ $queryRaw }, { own }) =>
			$queryRaw`UPDATE destinations SET name = 'Smuggled' WHERE id = ${own.id}::uuid RETURNING id`,
		[],
	],
	'$executeRaw, inserting': [
		({ $executeRaw }, { id }) =>
			$executeRaw`INSERT INTO destinations (organization_id, type, name)
				VALUES (${id}::uuid, 'console', 'Smuggled')`,
		'P2010 42501',
	],
	'$executeRaw, ON CONFLICT DO UPDATE': [
		({ $executeRaw }, { own }, writer) =>
			$executeRaw`INSERT INTO destinations (id, organization_id, type, name)
				VALUES (${own.id}::uuid, ${writer.id}::uuid, 'console', 'Smuggled')
				ON CONFLICT (id) DO UPDATE SET name = 'Smuggled'`,
		'P2010 42501',
	],
	'$executeRaw, MERGE': [
		({ $executeRaw }, { own }) =>
			$executeRaw`MERGE INTO destinations d USING (SELECT ${own.id}::uuid AS id) s ON d.id = s.id
				WHEN MATCHED THEN UPDATE SET name = 'Smuggled'`,
		0,
	],
};

/** What a tenant may not do with its own rows either: they are the platform's, or it is for good. */
export const refusedWrites: Readonly<Record<string, readonly [Write, refusal: string]>> = {
	'destination.create, with an organization': [
		({ destination }) =>
			destination.create({ data: { ...smuggled, organization: { create: {} } } }),
		'P2039 42501',
	],
	'destination.purge': [
		({ destination }, { gone }) => destination.purge({ where: { id: gone.id } }),
		'P2010 42501',
	],
	'organization.create': [({ organization }) => organization.create({ data: {} }), 'P2039 42501'],
	'organization.createMany': [
		({ organization }) => organization.createMany({ data: [{}] }),
		'P2039 42501',
	],
	'organization.update': [
		({ organization }, { id }) =>
			organization.update({ where: { id }, data: { id: randomUUID() } }),
		'P2039 42501',
	],
	'organization.updateMany': [
		({ organization }, { id }) =>
			organization.updateMany({ where: { id }, data: { id: randomUUID() } }),
		'P2039 42501',
	],
	'organization.delete': [
		({ organization }, { id }) => organization.delete({ where: { id } }),
		'P2039 42501',
	],
	'organization.deleteMany': [({ organization }) => organization.deleteMany({}), 'P2039 42501'],
	'user.create': [({ user }) => user.create({ data: {} }), 'P2039 42501'],
	'user.update': [
		({ user }, { actorId }) => user.update({ where: { id: actorId }, data: { id: randomUUID() } }),
		'P2039 42501',
	],
	'user.delete': [
		({ user }, { actorId }) => user.delete({ where: { id: actorId } }),
		'P2039 42501',
	],
	'user.deleteMany': [({ user }) => user.deleteMany({}), 'P2039 42501'],
	'$executeRaw, deleting': [
		({ $executeRaw }, { own }) => $executeRaw`DELETE FROM destinations WHERE id = ${own.id}::uuid`,
		'P2010 42501',
	],
	'$executeRaw, truncating': [
		({ $executeRaw }) => $executeRaw`TRUNCATE destinations`,
		'P2010 42501',
	],
	'$executeRaw, writing the audit log': [
		({ $executeRaw }, { id, own }) =>
			$executeRaw`INSERT INTO destination_audit_log
					(organization_id, destination_id, version, action, role, login, transaction_id)
				VALUES (${id}::uuid, ${own.id}::uuid, 1, 'purged', 'x', 'x', 1)`,
		'P2010 42501',
	],
	'$executeRaw, deleting from the audit log': [
		({ $executeRaw }) => $executeRaw`DELETE FROM destination_audit_log`,
		'P2010 42501',
	],
	'$executeRaw, changing earlier settings': [
		({ $executeRaw }) => $executeRaw`UPDATE destination_settings_history SET settings = '{}'`,
		'P2010 42501',
	],
	'$executeRaw, deleting earlier settings': [
		({ $executeRaw }) => $executeRaw`DELETE FROM destination_settings_history`,
		'P2010 42501',
	],
};
