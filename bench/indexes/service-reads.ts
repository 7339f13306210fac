import { newest, type Operation } from './operation.ts';

const byType = 'idx_destinations_type';
const byTypeAndEnvironment = 'idx_destinations_type_env';
const byAge = 'idx_destinations_created_at';
const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }];

/** What the system reads across all organizations. */
export const serviceReads: readonly Operation[] = [
	{
		name: 'service: findById',
		by: ['destinations_pkey'],
		run: (actors) => actors.service.destinations.findById(actors.small().destinationId),
	},
	{
		name: 'service: findByOrganization, one environment',
		by: ['idx_destinations_org_env', 'destinations_org_type_env_unique'],
		run: (actors) =>
			actors.service.destinations.findByOrganization(actors.small().organizationId, 'production'),
	},
	{
		name: 'service: list',
		by: [byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list(),
	},
	{
		name: 'service: list, from the middle',
		by: [byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list({ cursor: actors.filled.middleCursor }),
	},
	{
		name: 'service: list, the oldest first',
		by: [byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list({ order: 'oldest' }),
	},
	{
		name: 'service: list of a type',
		by: [byType, byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list({ type: 'posthog' }),
	},
	{
		name: 'service: list of a type, from the middle',
		by: [byType, byAge],
		ordered: true,
		run: (actors) =>
			actors.service.destinations.list({ type: 'posthog', cursor: actors.filled.middleCursor }),
	},
	{
		name: 'service: list of a type in an environment',
		by: [byType, byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list({ type: 'posthog', environment: 'staging' }),
	},
	{
		name: 'service: list of an environment',
		by: [byAge],
		ordered: true,
		run: (actors) => actors.service.destinations.list({ environment: 'development' }),
	},
	{
		name: 'service: list of an organization',
		by: ['idx_destinations_organization_id', 'idx_destinations_org_env'],
		run: (actors) =>
			actors.service.destinations.list({ organizationId: actors.small().organizationId }),
	},
	{
		name: 'service: count of a type in an environment',
		by: [byTypeAndEnvironment],
		sameRows: false,
		run: (actors) =>
			actors.service.destinations.count({ type: 'posthog', environment: 'development' }),
	},
	{
		name: 'service: count of an environment',
		// From PostgreSQL 18 on the second serves as well: a scan skips over the few types.
		by: ['idx_destinations_environment', 'idx_destinations_type_env'],
		sameRows: false,
		run: (actors) => actors.service.destinations.count({ environment: 'development' }),
	},
	{
		name: 'service: count of what is switched off',
		by: ['idx_destinations_enabled'],
		sameRows: false,
		customOnly:
			'a plan for any value cannot use an index of one; Postgres takes none, as it costs more',
		run: (actors) => actors.service.prisma.destination.count({ where: { enabled: false } }),
	},
	{
		name: 'service: findMany created since',
		by: [byAge],
		customOnly:
			'a plan for any time expects a third of all rows; Postgres takes none, as it costs more',
		run: (actors) =>
			actors.service.prisma.destination.findMany({
				where: { createdAt: { gte: newest(actors.filled.rows) } },
			}),
	},
	{
		name: 'service: findMany changed since',
		by: ['idx_destinations_updated_at'],
		sameRows: false,
		run: (actors) =>
			actors.service.prisma.destination.findMany({
				where: { updatedAt: { gte: newest(actors.filled.rows) } },
				select: { id: true },
			}),
	},
	{
		name: 'service: findMany deleted, a page by age of deletion',
		by: ['idx_destinations_deleted_at'],
		ordered: true,
		run: (actors) =>
			actors.service.prisma.destination.onlyDeleted().findMany({
				orderBy: { deletedAt: 'asc' },
				take: 25,
				select: { id: true },
			}),
	},
	{
		name: 'service: raw, by a setting in plaintext',
		by: ['idx_destinations_settings_gin'],
		run: (actors) => actors.service.prisma.$queryRaw`
			SELECT id::text FROM destinations WHERE settings @> '{"apiKey": "phc_7007"}' AND NOT settings_encrypted`,
	},
	{
		name: 'service: destinations of users included',
		by: ['idx_destinations_created_by', 'idx_destinations_updated_by'],
		run: (actors) =>
			actors.service.prisma.user.findUnique({
				where: { id: actors.small().userId },
				select: {
					createdDestinations: { select: { id: true } },
					updatedDestinations: { select: { id: true } },
				},
			}),
	},
	{
		name: 'service: a page with organization and user included',
		by: [byAge],
		ordered: true,
		run: (actors) =>
			actors.service.prisma.destination.findMany({
				orderBy: newestFirst,
				take: 25,
				include: { organization: true, createdByUser: true },
			}),
	},
	{
		name: 'service: audit.list',
		by: ['destination_audit_log_pkey'],
		ordered: true,
		run: (actors) => actors.service.audit.list(),
	},
	{
		name: 'service: audit.list of an organization',
		by: ['idx_destination_audit_log_organization'],
		run: (actors) => actors.service.audit.list({ organizationId: actors.small().organizationId }),
	},
	{
		name: 'service: audit of one destination',
		by: ['idx_destination_audit_log_destination'],
		run: (actors) => actors.service.audit.list({ destinationId: actors.small().destinationId }),
	},
	{
		name: 'service: audit since',
		// From PostgreSQL 18 on the second serves as well: a scan skips over the organizations.
		by: ['idx_destination_audit_log_recorded_at', 'idx_destination_audit_log_time'],
		run: (actors) =>
			actors.service.prisma.destinationAuditEntry.findMany({
				where: { recordedAt: { gte: newest(actors.filled.rows) } },
				select: { id: true },
			}),
	},
];
