import { randomUUID } from 'node:crypto';
import type { Actors } from './actors.ts';
import { another, type Operation } from './operation.ts';

const pkey = 'destinations_pkey';
const unique = 'destinations_org_type_env_unique';
const versions = 'idx_destination_audit_log_version';
const history = 'destination_settings_history_pkey';
/** By which each change looks up the newest entry. */
const log = 'destination_audit_log_pkey';

/** What changes rows; some of it more than once, with what undoes it in between. */
export const writes: readonly Operation[] = [
	{
		name: 'create and purge',
		by: [pkey, history, log],
		run: async (actors) => {
			const { client, organizationId } = actors.small();
			const made = await client.destinations.create({ ...another, organizationId });
			await client.destinations.softDelete(made.id);
			await actors.service.destinations.purge(made.id);
		},
	},
	{ name: 'update name', by: [pkey, log], run: (actors) => update(actors, { name: randomUUID() }) },
	{
		name: 'update enabled',
		by: [pkey, log],
		run: async (actors) => {
			const { client, destinationId } = actors.small();
			await client.destinations.update(destinationId, { enabled: false });
			await client.destinations.update(destinationId, { enabled: true });
		},
	},
	{
		name: 'patchSettings',
		by: [pkey, unique, log],
		run: (actors) => {
			const { client, destinationId } = actors.small();
			return client.destinations.patchSettings(destinationId, { apiKey: `phc_${randomUUID()}` });
		},
	},
	{
		name: 'softDelete and restore',
		by: [pkey, log],
		run: async (actors) => {
			const { client, destinationId } = actors.small();
			await client.destinations.softDelete(destinationId);
			await client.destinations.restore(destinationId);
		},
	},
	{
		name: 'testConnection',
		by: [pkey, log],
		run: (actors) => {
			const { client, consoleId } = actors.small();
			return client.destinations.testConnection(consoleId);
		},
	},
	{
		name: 'revert',
		by: [pkey, unique, versions, history, log],
		run: async (actors) => {
			const { client, destinationId } = actors.small();
			const { version } = await client.destinations.patchSettings(destinationId, {
				apiKey: `phc_${randomUUID()}`,
			});
			await client.destinations.update(destinationId, { name: randomUUID() });
			await client.destinations.revert(destinationId, version);
		},
	},
	{
		name: 'updateMany of an environment',
		by: ['idx_destinations_org_env', 'destinations_org_type_env_unique', log],
		run: (actors) =>
			actors.small().client.prisma.destination.updateMany({
				where: { environment: 'production' },
				data: { description: randomUUID() },
			}),
	},
];

function update(actors: Actors, changes: { name: string }): Promise<unknown> {
	const { client, destinationId } = actors.small();
	return client.destinations.update(destinationId, changes);
}
