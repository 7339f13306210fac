import { readCatalog } from '../catalog/catalog.ts';
import {
	HostDatabase,
	migrate,
	migrationsWithRoles,
	readMigrations,
	rolesWith,
} from './migrations.ts';
import { refusal } from './session.ts';

let host: HostDatabase;

beforeEach(async () => {
	// As Supabase does, which grants everybody everything on what is created.
	host = await HostDatabase.open(`
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role`);
});

afterEach(() => host.close());

/** What anon, tenants and the service may do with tables, sequences and functions that destinations have. */
async function access(): Promise<string[]> {
	const { rows } = await host.client.query<{ access: string }>(`
		SELECT concat_ws(' ', role, privilege, object) AS access
		FROM unnest(ARRAY['anon', 'authenticated', 'service_role', 'destinations_loader']) AS role, LATERAL (
			SELECT relname AS object, privilege
			FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE 'destination%'
				AND has_any_column_privilege(role, oid, privilege)
			UNION ALL SELECT relname, privilege
			FROM pg_class, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE 'destination%'
				AND has_table_privilege(role, oid, privilege)
			UNION ALL SELECT relname, privilege
			FROM pg_class, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS privilege
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
				AND has_sequence_privilege(role, oid, privilege)
			UNION ALL SELECT proname, 'EXECUTE' FROM pg_proc
			WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(role, oid, 'EXECUTE')
		) AS granted ORDER BY 1`);
	return rows.map((row) => row.access);
}

/** Tables that show somebody a row: without row level security, or with a policy. */
async function openTables(): Promise<string[]> {
	const { rows } = await host.client.query<{ name: string }>(`
		SELECT relname AS name FROM pg_class AS c
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND (
			NOT relrowsecurity OR NOT relforcerowsecurity
			OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))
		ORDER BY 1`);
	return rows.map(({ name }) => name);
}

const readsClaims = [
	'authenticated EXECUTE destinations_claim',
	'service_role EXECUTE destinations_claim',
];

test('nobody reaches a table before the last migration', async () => {
	const migrations = await readMigrations();
	for (const [at, migration] of migrations.slice(0, -1).entries()) {
		await migrate(host.client, [migration]);
		expect([migration.name, await openTables()]).toEqual([migration.name, []]);
		expect([migration.name, await access()]).toEqual([migration.name, at === 0 ? [] : readsClaims]);
	}
	await migrate(host.client, migrations.slice(-1));
	expect(await openTables()).toEqual([
		'destination_audit_log',
		'destination_data_keys',
		'destination_settings_history',
		'destinations',
		'organizations',
		'users',
	]);
	expect(await access()).toEqual(
		expect.arrayContaining([...readsClaims, 'authenticated SELECT destinations']),
	);
});

// Later ones may, because these cannot be edited.
test('no migration of 1.0.0 changes what an earlier one made', async () => {
	let before: string[] = [];
	const first = (await readMigrations()).filter(({ name }) => name.startsWith('20261123'));
	for (const migration of first) {
		await migrate(host.client, [migration]);
		const after = await readCatalog(host.connectionString);
		const changed = before.filter(
			(line) =>
				!after.includes(line) && !/^grant on table public.(organizations|users) /.test(line),
		);
		expect([migration.name, changed]).toEqual([migration.name, []]);
		before = after;
	}
});

test('a migration that fails at its end leaves nothing behind, and runs when the cause is gone', async () => {
	const roles = rolesWith(`failed_${process.pid}`);
	host.dropLater(...roles);
	const settings = `SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),
		current_setting('search_path')`;
	const state = async () => ({
		catalog: await readCatalog(host.connectionString),
		roles: (
			await host.client.query('SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)', [roles])
		).rows,
		settings: (await host.client.query(settings)).rows,
	});
	for (const migration of await migrationsWithRoles(`failed_${process.pid}`)) {
		const before = await state();
		const failing = { ...migration, sql: `${migration.sql};\nSELECT 1 / 0` };
		expect((await refusal(migrate(host.client, [failing]))).code).toBe('22012');
		expect(await state()).toEqual(before);
		await migrate(host.client, [migration]);
		expect((await state()).catalog.length).toBeGreaterThan(before.catalog.length);
	}
});

test('a migration that has run does not run twice, and changes nothing where it is tried', async () => {
	const [first, ...others] = await readMigrations();
	if (first === undefined) throw new Error('There are no migrations');
	await migrate(host.client, [first, first]);
	for (const migration of others) {
		await migrate(host.client, [migration]);
		const before = await readCatalog(host.connectionString);
		// A table, a function or a policy that already exists.
		expect((await refusal(migrate(host.client, [migration]))).code).toMatch(
			/^(42P07|42723|42710)$/,
		);
		expect(await readCatalog(host.connectionString)).toEqual(before);
	}
});
