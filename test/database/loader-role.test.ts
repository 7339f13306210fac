import { refusal, Session } from './session.ts';

// What destinations_loader may do, and that there is nothing else.

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

const asLoader = <Result>(work: () => Promise<Result>) =>
	session.as('destinations_loader', {}, work);

const readable = {
	destinations: [
		...['deleted_at', 'enabled', 'environment', 'id', 'organization_id', 'required_consent'],
		...['settings', 'settings_encrypted', 'test_mode', 'type', 'version'],
	],
	destination_audit_log: ['organization_id', 'transaction_id'],
	destination_data_keys: ['id', 'organization_id', 'wrapped_key'],
};

test('it has privileges on these columns and on nothing else of the database', async () => {
	const columns = await session.rows<{ name: string; columns: string[] }>(`
		SELECT relname AS name, array_agg(attname::text ORDER BY attname) AS columns
		  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
		 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		   AND has_column_privilege('destinations_loader', pg_class.oid, attnum, 'SELECT')
		 GROUP BY relname`);
	expect(Object.fromEntries(columns.map((row) => [row.name, row.columns]))).toEqual(readable);
	const more = await session.rows(`
		SELECT relname, privilege FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AS privilege
		 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		   AND has_any_column_privilege('destinations_loader', oid, privilege)
		UNION ALL
		SELECT relname, privilege FROM pg_class, unnest(ARRAY['SELECT', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
		 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		   AND has_table_privilege('destinations_loader', oid, privilege)
		UNION ALL
		SELECT relname, privilege FROM pg_class, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS privilege
		 WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
		   AND has_sequence_privilege('destinations_loader', oid, privilege)
		UNION ALL
		SELECT proname, 'EXECUTE' FROM pg_proc
		 WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('destinations_loader', oid, 'EXECUTE')
		UNION ALL
		SELECT nspname, 'CREATE' FROM pg_namespace WHERE has_schema_privilege('destinations_loader', oid, 'CREATE')
		UNION ALL
		SELECT rolname, 'MEMBER' FROM pg_roles
		 WHERE rolname <> 'destinations_loader' AND pg_has_role('destinations_loader', oid, 'MEMBER')`);
	expect(more).toEqual([]);
	const [role] = await session.rows<object>(
		`SELECT rolsuper, rolinherit, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
		   FROM pg_roles WHERE rolname = 'destinations_loader'`,
	);
	expect(Object.values(role ?? {})).toEqual(Array(7).fill(false));
});

test('it sees rows of every organization that are live and switched on', async () => {
	const [first, second] = [await session.newDestination(), await session.newDestination()];
	const disabled = await session.newDestination({ enabled: false });
	const deleted = await session.newDestination();
	await session.update(deleted.id, 'deleted_at = now()');
	const visible = () => session.rows<{ id: string }>('SELECT id FROM destinations');
	const ids = async () => (await asLoader(visible)).map(({ id }) => id);
	expect(await ids()).toEqual(expect.arrayContaining([first.id, second.id]));
	expect(await ids()).not.toEqual(expect.arrayContaining([disabled.id]));
	expect(await ids()).not.toEqual(expect.arrayContaining([deleted.id]));
	await session.update(disabled.id, 'enabled = true');
	expect(await ids()).toContain(disabled.id);
});

test('it reads which organizations changed, and wrapped keys', async () => {
	const { organization_id } = await session.newDestination();
	await session.rows(
		`INSERT INTO destination_data_keys (organization_id, wrapped_key) VALUES ($1, '\\x01')`,
		[organization_id],
	);
	for (const [table, columns] of Object.entries(readable)) {
		const rows = await asLoader(() =>
			session.rows(`SELECT ${columns.join(', ')} FROM ${table} WHERE organization_id = $1`, [
				organization_id,
			]),
		);
		expect([table, rows.length]).toEqual([table, 1]);
	}
});

test('tenants and anon see no more for the policies of the loader', async () => {
	const { rows } = await session.client.query(`
		SELECT polname AS name, polcmd AS command, polpermissive AS permissive,
			array(SELECT rolname::text FROM pg_roles WHERE oid = ANY (polroles)) AS roles
		  FROM pg_policy WHERE polname LIKE '%loading' ORDER BY polname`);
	expect(rows).toEqual(
		['destination_audit_log_loading', 'destination_data_keys_loading', 'destinations_loading'].map(
			(name) => ({ name, command: 'r', permissive: true, roles: ['destinations_loader'] }),
		),
	);
});

const refused = [
	...['name', 'description', 'created_by', 'updated_by', 'last_error', 'connection_status'].map(
		(column) => `SELECT ${column} FROM destinations`,
	),
	'SELECT * FROM destinations',
	'SELECT destinations FROM destinations',
	'SELECT ctid FROM destinations',
	'COPY destinations TO STDOUT',
	'SELECT id FROM destinations FOR UPDATE',
	'SELECT id FROM destinations FOR KEY SHARE',
	'UPDATE destinations SET enabled = false',
	`UPDATE destinations SET version = 1 WHERE id = '00000000-0000-0000-0000-000000000000'`,
	'DELETE FROM destinations',
	`INSERT INTO destinations (organization_id, type, name) VALUES (gen_random_uuid(), 'console', 'x')`,
	'TRUNCATE destinations',
	'BEGIN; LOCK TABLE destinations IN SHARE MODE',
	'SELECT actor_id FROM destination_audit_log',
	'SELECT changes FROM destination_audit_log',
	'SELECT destination_id FROM destination_audit_log',
	`INSERT INTO destination_audit_log (action, role, login, transaction_id) VALUES ('x', 'x', 'x', 1)`,
	'DELETE FROM destination_audit_log',
	`SELECT nextval('destination_audit_log_id_seq')`,
	'SELECT settings FROM destination_settings_history',
	'SELECT generation FROM destination_data_keys',
	`INSERT INTO destination_data_keys (organization_id, wrapped_key) VALUES (gen_random_uuid(), '\\x01')`,
	'DELETE FROM destination_data_keys',
	'SELECT id FROM organizations',
	'SELECT id FROM users',
	`SELECT destinations_claim('sub')`,
	'SET ROLE service_role',
	'SET ROLE authenticated',
	'ALTER TABLE destinations DISABLE TRIGGER USER',
	'ALTER TABLE destinations DISABLE ROW LEVEL SECURITY',
	'CREATE POLICY p ON destinations USING (true)',
	'CREATE TABLE public.more (id uuid)',
	`SET LOCAL row_security = off; SELECT id FROM destinations`,
	'SET LOCAL session_replication_role = replica',
];

describe('a login that may switch to nothing else', () => {
	const login = `loading_${process.pid}_${Date.now()}`;

	beforeAll(async () => {
		await session.client.query(
			`CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD 'x'; GRANT destinations_loader TO ${login}`,
		);
	});

	afterAll(() => session.client.query(`DROP ROLE ${login}`));

	test.each(refused)('is refused %s', async (sql) => {
		const url = new URL(session.connectionString);
		url.username = login;
		url.password = 'x';
		const client = await session.connect(url.href);
		await client.query('SET ROLE destinations_loader');
		expect((await refusal(client.query(sql))).code).toBe('42501');
		await client.end();
	});
});
