import { testSettingsOn } from '../../src/destinations/connection-test/test-settings.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { openScope } from '../../src/open-scope.ts';
import type { Database } from '../../src/prisma.ts';
import type { DestinationRepository } from '../../src/repository/repository.ts';
import { organizationScope } from '../../src/tenancy/scope.ts';
import type { LocalProvider } from '../destinations/support/local-provider.ts';
import type { Service } from './service.ts';

/** An organization's repository, as `forOrganization()` gives it, whose connection tests reach a local provider. */
export function repositoryAt(
	database: Database,
	{ keys }: Service,
	organizationId: string,
	{ network }: LocalProvider,
): DestinationRepository {
	return openScope(database, organizationScope(organizationId, {}), {
		encryption: new SettingsEncryption(keys),
		test: (type, settings, signal) =>
			testSettingsOn(network, type, settings, signal === undefined ? {} : { signal }),
	}).destinations;
}
