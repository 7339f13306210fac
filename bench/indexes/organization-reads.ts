import { newest, type Operation } from './operation.ts';

const pkey = 'destinations_pkey';
const unique = 'destinations_org_type_env_unique';
const byAge = 'idx_destinations_organization_id';
const byEnvironment = 'idx_destinations_org_env';
const byEnabled = 'idx_destinations_org_enabled';
const log = 'idx_destination_audit_log_organization';
const logOfOne = 'idx_destination_audit_log_destination';

/** What an organization reads: by the repository, by Prisma's API, by the log. */
export const organizationReads: readonly Operation[] = [
	{
		name: 'findById',
		by: [pkey],
		run: (actors) => {
			const { client, destinationId } = actors.small();
			return client.destinations.findById(destinationId);
		},
	},
	{
		name: 'findByOrganization',
		by: [byEnvironment, byAge, byEnabled, unique],
		run: (actors) => {
			const { client, organizationId } = actors.small();
			return client.destinations.findByOrganization(organizationId);
		},
	},
	{
		name: 'findByOrganization, one environment',
		by: [byEnvironment, unique],
		run: (actors) => {
			const { client, organizationId } = actors.small();
			return client.destinations.findByOrganization(organizationId, 'production');
		},
	},
	{
		name: 'findByType',
		by: [unique],
		run: (actors) => actors.small().client.destinations.findByType('posthog'),
	},
	{
		name: 'findByType, one environment',
		by: [unique, byEnvironment],
		run: (actors) => actors.small().client.destinations.findByType('posthog', 'production'),
	},
	{
		name: 'list',
		by: [byAge, byEnvironment],
		run: (actors) => actors.small().client.destinations.list(),
	},
	{
		name: 'list, next page',
		by: [byAge, byEnvironment, byEnabled, unique],
		run: async (actors) => {
			const { client } = actors.small();
			const { nextCursor } = await client.destinations.list({ limit: 1 });
			return client.destinations.list({ cursor: nextCursor ?? undefined });
		},
	},
	{
		name: 'list by name, of those switched on',
		by: [byEnvironment, byAge, byEnabled, unique],
		run: (actors) =>
			actors.small().client.destinations.list({ name: 'a', enabled: true, order: 'name' }),
	},
	{
		name: 'list by change, of a status, of thousands deleted',
		by: [byEnvironment, byEnabled, unique],
		run: (actors) =>
			actors.large().client.destinations.list({ connectionStatus: 'unknown', order: 'changed' }),
	},
	{
		name: 'count of the repository, of thousands deleted',
		by: [byEnvironment, byEnabled, unique],
		run: (actors) => actors.large().client.destinations.count({ enabled: true }),
	},
	{
		name: 'list, of thousands deleted',
		by: [byEnvironment, byEnabled, unique],
		run: (actors) => actors.large().client.destinations.list(),
	},
	{
		name: 'findByOrganization, of thousands deleted',
		by: [byEnvironment, byEnabled, unique],
		run: (actors) => {
			const { client, organizationId } = actors.large();
			return client.destinations.findByOrganization(organizationId);
		},
	},
	{
		name: 'findMany, deleted, a page of thousands',
		// Where statistics say that most of what is deleted is this organization's, the shorter index is read.
		by: [byAge, 'idx_destinations_deleted_at'],
		run: (actors) =>
			actors
				.large()
				.client.prisma.destination.onlyDeleted()
				.findMany({
					orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
					take: 25,
					select: { id: true },
				}),
	},
	{
		name: 'findMany enabled',
		by: [byEnabled, byEnvironment],
		run: (actors) =>
			actors.small().client.prisma.destination.findMany({ where: { enabled: true } }),
	},
	{
		name: 'findMany enabled, one environment',
		by: [byEnabled, byEnvironment],
		run: (actors) =>
			actors.small().client.prisma.destination.findMany({
				where: { enabled: true, environment: 'production' },
			}),
	},
	{
		name: 'findMany by connection status',
		by: [byEnvironment, byAge, byEnabled, unique],
		run: (actors) =>
			actors.small().client.prisma.destination.findMany({ where: { connectionStatus: 'failed' } }),
	},
	{
		name: 'findMany withDeleted',
		by: [byAge],
		run: (actors) => actors.small().client.prisma.destination.withDeleted().findMany(),
	},
	{
		name: 'count',
		by: [byEnvironment, byAge, byEnabled, unique],
		run: (actors) => actors.small().client.prisma.destination.count(),
	},
	{
		name: 'groupBy type',
		by: [unique, byEnvironment],
		run: (actors) =>
			actors.small().client.prisma.destination.groupBy({ by: ['type'], _count: true }),
	},
	{
		name: 'organization, its destinations included',
		by: [byEnvironment, byAge, byEnabled, unique],
		run: (actors) => {
			const { client, organizationId } = actors.small();
			return client.prisma.organization.findUnique({
				where: { id: organizationId },
				include: { destinations: true },
			});
		},
	},
	{
		name: 'user, created destinations included',
		by: [byEnvironment, byAge, byEnabled, unique, 'idx_destinations_created_by'],
		run: (actors) => {
			const { client, userId } = actors.small();
			return client.prisma.user.findUnique({
				where: { id: userId },
				include: { createdDestinations: true },
			});
		},
	},
	{
		name: 'audit.list',
		by: [log],
		run: (actors) => actors.small().client.audit.list(),
	},
	{
		name: 'audit.list of an actor',
		by: ['idx_destination_audit_log_actor', log],
		run: (actors) => {
			const { client, userId } = actors.large();
			return client.audit.list({ actorId: userId });
		},
	},
	{
		name: 'audit.list of a time',
		by: ['idx_destination_audit_log_time'],
		ordered: true,
		run: (actors) =>
			actors.large().client.audit.list({ from: newest(actors.filled.rows), to: new Date() }),
	},
	{
		name: 'audit.list, next page, of thousands',
		by: [log],
		ordered: true,
		run: (actors) => actors.large().client.audit.list({ cursor: String(2 ** 40) }),
	},
	{
		name: 'audit.list, one destination',
		by: [logOfOne],
		run: (actors) => {
			const { client, destinationId } = actors.small();
			return client.audit.list({ destinationId });
		},
	},
	{
		name: 'audit.export',
		by: [log],
		run: (actors) => first(actors.small().client.audit.export()),
	},
	{
		name: 'audit, one day',
		by: ['idx_destination_audit_log_time', log, 'idx_destination_audit_log_recorded_at'],
		run: (actors) =>
			actors.small().client.prisma.destinationAuditEntry.findMany({
				where: { recordedAt: { gte: newest(actors.filled.rows) } },
			}),
	},
	{
		name: 'history',
		by: ['idx_destination_audit_log_version', logOfOne, 'destination_settings_history_pkey', pkey],
		run: (actors) => {
			const { client, destinationId } = actors.small();
			return client.destinations.history(destinationId);
		},
	},
	{
		name: 'earlier settings',
		by: ['destination_settings_history_pkey'],
		run: (actors) => {
			const { client, destinationId } = actors.small();
			return client.prisma.destinationSettingsVersion.findMany({ where: { destinationId } });
		},
	},
];

async function first(lines: AsyncIterable<string>): Promise<void> {
	for await (const _ of lines) return;
}
