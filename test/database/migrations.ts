import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';

/** An empty database that the migrations have not seen yet, and what was made on its server for it. */
export class HostDatabase {
	readonly client: Client;
	readonly #database: TestDatabase;
	readonly #roles: string[] = [];

	private constructor(database: TestDatabase) {
		this.#database = database;
		this.client = new Client({ connectionString: database.connectionString });
	}

	static async open(setup = ''): Promise<HostDatabase> {
		const host = new HostDatabase(await createEmptyDatabase());
		await host.client.connect();
		await host.client.query(setup);
		return host;
	}

	get connectionString(): string {
		return this.#database.connectionString;
	}

	/** Roles belong to the server: this one goes when the database does. */
	async createRole(name: string, attributes = ''): Promise<string> {
		await this.client.query(`CREATE ROLE ${name} ${attributes}`);
		this.dropLater(name);
		return name;
	}

	/** A new role that made the tables, and is no superuser. */
	async migratedByOwner(): Promise<string> {
		const owner = await this.createRole(`owner_${randomUUID().slice(0, 8)}`);
		await this.client.query(`
			GRANT CREATE ON SCHEMA public TO ${owner};
			DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${owner}', current_database()); END $$`);
		await this.as(owner, () => migrate(this.client));
		return owner;
	}

	dropLater(...roles: string[]): void {
		this.#roles.push(...roles);
	}

	/** Runs `work` as somebody else, who is no superuser then. */
	async as<Result>(role: string, work: () => Promise<Result>): Promise<Result> {
		await this.client.query(`SET SESSION AUTHORIZATION ${role}`);
		try {
			return await work();
		} finally {
			await this.client.query('RESET SESSION AUTHORIZATION');
		}
	}

	async close(): Promise<void> {
		// What a role owns or was given elsewhere would keep it from being dropped; the rest goes with the database.
		const { rows } = await this.client.query<{ rolname: string }>(
			'SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)',
			[this.#roles],
		);
		const roles = rows.map(({ rolname }) => rolname).join(', ');
		if (roles !== '') await this.client.query(`DROP OWNED BY ${roles} CASCADE; DROP ROLE ${roles}`);
		await this.client.end();
		await this.#database.drop();
	}
}

interface Migration {
	readonly name: string;
	readonly sql: string;
}

const directory = join(process.cwd(), 'prisma/migrations');

export async function readMigrations(): Promise<Migration[]> {
	const entries = await readdir(directory, { withFileTypes: true });
	const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
	return Promise.all(
		names.sort().map(async (name) => ({
			name,
			sql: await readFile(join(directory, name, 'migration.sql'), 'utf8'),
		})),
	);
}

/** Applies the migrations as Prisma does, each as one message. */
export async function migrate(client: Client, migrations?: Migration[]): Promise<void> {
	for (const { sql } of migrations ?? (await readMigrations())) await client.query(sql);
}

/**
 * The migrations with roles of other names, `anon_x` for `anon`: so that a server which has the roles,
 * because other tests run on it, is one that does not have them yet.
 */
export async function migrationsWithRoles(suffix: string): Promise<Migration[]> {
	return (await readMigrations()).map(({ name, sql }) => ({
		name,
		sql: sql.replace(/\b(authenticated|service_role|anon|destinations_loader)\b/g, `$1_${suffix}`),
	}));
}

export const rolesWith = (suffix: string) =>
	['authenticated', 'service_role', 'anon', 'destinations_loader'].map(
		(role) => `${role}_${suffix}`,
	);
