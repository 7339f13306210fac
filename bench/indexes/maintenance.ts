import {
	createDestinationsClient,
	rotateKeys,
	type SealedSettingsOptions,
	verifySettings,
} from '../../src/index.ts';
import { another, type Operation } from './operation.ts';

const pkey = 'destinations_pkey';
const history = 'destination_settings_history_pkey';
const byAge = 'idx_destinations_organization_id';
const dataKey = 'destination_data_keys_pkey';
/** By which each change looks up the newest entry. */
const log = 'destination_audit_log_pkey';
const dataKeys = 'destination_data_keys_generation_unique';

/** What commands and jobs do, and what goes with an organization or a user. */
export const maintenance: readonly Operation[] = [
	{
		name: 'renew a data key, rotate and verify one organization',
		by: [pkey, history, byAge, dataKeys, dataKey, log],
		run: async ({ connectionString, service, dataKeys: keys }) => {
			const { id: organizationId } = await service.prisma.organization.create({ data: {} });
			await using db = createDestinationsClient({ connectionString, keys });
			const { destinations } = db.forOrganization(organizationId);
			const { id } = await destinations.create({ ...another, organizationId });
			await destinations.patchSettings(id, { apiSecret: 'Y3k'.repeat(7) });
			await keys.renew(organizationId);
			await rotateKeys({ connectionString, keys, organizationId });
			await verifySettings({ connectionString, keys, organizationId });
			await service.prisma.organization.delete({ where: { id: organizationId } });
		},
	},
	{
		name: 'rotateKeys, the first page of all',
		by: [pkey, history, log],
		readsWhole: 'counts what is to be done, and looks for rows under the new key',
		sameRows: false,
		run: ({ connectionString, keys }) =>
			firstPage((options) => rotateKeys({ ...options, connectionString, keys: keys.next })),
	},
	{
		name: 'verifySettings, the first page of all',
		by: [pkey],
		readsWhole: 'counts what is to be done',
		sameRows: false,
		run: ({ connectionString, keys }) =>
			firstPage((options) => verifySettings({ ...options, connectionString, keys: keys.current })),
	},
	{
		name: 'purgeDeleted, one batch',
		// The small table has too few for every turn.
		sameRows: false,
		by: [pkey, 'idx_destinations_deleted_at', history, log],
		ordered: true,
		customOnly: 'raw SQL is not kept prepared',
		run: async (actors) => {
			const run = new AbortController();
			await actors.service.destinations
				.purgeDeleted({
					olderThan: new Date(Date.now() - 24 * 60 * 60 * 1000),
					batch: 50,
					signal: run.signal,
					onProgress: () => run.abort('one is enough'),
				})
				.catch(unlessAborted);
		},
	},
	{
		name: 'pruneSettingsHistory, one batch',
		by: [history],
		run: async (actors) => {
			const run = new AbortController();
			await actors.service.destinations
				.pruneSettingsHistory({
					keep: 5,
					batch: 50,
					signal: run.signal,
					onProgress: () => run.abort('one is enough'),
				})
				.catch(unlessAborted);
		},
	},
	{
		name: 'delete an organization',
		by: [byAge, dataKeys, history, log],
		run: async (actors) => {
			const { id } = await actors.service.prisma.organization.create({ data: {} });
			const { destinations } = actors.db.forOrganization(id);
			await destinations.create({ ...another, organizationId: id });
			await actors.service.prisma.organization.delete({ where: { id } });
		},
	},
	{
		name: 'delete a user',
		by: ['idx_destinations_created_by', 'idx_destinations_updated_by', pkey, history, log],
		run: async (actors) => {
			const { organizationId } = actors.small();
			const { id: actorId } = await actors.service.prisma.user.create({ data: {} });
			const { destinations } = actors.db.forOrganization(organizationId, { actorId });
			const made = await destinations.create({ ...another, organizationId });
			await actors.service.prisma.user.delete({ where: { id: actorId } });
			await actors.service.destinations.softDelete(made.id);
			await actors.service.destinations.purge(made.id);
		},
	},
	{
		name: 'data keys: first, unwrap, renew, shred',
		by: [dataKeys, dataKey],
		run: async ({ service, dataKeys: keys }) => {
			const { id } = await service.prisma.organization.create({ data: {} });
			const keyId = await keys.primaryKeyId(id);
			await keys.getKey(keyId, id);
			await keys.renew(id);
			await keys.shred(id);
		},
	},
];

/** Stops a run behind its first page. */
async function firstPage(run: (options: SealedSettingsOptions) => Promise<unknown>) {
	const signal = new AbortController();
	await run({
		signal: signal.signal,
		onProgress: ({ done }) => {
			if (done > 0) signal.abort();
		},
	});
}

function unlessAborted(error: unknown): void {
	if (error !== 'one is enough') throw error;
}
