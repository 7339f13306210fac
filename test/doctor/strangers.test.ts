import { newName } from '../tenancy/deployment.ts';
import { type Complaint, Examined } from './examined.ts';

// What an attack that once ran as somebody powerful may have left, to come back by.

let examined: Examined;
let tenant: string;
let service: string;
let other: string;

beforeAll(async () => {
	examined = await Examined.open();
	tenant = new URL(examined.tenantUrl).username;
	service = new URL(examined.serviceUrl).username;
	other = newName();
	examined.deployment.dropLater(other);
	await examined.run(`CREATE ROLE ${other} LOGIN; DO $$ BEGIN
		EXECUTE format('GRANT CONNECT ON DATABASE %I TO ${other}', current_database()); END $$`);
});
afterAll(async () => {
	await examined.run(`DROP OWNED BY ${other}`);
	await examined.close();
});

type Left = [what: string, sql: () => string, ...Complaint[]];

const left: Left[] = [
	[
		'one more login of the service',
		() => `GRANT service_role TO ${other}`,
		['warning', /may switch to service_role here, and so act for every organization$/],
	],
	[
		'one more login of tenants',
		() => `GRANT authenticated TO ${other}`,
		['warning', /may switch to authenticated here, and so act for any organization$/],
	],
	[
		'a login that may make others',
		() => `GRANT authenticated TO ${tenant} WITH ADMIN OPTION`,
		['failure', /may give authenticated to others/],
	],
	[
		'a function that runs as the owner',
		() => `CREATE FUNCTION helper() RETURNS bigint LANGUAGE sql SECURITY DEFINER
			AS 'SELECT count(*) FROM public.destinations'`,
		['warning', /^function public.helper\(\) runs as the owner of the tables .* SELECT count/],
	],
	[
		'a function that runs as the service',
		() => `CREATE SCHEMA hidden; CREATE FUNCTION hidden.helper() RETURNS bigint LANGUAGE sql SECURITY DEFINER
			AS 'SELECT 1'; GRANT CREATE ON SCHEMA hidden TO service_role;
			ALTER FUNCTION hidden.helper() OWNER TO service_role`,
		['warning', /^function hidden.helper\(\) runs as the owner of the tables or as service_role/],
	],
	[
		'a function of the name of one of this package',
		() => `CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.destinations_claim(claim text) RETURNS uuid
			LANGUAGE sql AS 'SELECT NULL::uuid'`,
		[
			'warning',
			/^function elsewhere.destinations_claim\(text\) has the name of a function of this/,
		],
	],
	[
		'a view of all rows',
		() =>
			`CREATE VIEW report AS SELECT name FROM destinations; GRANT SELECT ON report TO authenticated`,
		['failure', /^view public.report shows tenants a table of this package/],
	],
	[
		'a copy of all rows',
		() =>
			`CREATE MATERIALIZED VIEW copy AS SELECT name FROM destinations; GRANT SELECT ON copy TO PUBLIC`,
		['failure', /^view public.copy shows tenants a table of this package/],
	],
	[
		'a table that a login finds first',
		() => `CREATE SCHEMA ${service}; CREATE TABLE ${service}.destinations (id uuid)`,
		['warning', /^table .*destinations is found before the table of this package/],
	],
	[
		'a type of the name of one of PostgreSQL',
		() => 'CREATE DOMAIN public.uuid AS pg_catalog.uuid',
		['warning', /^type public.uuid has the name of one of PostgreSQL's own/],
	],
	[
		'a function of the name of one of PostgreSQL',
		() => `CREATE FUNCTION public.count(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
		['warning', /^function public.count\(text\) has the name of one of PostgreSQL's own/],
	],
	[
		'an operator that fits better than that of PostgreSQL',
		() => `CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';
			CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.same)`,
		['warning', /^operator public.=\(character varying,character varying\) has the name of one/],
	],
	[
		'a path that the login begins with',
		() => `ALTER ROLE ${tenant} SET search_path = elsewhere`,
		['warning', /begin with a search_path of their own$/],
	],
	[
		'claims that the login begins with',
		() => `ALTER ROLE ${service} SET request.jwt.claims = '{}'`,
		['warning', /begin with a request.jwt.claims of their own$/],
	],
];

test.each(left)('%s is found, and the fix removes it', async (_, sql, ...complaints) => {
	await examined.expectHealing(sql(), ...complaints);
});

test('a login that is a member by way of another role is found', async () => {
	const group = newName();
	examined.deployment.dropLater(group);
	await examined.run(
		`CREATE ROLE ${group}; GRANT service_role TO ${group}; GRANT ${group} TO ${other}`,
	);
	expect(await examined.complaints()).toEqual([
		{
			severity: 'warning',
			message: `${other} may switch to service_role here, and so act for every organization`,
			fix: expect.stringContaining(`\\drg ${other}`),
		},
	]);
	await examined.run(`REVOKE ${group} FROM ${other}`);
});

test('what the session of a tenant holds at the time is found, too', async () => {
	const client = await examined.deployment.connect(examined.tenantUrl);
	await client.query(`CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (true)`);
	expect(await examined.complaints()).toEqual([
		expect.objectContaining({
			message: expect.stringMatching(/^type pg_temp_\d+.text has the name/),
		}),
	]);
	await client.query('DISCARD ALL');
	expect(await examined.complaints()).toEqual([]);
});

test("a view with its reader's rights and a function that tenants may not call are nobody's way in", async () => {
	await examined.run(`CREATE VIEW own AS SELECT name FROM destinations;
		ALTER VIEW own SET (security_invoker = true); GRANT SELECT ON own TO authenticated;
		CREATE FUNCTION service_only() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
		REVOKE ALL ON FUNCTION service_only() FROM PUBLIC`);
	expect(await examined.complaints()).toEqual([]);
});
