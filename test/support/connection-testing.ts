import { testSettingsOn } from '../../src/destinations/connection-test/test-settings.ts';
import { DestinationRepository } from '../../src/repository.ts';
import { organizationScope } from '../../src/tenancy/scope.ts';
import type { LocalProvider } from '../destinations/support/local-provider.ts';
import type { Service } from './service.ts';

/** An organization's repository, as `forOrganization()` gives it, whose connection tests reach a local provider. */
export function repositoryAt(
	service: Service,
	organizationId: string,
	{ network }: LocalProvider,
): DestinationRepository {
	const { prisma } = service.db.forOrganization(organizationId);
	return new DestinationRepository(
		prisma,
		organizationScope(organizationId, {}),
		(type, settings, signal) =>
			testSettingsOn(network, type, settings, signal === undefined ? {} : { signal }),
	);
}
