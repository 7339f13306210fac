import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { applyMigrations } from './apply-migrations.ts';
import {
	type CopyStrategy,
	createDatabase,
	fastestStrategy,
	withClient,
	withDatabase,
} from './databases.ts';
import type { PostgresServer } from './postgres-server.ts';

/** Name and password of a login. */
interface Login {
	readonly name: string;
	readonly password: string;
}

/** A server with a migrated database that nobody works in, to be cloned. Plain data, so that processes can share it. */
export interface MigratedServer {
	readonly connectionString: string;
	readonly namePrefix: string;
	readonly template: string;
	readonly strategy: CopyStrategy;
	/** Whether the login of `connectionString` is one. */
	readonly superuser: boolean;
	/** Tables of this package, and the platform's two, with their schema. */
	readonly tables: { readonly own: readonly string[]; readonly platform: readonly string[] };
	readonly logins: {
		readonly tenant: Login;
		readonly service: Login;
		readonly loader: Login;
	};
}

/** The platform's tables, which the migrations create where they are missing. */
const platformTables = ['public.organizations', 'public.users'];

/** Makes the tables that a service has before this package's. */
export type Migrate = (connectionString: string) => unknown;

export async function migrateServer(
	{ connectionString, namePrefix }: PostgresServer,
	migrate?: Migrate,
): Promise<MigratedServer> {
	const template = `${namePrefix}_template`;
	const logins = {
		tenant: newLogin(`${namePrefix}_tenant`),
		service: newLogin(`${namePrefix}_service`),
		loader: newLogin(`${namePrefix}_loader`),
	};
	return withClient(connectionString, async (admin) => {
		const strategy = await fastestStrategy(admin);
		const { rows } = await admin.query<{ superuser: boolean }>(
			'SELECT rolsuper AS superuser FROM pg_catalog.pg_roles WHERE rolname = current_user',
		);
		const superuser = rows[0]?.superuser === true;
		await createDatabase(admin, template, { strategy });
		const templateUrl = withDatabase(connectionString, template);
		await migrate?.(templateUrl);
		const tables = await withClient(templateUrl, async (client) => {
			const before = await tablesIn(client);
			await applyMigrations(client);
			return readTables(client, before);
		});
		if (migrate !== undefined) await waitForSessions(admin, template);
		// A database with sessions cannot be a template, and what somebody changed in it would be in every clone.
		await admin.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
		await createLogin(admin, logins.tenant, 'authenticated');
		await createLogin(admin, logins.service, 'service_role');
		await createLogin(admin, logins.loader, 'destinations_loader');
		return { connectionString, namePrefix, template, strategy, superuser, logins, tables };
	});
}

function newLogin(name: string): Login {
	return { name, password: randomBytes(12).toString('hex') };
}

/** As in prisma/grants/logins.sql. */
async function createLogin(client: Client, { name, password }: Login, role: string): Promise<void> {
	await client.query(
		`CREATE ROLE ${name} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD '${password}'; GRANT ${role} TO ${name}`,
	);
}

async function readTables(
	client: Client,
	before: readonly string[],
): Promise<MigratedServer['tables']> {
	const made = await tablesIn(client);
	const own = made.filter((name) => !platformTables.includes(name) && !before.includes(name));
	return { own, platform: platformTables };
}

async function tablesIn(client: Client): Promise<string[]> {
	const { rows } = await client.query<{ name: string }>(
		`SELECT 'public.' || quote_ident(relname) AS name FROM pg_catalog.pg_class
		 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> '_prisma_migrations'`,
	);
	return rows.map(({ name }) => name);
}

/** Waits until nobody is connected to the template: Postgres clones none that has sessions. */
async function waitForSessions(admin: Client, template: string): Promise<void> {
	for (let attempt = 0; attempt < 50; attempt += 1) {
		const { rows } = await admin.query(
			'SELECT FROM pg_catalog.pg_stat_activity WHERE datname = $1',
			[template],
		);
		if (rows.length === 0) return;
		await delay(100);
	}
	throw new ConfigurationError(
		'The option migrate of startTestDatabase() has left connections open. Close what it connects before its promise resolves.',
	);
}
