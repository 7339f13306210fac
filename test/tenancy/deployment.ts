import { randomBytes } from 'node:crypto';
import { Client, type QueryResultRow } from 'pg';
import {
	createDestinationsClient,
	type Destination,
	type DestinationsClient,
	type DestinationsClientOptions,
	type ScopedClient,
} from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newKeys } from '../support/extended-client.ts';
import { grantScript } from '../support/grant-script.ts';

export type SwitchableRole = 'authenticated' | 'service_role' | 'destinations_loader';

/** One organization, with a scoped client and two destinations. */
export interface Tenant {
	readonly id: string;
	/** A user of the platform, in whose name the client acts. */
	readonly actorId: string;
	readonly client: ScopedClient;
	/** Its only live destination, whose settings were changed once. */
	readonly own: Destination;
	/** Its only deleted one. */
	readonly gone: Destination;
	/** The entry of the audit log about that. */
	readonly deletion: bigint;
}

/** A migrated database of the test file's own, with logins as a service has them. */
export class Deployment {
	/** The server's superuser, beside every scope. */
	readonly admin: Client;
	/** A login that may act as a tenant and the service, as `connectionString` without a second one. */
	readonly url: string;
	readonly #keys = newKeys();
	readonly #database: TestDatabase;
	readonly #logins: string[] = [];
	readonly #clients: DestinationsClient[] = [];
	readonly #connections: Client[] = [];

	private constructor(database: TestDatabase, login: string, password: string) {
		this.#database = database;
		this.admin = new Client({ connectionString: database.connectionString });
		this.url = withLogin(database.connectionString, login, password);
	}

	static async open(): Promise<Deployment> {
		const [login, password] = [newName(), newName()];
		const deployment = new Deployment(await createTestDatabase(), login, password);
		await deployment.admin.connect();
		await deployment.#createLogin(login, password, ['authenticated', 'service_role']);
		return deployment;
	}

	get superuserUrl(): string {
		return this.#database.connectionString;
	}

	/** URL of one more login, with no rights but to become these roles. */
	async newLogin(...roles: SwitchableRole[]): Promise<string> {
		const [login, password] = [newName(), newName()];
		await this.#createLogin(login, password, roles);
		return withLogin(this.superuserUrl, login, password);
	}

	/** Closed with the deployment. */
	open(options: Partial<DestinationsClientOptions> = {}): DestinationsClient {
		const db = createDestinationsClient({
			connectionString: this.url,
			keys: this.#keys,
			...options,
		});
		this.#clients.push(db);
		return db;
	}

	/** A client with a login of its own for each role, as SECURITY.md advises. */
	async openWithTwoLogins(): Promise<DestinationsClient> {
		const connectionString = await this.newLogin('authenticated');
		const serviceConnectionString = await this.newLogin('service_role');
		return this.open({ connectionString, serviceConnectionString });
	}

	/** Runs prisma/grants/hardening.sql for these logins; where no loader is named, for one that is new. */
	async harden(tenantUrl: string, serviceUrl: string, loaderUrl?: string): Promise<void> {
		const urls = [tenantUrl, serviceUrl, loaderUrl ?? (await this.newLogin('destinations_loader'))];
		const [tenant_login = '', service_login = '', loader_login = ''] = urls.map(
			(url) => new URL(url).username,
		);
		const logins = { tenant_login, service_login, loader_login };
		await this.admin.query(await grantScript('hardening.sql', logins));
	}

	/** A plain connection, as the superuser or as the login of the URL. */
	async connect(connectionString = this.superuserUrl): Promise<Client> {
		const client = new Client({ connectionString });
		await client.connect();
		this.#connections.push(client);
		return client;
	}

	async newTenant(db: DestinationsClient): Promise<Tenant> {
		const [id, actorId] = [await this.newOrganization(), await this.newUser()];
		const client = db.forOrganization(id, { actorId });
		const create = (name: string) =>
			client.destinations.create({
				organizationId: id,
				type: 'posthog',
				name,
				environment: 'production',
				settings: { apiKey: `phc_${newName()}` },
			});
		const gone = await create('EU project, abandoned');
		await client.destinations.softDelete(gone.id);
		const { id: ownId } = await create('EU project');
		// A change, so that there is an earlier version.
		const own = await client.destinations.update(ownId, {
			settings: { apiKey: `phc_${newName()}` },
		});
		const deletion = await client.prisma.destinationAuditEntry.findFirstOrThrow({
			where: { action: 'soft_deleted' },
		});
		return { id, actorId, client, own, gone, deletion: deletion.id };
	}

	newOrganization(): Promise<string> {
		return this.#newRow('organizations');
	}

	newUser(): Promise<string> {
		return this.#newRow('users');
	}

	/** What the superuser sees. */
	async rows<Row extends QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.admin.query<Row>(sql, values)).rows;
	}

	async close(): Promise<void> {
		await Promise.all(this.#clients.map((db) => db.close()));
		await Promise.all([this.admin, ...this.#connections].map((client) => client.end()));
		await this.#database.drop();
		// Logins belong to the whole server, so they would outlive the database.
		const server = new Client({ connectionString: process.env.TEST_SERVER_URL });
		await server.connect();
		for (const login of this.#logins) await server.query(`DROP ROLE ${login}`);
		await server.end();
	}

	/** Has the logins dropped with the deployment. */
	dropLater(...logins: string[]): void {
		this.#logins.push(...logins);
	}

	async #newRow(table: string): Promise<string> {
		const [row] = await this.rows<{ id: string }>(
			`INSERT INTO ${table} DEFAULT VALUES RETURNING id`,
		);
		if (row === undefined) throw new Error(`no row of ${table} came back`);
		return row.id;
	}

	async #createLogin(name: string, password: string, roles: SwitchableRole[]): Promise<void> {
		this.dropLater(name);
		await this.admin.query(`CREATE ROLE ${name} LOGIN NOINHERIT PASSWORD '${password}'`);
		for (const role of roles) await this.admin.query(`GRANT ${role} TO ${name}`);
	}
}

/** Random, because roles belong to the whole server and test files run side by side. */
export function newName(): string {
	return `t${randomBytes(8).toString('hex')}`;
}
