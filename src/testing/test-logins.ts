import { withLogin } from './databases.ts';
import type { MigratedServer } from './migrated-server.ts';

/** URLs of the logins of a test database, each of which can switch to one role and nothing else. */
export class TestLogins {
	/** Can switch to `authenticated`. */
	readonly connectionString: string;
	/** Can switch to `service_role`. */
	readonly serviceConnectionString: string;
	readonly #loaderConnectionString: string;

	/** @internal */
	constructor(databaseUrl: string, { tenant, service, loader }: MigratedServer['logins']) {
		this.connectionString = withLogin(databaseUrl, tenant.name, tenant.password);
		this.serviceConnectionString = withLogin(databaseUrl, service.name, service.password);
		this.#loaderConnectionString = withLogin(databaseUrl, loader.name, loader.password);
	}

	/**
	 * Can switch to `destinations_loader`: the `connectionString` of a loader. It is not part of `{ ...logins }`, which has
	 * the options of a client.
	 */
	get loaderConnectionString(): string {
		return this.#loaderConnectionString;
	}
}
