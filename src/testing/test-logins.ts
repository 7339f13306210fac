import { withLogin } from './databases.ts';
import type { MigratedServer } from './migrated-server.ts';

/** URLs of the logins of a test database, each of which may switch to one role and nothing else. */
export class TestLogins {
	/** May switch to `authenticated`. */
	readonly connectionString: string;
	/** May switch to `service_role`. */
	readonly serviceConnectionString: string;
	readonly #loaderConnectionString: string;

	/** @internal */
	constructor(databaseUrl: string, { tenant, service, loader }: MigratedServer['logins']) {
		this.connectionString = withLogin(databaseUrl, tenant.name, tenant.password);
		this.serviceConnectionString = withLogin(databaseUrl, service.name, service.password);
		this.#loaderConnectionString = withLogin(databaseUrl, loader.name, loader.password);
	}

	/**
	 * May switch to `destinations_loader`: the `connectionString` of a loader. Not part of `{ ...logins }`, which are
	 * options of a client.
	 */
	get loaderConnectionString(): string {
		return this.#loaderConnectionString;
	}
}
