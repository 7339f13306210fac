import { randomUUID } from 'node:crypto';
import { posthogSettings } from '../../support/extended-client.ts';

/** What each operation is called with, by what is there: each part of it is rewritten somewhere. */
type MakeArguments = (there: {
	id: string;
	organizationId: string;
	createdBy: string;
	goneId: string;
}) => object;

const relationFilter = {
	createdByUser: { is: { createdDestinations: { every: { enabled: true } } } },
};

const where: MakeArguments = ({ id, organizationId }) => ({
	where: {
		id,
		AND: [{ organization: { destinations: { some: { organizationId }, none: { name: 'x' } } } }],
		OR: [relationFilter, { NOT: { name: 'x' } }],
	},
});

const selected = {
	select: {
		settings: true,
		organization: {
			include: { _count: true, destinations: { where: { enabled: true }, omit: { id: true } } },
		},
	},
};

const newRow = (organizationId: string) => ({
	organizationId,
	type: 'posthog',
	name: 'new',
	environment: 'development',
	settings: posthogSettings(),
});

const nested: MakeArguments = ({ id, goneId }) => ({
	create: { ...newRow(''), organizationId: undefined },
	update: { where: { id }, data: { settings: posthogSettings() } },
	updateMany: [{ where: { name: 'x' }, data: { name: 'y' } }],
	deleteMany: [{ id: goneId }],
});

const destinations: [string, MakeArguments][] = [
	['findUnique', (there) => ({ ...where(there), ...selected })],
	['findUniqueOrThrow', (there) => ({ ...where(there), ...selected })],
	['findFirst', (there) => ({ ...where(there), ...selected, orderBy: [{ name: 'asc' }] })],
	['findFirstOrThrow', (there) => ({ ...where(there), omit: { id: true, type: true } })],
	[
		'findMany',
		(there) => ({ ...where(there), ...selected, distinct: ['type'], cursor: { id: there.id } }),
	],
	['count', (there) => ({ ...where(there), select: { _all: true } })],
	['aggregate', (there) => ({ ...where(there), _count: true, _max: { name: true } })],
	['groupBy', (there) => ({ ...where(there), by: ['type'], having: { type: { not: 'x' } } })],
	['create', ({ organizationId }) => ({ data: newRow(organizationId), ...selected })],
	['createMany', ({ organizationId }) => ({ data: [newRow(organizationId)] })],
	[
		'createManyAndReturn',
		({ organizationId }) => ({ data: [newRow(organizationId)], omit: { id: true } }),
	],
	['update', (there) => ({ ...where(there), ...selected, data: { settings: posthogSettings() } })],
	['updateMany', (there) => ({ ...where(there), data: { name: 'x' } })],
	[
		'updateManyAndReturn',
		(there) => ({ ...where(there), data: { name: 'x' }, omit: { type: true } }),
	],
	[
		'upsert',
		(there) => ({
			where: { id: there.id },
			create: newRow(there.organizationId),
			update: { settings: posthogSettings() },
			...selected,
		}),
	],
	['delete', (there) => ({ ...where(there), ...selected })],
	['deleteMany', (there) => ({ ...where(there), limit: 1 })],
	['restore', ({ goneId }) => ({ where: { id: goneId }, ...selected })],
	['purge', ({ goneId }) => ({ where: { id: goneId } })],
];

const ofOrganization: MakeArguments = ({ organizationId }) => ({
	where: {
		id: organizationId,
		destinations: { some: { enabled: true }, every: { NOT: { name: 'x' } } },
	},
});
const included = { include: { _count: { select: { destinations: true } }, destinations: true } };

const organizations: [string, MakeArguments][] = [
	['findUnique', (there) => ({ ...ofOrganization(there), ...included })],
	['findUniqueOrThrow', (there) => ({ ...ofOrganization(there), ...included })],
	['findFirst', (there) => ({ ...ofOrganization(there), ...included })],
	['findFirstOrThrow', (there) => ({ ...ofOrganization(there), ...included })],
	['findMany', (there) => ({ ...ofOrganization(there), select: { destinations: { take: 1 } } })],
	['count', ofOrganization],
	['aggregate', (there) => ({ ...ofOrganization(there), _count: true })],
	['groupBy', (there) => ({ ...ofOrganization(there), by: ['id'] })],
	[
		'create',
		() => ({
			data: { destinations: { create: { ...newRow(''), organizationId: undefined } } },
			...included,
		}),
	],
	['createMany', () => ({ data: [{}, { id: randomUUID() }] })],
	['createManyAndReturn', () => ({ data: [{}] })],
	[
		'update',
		(there) => ({ ...ofOrganization(there), data: { destinations: nested(there) }, ...included }),
	],
	['updateMany', (there) => ({ ...ofOrganization(there), data: {} })],
	[
		'updateManyAndReturn',
		(there) => ({ ...ofOrganization(there), data: { id: there.organizationId } }),
	],
	[
		'upsert',
		(there) => ({
			...ofOrganization(there),
			create: {},
			update: { destinations: nested(there) },
			...included,
		}),
	],
	['delete', (there) => ({ ...ofOrganization(there), ...included })],
	['deleteMany', ofOrganization],
];

const ofUser: MakeArguments = ({ createdBy }) => ({
	where: { id: createdBy, createdDestinations: { some: { enabled: true } } },
});
const users: [string, MakeArguments][] = [
	[
		'findUnique',
		(there) => ({ ...ofUser(there), include: { createdDestinations: true, _count: true } }),
	],
	[
		'findMany',
		(there) => ({ ...ofUser(there), select: { updatedDestinations: { omit: { id: true } } } }),
	],
	[
		'create',
		({ id, organizationId }) => ({
			data: {
				updatedDestinations: {
					connect: [{ id }],
					connectOrCreate: { where: { id }, create: newRow(organizationId) },
				},
			},
		}),
	],
	[
		'update',
		(there) => ({
			...ofUser(there),
			data: {
				createdDestinations: {
					update: { where: { id: there.id }, data: { settings: posthogSettings() } },
					delete: [],
				},
			},
		}),
	],
];

/** Every operation of destinations and organizations, and those of users that reach destinations. */
export const operationsWithArguments = [
	...destinations.map(([operation, make]) => ['destination', operation, make] as const),
	...organizations.map(([operation, make]) => ['organization', operation, make] as const),
	...users.map(([operation, make]) => ['user', operation, make] as const),
];
