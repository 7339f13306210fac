import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, DatabaseError } from 'pg';
import { readCatalog } from '../catalog/catalog.ts';
import { createTestDatabase } from '../support/database.ts';
import {
	HostDatabase,
	migrate,
	migrationsWithRoles,
	readMigrations,
	rolesWith,
} from './migrations.ts';
import { refusal } from './session.ts';

const unique = () => randomBytes(6).toString('hex');

async function onHost(setup: string, work: (host: HostDatabase) => Promise<void>): Promise<void> {
	const host = await HostDatabase.open(setup);
	try {
		await work(host);
	} finally {
		await host.close();
	}
}

const tables = (client: Client) =>
	client
		.query<{ name: string }>(
			`SELECT relname AS name FROM pg_class
			 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
		)
		.then(({ rows }) => rows.map(({ name }) => name));

async function prisma(connectionString: string, ...command: string[]): Promise<string> {
	const { stdout } = await promisify(execFile)(
		process.execPath,
		[join(process.cwd(), 'node_modules/prisma/build/index.js'), ...command],
		{ env: { ...process.env, DATABASE_URL: connectionString } },
	);
	return stdout;
}

describe('the Prisma command', () => {
	test('finds no drift between schema.prisma and the migrated database', async () => {
		const database = await createTestDatabase();
		try {
			const found = await prisma(
				database.connectionString,
				...['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma'],
				'--exit-code',
			);
			expect(found).toContain('No difference detected');
		} finally {
			await database.drop();
		}
	});

	test('has nothing to do a second time', async () => {
		const database = await createTestDatabase();
		try {
			const answer = await prisma(database.connectionString, 'migrate', 'deploy');
			expect(answer).toContain('No pending migrations');
		} finally {
			await database.drop();
		}
	});
});

test('schema.prisma has the columns of each table in their order', async () => {
	const schema = await readFile(join(process.cwd(), 'prisma/schema.prisma'), 'utf8');
	const scalar =
		/^ {2}(\w+) +(?:String|Json|Boolean|DateTime|Int|BigInt|Bytes)\b(?:.*@map\("(\w+)"\))?/gm;
	const inSchema = [...schema.matchAll(/^model [\s\S]*?^}/gm)].map(([model]) => [
		/@@map\("(\w+)"\)/.exec(model)?.[1],
		[...model.matchAll(scalar)].map(([, field, column = field]) => column),
	]);
	await onHost('', async ({ client }) => {
		await migrate(client);
		const { rows } = await client.query<{ name: string; columns: string[] }>(`
			SELECT relname AS name, array_agg(attname::text ORDER BY attnum) AS columns
			FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY 1`);
		const inDatabase = rows.map(({ name, columns }) => [name, columns]);
		expect(Object.fromEntries(inSchema)).toEqual(Object.fromEntries(inDatabase));
	});
});

test('every migration says what it is and stops waiting', async () => {
	for (const { name, sql } of await readMigrations()) {
		const [what, ...rest] = sql.split('\n');
		expect([name, what]).toEqual([name, expect.stringMatching(/^-- What: +\S/)]);
		expect(rest.join('\n')).toMatch(/^-- Why: +\S[\s\S]*^-- Breaking: +\S/m);
		expect(sql).toMatch(
			/^SET LOCAL lock_timeout = '\d+s';\nSET LOCAL statement_timeout = '\d+s';$/m,
		);
	}
});

test('no timeout stays on the connection', () =>
	onHost('', async ({ client }) => {
		const settings = `SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s`;
		const before = (await client.query(settings)).rows;
		for (const migration of await readMigrations()) {
			await migrate(client, [migration]);
			expect((await client.query(settings)).rows).toEqual(before);
		}
	}));

test('twenty databases of a server without the roles are migrated at once', async () => {
	const suffix = unique();
	const hosts = await Promise.all(Array.from({ length: 20 }, () => HostDatabase.open()));
	try {
		const migrations = await migrationsWithRoles(suffix);
		await Promise.all(hosts.map(({ client }) => migrate(client, migrations)));
		const [first, ...others] = await Promise.all(
			hosts.map(({ connectionString }) => readCatalog(connectionString)),
		);
		for (const other of others) expect(other).toEqual(first);
	} finally {
		const [last, ...others] = hosts;
		for (const { client } of others) {
			await client.query(`DROP OWNED BY ${rolesWith(suffix).join(', ')} CASCADE`);
		}
		last?.dropLater(...rolesWith(suffix));
		for (const host of [...others, last]) await host?.close();
	}
});

describe('a migrator that is no superuser', () => {
	async function asMigrator(
		attributes: string,
		work: (host: HostDatabase, migrator: string, suffix: string) => Promise<void>,
	): Promise<void> {
		await onHost('', async (host) => {
			const suffix = unique();
			const migrator = await host.createRole(`migrator_${suffix}`, attributes);
			await host.client.query(`
				GRANT CREATE ON SCHEMA public TO ${migrator};
				DO $$ BEGIN
					EXECUTE format('GRANT CREATE ON DATABASE %I TO ${migrator}', current_database());
				END $$`);
			host.dropLater(...rolesWith(suffix));
			await work(host, migrator, suffix);
		});
	}

	test('needs CREATEROLE, and becomes service_role for a backfill once it granted itself the role', () =>
		asMigrator('CREATEROLE NOINHERIT', async (host, migrator, suffix) => {
			const migrations = await migrationsWithRoles(suffix);
			const service = `service_role_${suffix}`;
			await host.as(migrator, async () => {
				await migrate(host.client, migrations);
				await host.client.query(`
					GRANT ${service} TO CURRENT_USER;
					BEGIN;
					SET LOCAL ROLE ${service};
					INSERT INTO organizations DEFAULT VALUES;
					INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM organizations;
					COMMIT`);
				expect((await host.client.query('SELECT FROM destinations')).rowCount).toBe(0);
			});
			expect((await host.client.query('SELECT FROM destinations')).rowCount).toBe(1);
		}));

	test('without CREATEROLE is told which role is missing, and what to do', () =>
		asMigrator('', async (host, migrator, suffix) => {
			const migrations = await migrationsWithRoles(suffix);
			const error = await refusal(host.as(migrator, () => migrate(host.client, migrations)));
			expect(error).toMatchObject({
				code: '42501',
				message: `role authenticated_${suffix} does not exist, and ${migrator} may not create it`,
				hint: expect.stringContaining(`CREATE ROLE authenticated_${suffix}`),
			});
		}));

	test('without CREATEROLE is enough where the roles are there', () =>
		asMigrator('', async (host, migrator) => {
			await host.as(migrator, async () => migrate(host.client));
			expect(await tables(host.client)).toEqual(
				expect.arrayContaining(['destination_audit_log', 'destinations', 'organizations', 'users']),
			);
		}));
});

test('roles that exist stay as they are', () =>
	onHost('', async (host) => {
		const suffix = unique();
		const [authenticated = '', service = '', anon = ''] = rolesWith(suffix);
		await host.createRole(authenticated, 'LOGIN CREATEDB');
		await host.createRole(service, 'BYPASSRLS');
		host.dropLater(anon);
		const attributes = () =>
			host.client.query('SELECT * FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname', [
				[authenticated, service],
			]);
		const before = (await attributes()).rows;
		await migrate(host.client, await migrationsWithRoles(suffix));
		expect((await attributes()).rows).toEqual(before);
	}));

describe('a platform that has organizations and users', () => {
	/** The platform's rows, and everything in the database but what is named after destinations. */
	async function snapshot({ client, connectionString }: HostDatabase) {
		const { rows } = await client.query(`
			SELECT (SELECT json_agg(o ORDER BY id) FROM public.organizations o) AS organizations,
				(SELECT json_agg(u ORDER BY id) FROM public.users u) AS users`);
		const isOurs = (line: string) => /\bpublic\.\w*destination/.test(line.split(': ')[0] ?? '');
		return { rows, catalog: (await readCatalog(connectionString)).filter((line) => !isOurs(line)) };
	}

	const platform = `
		CREATE TABLE organizations (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE, plan text DEFAULT 'free');
		CREATE TABLE users (
			email text PRIMARY KEY, id uuid NOT NULL UNIQUE, organization_id uuid REFERENCES organizations);
		INSERT INTO organizations (name) SELECT 'org ' || i FROM generate_series(1, 5) AS i;
		INSERT INTO users (email, id, organization_id)
			SELECT name || '@example.org', gen_random_uuid(), id FROM organizations;
		COMMENT ON TABLE organizations IS 'Ours.';`;

	const supabase = `
		CREATE SCHEMA auth AUTHORIZATION auth_owner;
		CREATE TABLE auth.users (id uuid PRIMARY KEY);
		CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS
			$$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
		ALTER TABLE auth.users OWNER TO auth_owner;
		ALTER FUNCTION auth.jwt() OWNER TO auth_owner;
		GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
		GRANT ALL ON organizations, users TO anon, authenticated, service_role;
		ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
		CREATE POLICY members ON organizations TO authenticated USING (auth.jwt() ->> 'org' = id::text);
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;`;

	async function onPlatform(work: (host: HostDatabase) => Promise<void>): Promise<void> {
		await onHost(platform, work);
	}

	async function onSupabase(
		work: (host: HostDatabase, migrator: string) => Promise<void>,
	): Promise<void> {
		await onPlatform(async (host) => {
			const suffix = unique();
			const owner = await host.createRole(`auth_owner_${suffix}`);
			const migrator = await host.createRole(`migrator_${suffix}`, 'CREATEROLE');
			const own = (sql: string) => sql.replaceAll('auth_owner', owner);
			await host.client.query(own(supabase));
			await host.client.query(`
				GRANT CREATE ON SCHEMA public TO ${migrator};
				GRANT REFERENCES (id) ON organizations, users TO ${migrator};
				ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} GRANT ALL ON TABLES TO anon, authenticated, service_role;
				ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role`);
			await work(host, migrator);
		});
	}

	test('keeps them as they are', () =>
		onPlatform(async (host) => {
			const before = await snapshot(host);
			await migrate(host.client);
			const after = await snapshot(host);
			expect(after.rows).toEqual(before.rows);
			expect(after.catalog).toEqual(expect.arrayContaining(before.catalog));
			const added = after.catalog.filter((line) => !before.catalog.includes(line));
			expect(added.filter((line) => !/ auth\b/.test(line))).toEqual([]);
		}));

	test("keeps them on Supabase's layout, its schema auth and its policies too", () =>
		onSupabase(async (host, migrator) => {
			const before = await snapshot(host);
			await host.as(migrator, async () => migrate(host.client));
			expect(await snapshot(host)).toEqual(before);
		}));

	test('gives nobody more than intended, whatever it grants on new tables and functions', () =>
		onSupabase(async (host, migrator) => {
			await host.as(migrator, async () => migrate(host.client));
			const template = await createTestDatabase();
			try {
				const grants = (lines: string[]) =>
					lines.filter((line) => /^grant on \w+ public\.\w*destination/.test(line));
				expect(grants(await readCatalog(host.connectionString))).toEqual(
					grants(await readCatalog(template.connectionString)),
				);
			} finally {
				await template.drop();
			}
		}));

	test('works as a tenant there', () =>
		onSupabase(async (host, migrator) => {
			await host.as(migrator, async () => migrate(host.client));
			const [organization] = (await host.client.query('SELECT id FROM organizations LIMIT 1')).rows;
			await host.client.query('BEGIN; SET LOCAL ROLE authenticated');
			await host.client.query(`SELECT set_config('request.jwt.claims', $1, true)`, [
				JSON.stringify({ organization_id: organization.id }),
			]);
			const { rowCount } = await host.client.query(
				`INSERT INTO destinations (organization_id, type, name) VALUES ($1, 'console', 'x')`,
				[organization.id],
			);
			expect(rowCount).toBe(1);
			await host.client.query('COMMIT');
		}));

	test('needs no auth.jwt() where schema auth is out of reach', () =>
		onPlatform(async (host) => {
			const suffix = unique();
			const owner = await host.createRole(`auth_owner_${suffix}`);
			const migrator = await host.createRole(`migrator_${suffix}`);
			await host.client.query(`
				CREATE SCHEMA auth AUTHORIZATION ${owner};
				GRANT CREATE ON SCHEMA public TO ${migrator};
				GRANT REFERENCES (id) ON organizations, users TO ${migrator}`);
			const before = await snapshot(host);
			await host.as(migrator, async () => migrate(host.client));
			expect(await snapshot(host)).toEqual(before);
		}));

	test('can do without the first migration, as Prisma has it for a database that it never saw', () =>
		onPlatform(async (host) => {
			await migrate(host.client, (await readMigrations()).slice(1));
			expect(await tables(host.client)).toContain('destinations');
		}));

	test('may have one of the two tables', () =>
		onHost('CREATE TABLE users (id uuid PRIMARY KEY, email text)', async (host) => {
			await migrate(host.client);
			const catalog = await readCatalog(host.connectionString);
			const about = (table: string) =>
				catalog.filter((line) => line.includes(`public.${table}`) && /^(grant|policy)/.test(line));
			expect(about('users')).toEqual([]);
			expect(about('organizations')).toHaveLength(5);
		}));

	test.each<[string, string, Record<string, unknown>]>([
		[
			'id is a bigint',
			'CREATE TABLE organizations (id bigint PRIMARY KEY)',
			{
				code: '42804',
				table: 'organizations',
				column: 'id',
				message:
					'public.organizations must have a column "id" of type uuid, but it is of type bigint',
			},
		],
		[
			'id is text',
			'CREATE TABLE users (id text PRIMARY KEY)',
			{
				code: '42804',
				table: 'users',
				message: 'public.users must have a column "id" of type uuid, but it is of type text',
			},
		],
		[
			'there is no id',
			'CREATE TABLE users (user_id uuid PRIMARY KEY)',
			{
				code: '42804',
				table: 'users',
				message: 'public.users must have a column "id" of type uuid, but there is none',
			},
		],
		[
			'id is no key',
			'CREATE TABLE users (id uuid)',
			{ code: '42830', table: 'users', hint: expect.stringContaining('ADD PRIMARY KEY (id)') },
		],
		[
			'id is half a key',
			'CREATE TABLE users (id uuid, at date, PRIMARY KEY (id, at))',
			{ code: '42830', table: 'users' },
		],
		[
			'id is unique among some',
			'CREATE TABLE users (id uuid); CREATE UNIQUE INDEX ON users (id) WHERE id IS NOT NULL',
			{ code: '42830', table: 'users' },
		],
		[
			'id is a key at the end of the transaction',
			'CREATE TABLE users (id uuid PRIMARY KEY DEFERRABLE)',
			{ code: '42830', table: 'users' },
		],
		[
			'it is a view',
			'CREATE VIEW organizations AS SELECT gen_random_uuid() AS id',
			{ code: '42809', table: 'organizations' },
		],
	])('is refused, and nothing is made, where %s', (_, setup, expected) =>
		onHost(setup, async (host) => {
			const before = await tables(host.client);
			expect(await refusal(migrate(host.client))).toMatchObject(expected);
			expect(await tables(host.client)).toEqual(before);
		}),
	);

	test('takes a unique index for a key, and a partitioned table', () =>
		onHost(
			`CREATE TABLE users (id uuid); CREATE UNIQUE INDEX ON users (id);
			 CREATE TABLE organizations (id uuid PRIMARY KEY) PARTITION BY HASH (id);
			 CREATE TABLE part PARTITION OF organizations FOR VALUES WITH (MODULUS 1, REMAINDER 0)`,
			async ({ client }) => migrate(client),
		));

	test('is not kept waiting: a lock that does not come ends the migration, and nothing is made', () =>
		onPlatform(async (host) => {
			const writer = new Client({ connectionString: host.connectionString });
			await writer.connect();
			const waited: string[] = [];
			try {
				for (const migration of await readMigrations()) {
					const before = await tables(host.client);
					await writer.query(
						`BEGIN; UPDATE organizations SET plan = 'pro'; UPDATE users SET email = email`,
					);
					const sql = migration.sql.replace(/lock_timeout = '\d+s'/, `lock_timeout = '50ms'`);
					const run = migrate(host.client, [{ ...migration, sql }]);
					const code = await run.then(
						() => undefined,
						(error: unknown) => error instanceof DatabaseError && error.code,
					);
					await writer.query('COMMIT');
					if (code === undefined) continue;
					expect([migration.name, code]).toEqual([migration.name, '55P03']);
					expect(await tables(host.client)).toEqual(before);
					waited.push(migration.name);
					await migrate(host.client, [migration]);
				}
			} finally {
				await writer.end();
			}
			// Those that refer to the platform's tables, and no other.
			expect(waited).toEqual(['20261123000003_destinations', '20261123000008_data_keys']);
		}));
});
