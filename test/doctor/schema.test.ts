import { newName } from '../tenancy/deployment.ts';
import { type Complaint, Examined } from './examined.ts';

let examined: Examined;

beforeAll(async () => {
	examined = await Examined.open();
});
afterAll(() => examined.close());

test("a sequence of the log's ids that is behind them", async () => {
	await examined.run(`WITH made AS (INSERT INTO organizations DEFAULT VALUES RETURNING id)
		INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM made`);
	await examined.run(`WITH made AS (INSERT INTO organizations DEFAULT VALUES RETURNING id)
		INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM made`);
	await examined.expectHealing("SELECT setval('destination_audit_log_id_seq', 1)", [
		'warning',
		/^The sequence of the log's ids is at 1, and the newest entry has 2/,
	]);
});

test('a healthy database has no failure and no warning', async () => {
	const findings = (await examined.sections()).flatMap((section) => section.findings);
	const severities = new Set(findings.map(({ severity }) => severity));
	expect(severities).toEqual(new Set(['ok', 'note']));
});

/** Each of the database's own triggers for a foreign key, which has a name of the server's making. */
const foreignKeyTrigger = (action: string) => `DO $$ BEGIN
	EXECUTE (SELECT format('ALTER TABLE destinations ${action} TRIGGER %I', tgname) FROM pg_trigger
		WHERE tgrelid = 'destinations'::regclass AND tgconstraint = (SELECT oid FROM pg_constraint
			WHERE conname = 'destinations_organization_id_fkey') LIMIT 1); END $$`;

const breakages: Record<string, [sql: string, ...Complaint[]]> = {
	'an index is missing': [
		'DROP INDEX idx_destinations_org_env',
		['failure', /^index idx_destinations_org_env of public.destinations is missing$/],
	],
	'a unique index is missing': [
		'DROP INDEX destinations_org_type_env_unique',
		['failure', /^index destinations_org_type_env_unique .* is missing$/],
	],
	'an index is invalid': [
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_destinations_type'::regclass`,
		['failure', /^index idx_destinations_type .* is invalid/],
	],
	'an index is on something else': [
		`DROP INDEX idx_destinations_enabled;
		 CREATE INDEX idx_destinations_enabled ON destinations (name)`,
		['failure', /^index idx_destinations_enabled .* is not what it was: .*\(name\)$/],
	],
	'a trigger is disabled': [
		'ALTER TABLE destinations DISABLE TRIGGER trigger_log_changed_destinations',
		['failure', /^trigger trigger_log_changed_destinations .* is disabled$/],
	],
	'a trigger runs on replicas only': [
		'ALTER TABLE destinations ENABLE REPLICA TRIGGER trigger_log_changed_destinations',
		['failure', /^trigger trigger_log_changed_destinations .* is enabled for replicas$/],
	],
	'a trigger is missing': [
		'DROP TRIGGER trigger_refuse_destination_audit_log_change ON destination_audit_log',
		['failure', /^trigger trigger_refuse_destination_audit_log_change .* is missing$/],
	],
	'a trigger does something else': [
		`DROP TRIGGER trigger_refuse_destinations_truncate ON destinations;
		 CREATE TRIGGER trigger_refuse_destinations_truncate BEFORE TRUNCATE ON destinations
			FOR EACH STATEMENT EXECUTE FUNCTION log_purged_destinations()`,
		['failure', /^trigger trigger_refuse_destinations_truncate .* is not what it was/],
	],
	'a foreign key is switched off': [
		foreignKeyTrigger('DISABLE'),
		['failure', /^constraint destinations_organization_id_fkey .* DISABLED$/],
	],
	'a policy lets more through': [
		'ALTER POLICY destinations_organization_isolation ON destinations USING (true)',
		['failure', /^policy destinations_organization_isolation .* USING \(true\)/],
	],
	'a policy is missing': [
		'DROP POLICY destinations_no_anonymous ON destinations',
		['failure', /^policy destinations_no_anonymous .* is missing$/],
	],
	"the owner's policy is missing": [
		'DROP POLICY destination_settings_history_recording ON destination_settings_history',
		['failure', /^policy destination_settings_history_recording .* is missing$/],
	],
	'a permissive policy was added': [
		'CREATE POLICY opened ON destinations FOR SELECT TO authenticated USING (true)',
		['failure', /^policy opened of public.destinations was made by no migration/],
	],
	'row level security does not bind the owner': [
		'ALTER TABLE destinations NO FORCE ROW LEVEL SECURITY',
		['failure', /^row level security public.destinations .* ENABLE, NO FORCE$/],
	],
	'row level security is off': [
		'ALTER TABLE destination_data_keys DISABLE ROW LEVEL SECURITY',
		['failure', /^row level security public.destination_data_keys .* DISABLE, FORCE$/],
	],
	'tenants may truncate': [
		'GRANT TRUNCATE ON destinations TO authenticated',
		['failure', /^authenticated may TRUNCATE on table public.destinations$/],
	],
	'everybody may read': [
		'GRANT SELECT ON destinations TO PUBLIC',
		['failure', /^PUBLIC may SELECT on table public.destinations$/],
	],
	'anon may write a column': [
		'GRANT UPDATE (enabled, name) ON destinations TO anon',
		['failure', /^anon may UPDATE \(enabled, name\) on table public.destinations$/],
	],
	'tenants may update the whole table': [
		'GRANT UPDATE ON destinations TO authenticated',
		['failure', /^authenticated may UPDATE on table public.destinations$/],
	],
	'tenants may pass on what they may': [
		'GRANT SELECT ON destinations TO authenticated WITH GRANT OPTION',
		['failure', /^authenticated may pass on SELECT on table public.destinations$/],
	],
	'tenants may move the sequence of the log': [
		'GRANT UPDATE ON SEQUENCE destination_audit_log_id_seq TO authenticated',
		['failure', /^authenticated may UPDATE on sequence public.destination_audit_log_id_seq$/],
	],
	'everybody may write the log': [
		'GRANT EXECUTE ON FUNCTION log_destinations_key_rotation() TO PUBLIC',
		['failure', /^PUBLIC may EXECUTE on function public.log_destinations_key_rotation\(\)$/],
	],
	'tenants may not insert': [
		'REVOKE INSERT ON destinations FROM authenticated',
		['failure', /^authenticated may not INSERT on table public.destinations$/],
	],
	'tenants may not change a name': [
		'REVOKE UPDATE (name) ON destinations FROM authenticated',
		['failure', /^authenticated may not UPDATE \(name\) on table public.destinations$/],
	],
	'the service may not read data keys': [
		'REVOKE ALL ON destination_data_keys FROM service_role',
		['failure', /^service_role may not .*SELECT.* on table public.destination_data_keys$/],
		['warning', /^Keys in use were not counted: permission denied/],
	],
	'tenants may not read their claims': [
		'REVOKE EXECUTE ON FUNCTION destinations_claim(text) FROM authenticated',
		['failure', /^authenticated may not EXECUTE on function public.destinations_claim/],
	],
	'a function runs as its caller': [
		'ALTER FUNCTION log_created_destinations() SECURITY INVOKER',
		['failure', /^function public.log_created_destinations\(\) is not what it was: from line 4/],
	],
	'a function has no search_path': [
		'ALTER FUNCTION log_created_destinations() RESET search_path',
		[
			'failure',
			/^function public.log_created_destinations\(\) looks names up where its caller says/,
		],
	],
	'a function does something else': [
		`CREATE OR REPLACE FUNCTION destinations_claim(claim text) RETURNS uuid LANGUAGE plpgsql STABLE
			SET search_path = '' AS 'BEGIN RETURN NULL; END'`,
		['failure', /^function public.destinations_claim\(claim text\) .* RETURN NULL/],
		['failure', /^function public.destinations_claim\(claim text\) looks names up/],
	],
	'a function is missing': [
		'DROP FUNCTION destination_settings_fields(uuid, integer)',
		['failure', /^function public.destination_settings_fields.* is missing$/],
	],
	'a constraint is missing': [
		'ALTER TABLE destinations DROP CONSTRAINT destinations_valid_type',
		['failure', /^constraint destinations_valid_type .* is missing$/],
	],
	'a constraint was never checked': [
		`ALTER TABLE destinations DROP CONSTRAINT destinations_valid_last_error,
			ADD CONSTRAINT destinations_valid_last_error CHECK (char_length(last_error) <= 500) NOT VALID`,
		['failure', /^constraint destinations_valid_last_error .* NOT VALID$/],
	],
	'a constraint allows more': [
		`ALTER TABLE destinations DROP CONSTRAINT destinations_settings_size,
			ADD CONSTRAINT destinations_settings_size CHECK (octet_length(settings::text) <= 999999)`,
		['failure', /^constraint destinations_settings_size .* 999999/],
	],
	'a foreign key is missing': [
		'ALTER TABLE destinations DROP CONSTRAINT destinations_created_by_fkey',
		['failure', /^constraint destinations_created_by_fkey .* is missing$/],
	],
	'a column has no default': [
		'ALTER TABLE destinations ALTER enabled DROP DEFAULT',
		['failure', /^column enabled of public.destinations .* boolean NOT NULL$/],
	],
	'a column may be null': [
		'ALTER TABLE destinations ALTER connection_status DROP NOT NULL',
		['failure', /^column connection_status of public.destinations is not what it was/],
	],
	'a column has another type': [
		'ALTER TABLE destinations ALTER description TYPE varchar(9)',
		['failure', /^column description of public.destinations .* character varying\(9\)$/],
	],
	'a column is missing': [
		'ALTER TABLE destinations DROP COLUMN test_mode',
		['failure', /^column test_mode of public.destinations is missing$/],
		['failure', /^authenticated may not UPDATE \(test_mode\) on table public.destinations$/],
		['failure', /^destinations_loader may not SELECT \(test_mode\) on table public.destinations$/],
	],
	'the share of a page to fill is another': [
		'ALTER TABLE destinations RESET (fillfactor)',
		['note', /^storage public.destinations is missing$/],
	],
	'a trigger was added': [
		`CREATE TRIGGER a_trigger BEFORE DELETE ON destination_data_keys
			FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		['warning', /^trigger a_trigger of public.destination_data_keys was made by no migration/],
	],
	'a constraint was added': [
		'ALTER TABLE destinations ADD CONSTRAINT a_check CHECK (version < 1000)',
		['warning', /^constraint a_check of public.destinations was made by no migration/],
	],
	'a rule was added': [
		'CREATE RULE a_rule AS ON DELETE TO destination_data_keys DO INSTEAD NOTHING',
		['failure', /^rule a_rule of public.destination_data_keys was made by no migration/],
	],
	'a function of the same name was added, with the path of the others': [
		`CREATE FUNCTION destinations_claim(integer) RETURNS uuid LANGUAGE sql
			SET search_path = pg_catalog, pg_temp AS 'SELECT NULL::uuid'`,
		['warning', /^function public.destinations_claim\(integer\) was made by no migration/],
	],
	'a function of the same name was added': [
		`CREATE FUNCTION destinations_claim(varchar) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'`,
		['failure', /^function public.destinations_claim\(character varying\) looks names up/],
		[
			'warning',
			/^function public.destinations_claim\(character varying\) was made by no migration/,
		],
	],
	'building an index was interrupted': [
		`CREATE INDEX an_index ON destinations (name);
		 UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'an_index'::regclass`,
		['warning', /^index an_index of public.destinations is invalid/],
	],
};

test.each(Object.entries(breakages))(
	'%s, and the fix heals it',
	async (_, [sql, ...complaints]) => {
		await examined.expectHealing(sql, ...complaints);
	},
);

test('what a restored dump spells in another way is the same', async () => {
	await examined.run(`DO $$
		DECLARE
			made record;
		BEGIN
			FOR made IN
				SELECT format('DROP TRIGGER %I ON %s; %s', tgname, tgrelid::regclass, pg_get_triggerdef(oid)) AS again
					FROM pg_trigger WHERE NOT tgisinternal
				UNION ALL
				SELECT format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s', conrelid::regclass,
						conname, pg_get_constraintdef(oid))
					FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
				UNION ALL
				SELECT format('ALTER TABLE %s ALTER %I SET DEFAULT %s', adrelid::regclass, attname,
						pg_get_expr(adbin, adrelid))
					FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
				UNION ALL
				SELECT format('DROP INDEX %s; %s', indexrelid::regclass, pg_get_indexdef(indexrelid))
					FROM pg_index WHERE indpred IS NOT NULL AND indrelid::regclass::text LIKE 'destination%'
				UNION ALL
				SELECT format('ALTER POLICY %I ON %s USING (%s)', polname, polrelid::regclass,
						pg_get_expr(polqual, polrelid))
					FROM pg_policy WHERE polqual IS NOT NULL
			LOOP
				EXECUTE made.again;
			END LOOP;
		END $$`);
	expect(await examined.complaints()).toEqual([]);
});

test("the host's own indexes are only noted, without a fix", async () => {
	await examined.run('CREATE INDEX host_index ON destinations (name)');
	expect(await examined.complaints()).toEqual([
		{ severity: 'note', message: expect.stringMatching(/^index host_index .* no migration/) },
	]);
	await examined.run('DROP INDEX host_index');
});

test("a host's own column gets a warning", async () => {
	await examined.run('ALTER TABLE destinations ADD COLUMN host_column text');
	expect(await examined.complaints()).toEqual([
		expect.objectContaining({ severity: 'warning', message: expect.stringMatching(/host_column/) }),
	]);
	await examined.run('ALTER TABLE destinations DROP COLUMN host_column');
});

test("another role's grants get a warning, a login's are a failure", async () => {
	const role = newName();
	examined.deployment.dropLater(role);
	await examined.run(`CREATE ROLE ${role}`);
	await examined.expectHealing(`GRANT SELECT ON destinations TO ${role}`, [
		'warning',
		new RegExp(`^${role} may SELECT on table public.destinations$`),
	]);
	const login = new URL(examined.tenantUrl).username;
	await examined.expectHealing(`GRANT SELECT ON destinations TO ${login}`, [
		'failure',
		new RegExp(`^${login} may SELECT on table public.destinations$`),
	]);
});

test('what belongs to another owner than the tables does', async () => {
	const role = newName();
	await examined.run(`CREATE ROLE ${role}`);
	examined.deployment.dropLater(role);
	await examined.expectHealing(
		`ALTER FUNCTION keep_replaced_destination_settings() OWNER TO ${role};
		 ALTER TABLE destination_audit_log OWNER TO ${role}`,
		['failure', /^policy destination_audit_log_advancing .* TO postgres/],
		['failure', /^policy destination_audit_log_recording .* TO postgres/],
		['failure', /^policy destination_audit_log_retention .* TO postgres/],
		['failure', new RegExp(`^function .*keep_replaced.* belongs to ${role}, .* to postgres$`)],
		['failure', new RegExp(`^table public.destination_audit_log belongs to ${role}`)],
		['failure', new RegExp(`^sequence public.destination_audit_log_id_seq belongs to ${role}`)],
	);
});

test('where it is not known which migrations ran, a fix says so first', async () => {
	const other = await Examined.open();
	try {
		await other.run(
			'DROP INDEX idx_destinations_type; REVOKE SELECT ON destinations_migrations._prisma_migrations FROM service_role',
		);
		expect((await other.complaints()).at(-1)).toMatchObject({
			message: 'index idx_destinations_type of public.destinations is missing',
			fix: expect.stringMatching(/^If 20261123000003_destinations has not run/),
		});
	} finally {
		await other.close();
	}
});

test('a missing table is told by one line', async () => {
	const other = await Examined.open();
	try {
		await other.run('DROP TABLE destination_data_keys');
		expect(await other.complaints()).toEqual([
			expect.objectContaining({
				severity: 'failure',
				message: 'table public.destination_data_keys is missing',
				fix: expect.stringMatching(/backup.*20261123000008_data_keys/),
			}),
		]);
	} finally {
		await other.close();
	}
});
