import type { Database } from '../../src/client/database.ts';
import { openScope, type ScopedClient } from '../../src/client/open-scope.ts';
import { organizationScope, type Scope } from '../../src/database/scope.ts';
import { testSettingsOn } from '../../src/destinations/connection-test/test-settings.ts';
import { SeenRows } from '../../src/encryption/seen-rows.ts';
import { type Keys, SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { ConnectionTests } from '../../src/repository/connection-tests.ts';
import type { DestinationRepository } from '../../src/repository/repository.ts';
import type { Handler, LocalProvider } from '../destinations/support/local-provider.ts';
import type { Service } from './service.ts';

/** What one process of a service has: its scopes share their connection tests, which reach a local provider. */
export function processAt(database: Database, keys: Keys, { network }: LocalProvider) {
	const tools = {
		encryption: new SettingsEncryption(keys),
		tests: new ConnectionTests((type, settings, signal) =>
			testSettingsOn(network, type, settings, signal === undefined ? {} : { signal }),
		),
		seen: new SeenRows(),
	};
	return (scope: Scope): ScopedClient => openScope(database, scope, tools);
}

/** An organization's repository, as `forOrganization()` gives it in a process of its own. */
export function repositoryAt(
	database: Database,
	{ keys }: Service,
	organizationId: string,
	provider: LocalProvider,
): DestinationRepository {
	const open = processAt(database, keys, provider);
	return open(organizationScope(organizationId, {})).destinations;
}

/** A handler that answers when it is told to, and says when it was asked. */
export function onDemand(answer: Handler) {
	let release = () => {};
	const released = new Promise<void>((resolve) => {
		release = resolve;
	});
	let ask = () => {};
	const asked = new Promise<void>((resolve) => {
		ask = resolve;
	});
	const handler: Handler = async (request, response) => {
		ask();
		await released;
		answer(request, response);
	};
	return { handler, asked, release };
}
