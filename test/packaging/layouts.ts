import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readEnvFile } from '../../src/setup/env-file.ts';
import {
	createDatabase,
	withClient,
	withDatabase,
	withLogin,
} from '../../src/testing/databases.ts';
import { createTestKeys } from '../../src/testing/index.ts';
import { formerSql } from '../adoption/former-sql.ts';
import { grantScript } from '../support/grant-script.ts';
import { cjs, found } from './programs.ts';
import type { Service } from './service.ts';

/** What a database has before this package comes, and what its owner does beside `prisma migrate deploy`. */
interface Layout {
	/** SQL of an administrator, on a server without any role, that leaves the login `migrator` with its rights. */
	readonly setup: string;
	/** What makes the tables, in the place of `prisma migrate deploy`. */
	readonly command?: string;
	/** Scripts of `prisma/grants` that their owner runs after it, with their variables. */
	readonly scripts?: Readonly<Record<string, Record<string, string>>>;
}

const owner = `
	CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'p';
	GRANT CREATE ON SCHEMA public TO migrator;
	DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO migrator', current_database()); END $$;`;

const platform = `
	CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL DEFAULT 'Acme');
	CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text);
	ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
	ALTER TABLE users ENABLE ROW LEVEL SECURITY;
	INSERT INTO organizations DEFAULT VALUES;
	INSERT INTO users DEFAULT VALUES;`;

/** Roles, memberships and default privileges as `pg_dumpall --roles-only` and `pg_dump` show them of a project. */
const supabase = `
	CREATE ROLE anon NOLOGIN INHERIT;
	CREATE ROLE authenticated NOLOGIN INHERIT;
	CREATE ROLE service_role NOLOGIN INHERIT BYPASSRLS;
	CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD 'p';
	CREATE ROLE supabase_auth_admin NOINHERIT CREATEROLE LOGIN PASSWORD 'p';
	CREATE ROLE migrator LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD 'p';
	GRANT anon, authenticated, service_role TO authenticator;
	GRANT anon, authenticated, service_role, authenticator TO migrator WITH ADMIN OPTION;
	DO $$ BEGIN EXECUTE format('GRANT ALL ON DATABASE %I TO migrator', current_database()); END $$;
	GRANT ALL ON SCHEMA public TO migrator;
	GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
	CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
	CREATE TABLE auth.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text);
	CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS
		$$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
	ALTER TABLE auth.users OWNER TO supabase_auth_admin;
	ALTER FUNCTION auth.jwt() OWNER TO supabase_auth_admin;
	GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, migrator;
	GRANT SELECT, TRIGGER, REFERENCES ON auth.users TO migrator;
	ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
		GRANT ALL ON TABLES TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
		GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
		GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
	INSERT INTO auth.users DEFAULT VALUES;
	SET ROLE migrator;
	CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL DEFAULT 'Acme');
	ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
	CREATE POLICY members ON organizations TO authenticated USING (auth.jwt() ->> 'org' = id::text);
	INSERT INTO organizations DEFAULT VALUES;
	RESET ROLE;`;

/** Every layout of `docs/guides/migrate.md`, and a table that is adopted. */
export const layouts: Readonly<Record<string, Layout>> = {
	'an empty database': { setup: owner },
	"a host's database": {
		setup: `${owner} SET ROLE migrator; ${platform} RESET ROLE;`,
		scripts: { 'platform-tables.sql': {} },
	},
	'the database of another Prisma project': {
		setup: `${owner} SET ROLE migrator; ${platform}
			CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
				migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
				started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
			INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
				VALUES ('1', 'abc', '20250101000000_platform', now());
			RESET ROLE;`,
		scripts: { 'platform-tables.sql': {} },
	},
	"Supabase's layout": {
		setup: supabase,
		scripts: {
			'platform-tables.sql': {},
			'tenants-elsewhere.sql': {
				tenants: '',
				tenant_key: 'id',
				users: 'auth.users',
				user_key: 'id',
			},
		},
	},
	'a table that is adopted': {
		setup: `${owner}
			CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role;
			GRANT anon, authenticated, service_role TO migrator WITH ADMIN OPTION;
			SET ROLE migrator; ${formerSql}
			INSERT INTO organizations DEFAULT VALUES;
			INSERT INTO users DEFAULT VALUES;
			INSERT INTO destinations (organization_id, type, name, settings, created_by)
				SELECT o.id, 'console', 'adopted', '{"logLevel": "debug"}', u.id FROM organizations AS o, users AS u;
			ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
			ALTER TABLE users ENABLE ROW LEVEL SECURITY;
			RESET ROLE;`,
		command: 'consent-destinations adopt --apply',
		scripts: { 'platform-tables.sql': {} },
	},
};

/**
 * Goes a service's whole way on a new server: the tables, its logins by `init`, a second deployment, which has nothing to do,
 * a `doctor` that finds neither a failure nor a warning, and a first destination.
 *
 * @throws with what a command printed.
 */
export async function goesWell(
	service: Service,
	serverUrl: string,
	{ setup, command = 'prisma migrate deploy', scripts = {} }: Layout,
): Promise<void> {
	await withClient(serverUrl, (admin) => createDatabase(admin, 'layout'));
	const adminUrl = withDatabase(serverUrl, 'layout');
	await withClient(adminUrl, (client) => client.query(setup));
	const asMigrator = {
		DATABASE_URL: withLogin(adminUrl, 'migrator', 'p'),
		DESTINATIONS_ENCRYPTION_KEYS: createTestKeys(),
	};
	const run = async (command: string, environment: Record<string, string>, input = '') => {
		const { status, stdout, output } = await service.run(command, { environment, input });
		if (status !== 0) throw new Error(`${command} ended with ${status}:\n${output}`);
		return stdout;
	};

	await run(command, asMigrator);
	for (const [script, variables] of Object.entries(scripts)) {
		const sql = await grantScript(script, variables);
		await withClient(asMigrator.DATABASE_URL, (client) => client.query(sql));
	}
	const file = `${randomUUID()}.env`;
	await run(`consent-destinations init --file ${file}`, asMigrator);
	const again = await run('prisma migrate deploy', asMigrator);
	if (!again.includes('No pending migrations')) throw new Error(again);

	const variables = await readEnvFile(join(service.folder, file));
	const asService = { ...asMigrator, ...Object.fromEntries(variables) };
	const findings = await run('consent-destinations doctor', asService);
	if (!/^0 failures, 0 warnings,/m.test(findings)) throw new Error(findings);

	const { rows } = await withClient(adminUrl, (client) =>
		client.query<{ id: string }>(
			'INSERT INTO organizations SELECT FROM generate_series(1, 2) RETURNING id',
		),
	);
	const [one = '', other = ''] = rows.map(({ id }) => id);
	const organizations = { ORGANIZATION_ID: one, OTHER_ORGANIZATION_ID: other };
	const written = await run('node --input-type=commonjs', { ...asService, ...organizations }, cjs);
	if (!isDeepStrictEqual(JSON.parse(written), found)) throw new Error(written);
}
