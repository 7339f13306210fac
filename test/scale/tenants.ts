import type { DestinationsClient } from '../../src/index.ts';
import type { Tenant } from '../tenancy/deployment.ts';
import type { ClusterService } from './cluster.ts';

/** An organization as the sweeps of test/tenancy know it. */
export async function newTenant(
	{ createOrganization, createUser }: ClusterService,
	db: DestinationsClient,
): Promise<Tenant> {
	const [id, actorId] = [await createOrganization(), await createUser()];
	const client = db.forOrganization(id, { actorId });
	const create = (name: string) =>
		client.destinations.create({
			...{ organizationId: id, type: 'posthog', name, environment: 'production' },
			settings: { apiKey: `phc_${id.slice(0, 8)}` },
			requiredConsent: ['measurement', 'marketing'],
		});
	const gone = await create('EU project, abandoned');
	await client.destinations.softDelete(gone.id);
	const { id: ownId } = await create('EU project');
	const own = await client.destinations.update(ownId, { settings: { apiKey: 'phc_changed' } });
	const deletion = await client.prisma.destinationAuditEntry.findFirstOrThrow({
		where: { action: 'soft_deleted' },
	});
	return { id, actorId, client, own, gone, deletion: deletion.id };
}
