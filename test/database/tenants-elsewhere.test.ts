import { diagnose } from '../../src/doctor/diagnose.ts';
import { createDestinationsClient } from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { newKeys } from '../support/encryption.ts';
import { grantScript } from '../support/grant-script.ts';
import { newName } from '../tenancy/deployment.ts';
import { HostDatabase, migrate } from './migrations.ts';

// A host whose tenants have numbers, and whose users are Supabase's.
const hostSql = `
	CREATE SCHEMA auth;
	CREATE TABLE auth.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text);
	CREATE TABLE tenants (id serial PRIMARY KEY, public_id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE, name text);
	INSERT INTO tenants (name) VALUES ('Acme'), ('Globex');
	INSERT INTO auth.users (email) VALUES ('ada@example.com');`;

const variables = {
	tenants: 'public.tenants',
	tenant_key: 'public_id',
	users: 'auth.users',
	user_key: 'id',
};
const keys = newKeys();

let host: HostDatabase;
let url: string;
/** Who migrates: no superuser, and not the owner of the other tables. */
let migrator: string;

beforeAll(async () => {
	host = await HostDatabase.open(hostSql);
	// As PostgREST's, and as a service's.
	const login = await host.createRole(newName(), `LOGIN NOINHERIT PASSWORD 'p'`);
	migrator = await host.createRole(newName());
	await host.client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${migrator}; GRANT USAGE ON SCHEMA auth TO ${migrator};
		GRANT SELECT, TRIGGER ON tenants, auth.users TO ${migrator}`);
	await host.as(migrator, () => migrate(host.client));
	await host.client.query(`GRANT authenticated, service_role TO ${login}`);
	url = withLogin(host.connectionString, login, 'p');
});

afterAll(() => host.close());

const one = async <Row extends object>(sql: string): Promise<Row> => {
	const { rows } = await host.client.query<Row>(sql);
	if (rows[0] === undefined) throw new Error(`no row: ${sql}`);
	return rows[0];
};

const idsOf = async (table: string, key = 'id') =>
	(await host.client.query<{ id: string }>(`SELECT ${key} AS id FROM ${table} ORDER BY 1`)).rows;

const runScript = (changed: Partial<typeof variables> = {}) =>
	host.as(migrator, async () => {
		const script = await grantScript('tenants-elsewhere.sql', { ...variables, ...changed });
		await host.client.query(script);
	});

const refusals: Record<string, readonly [Partial<typeof variables>, RegExp]> = {
	'a number as the key': [
		{ tenant_key: 'id' },
		/tenants must have a column "id" of type uuid, but it is of type integer/,
	],
	'a key that is not there': [{ tenant_key: 'uuid' }, /but there is none/],
	'a table that is not there': [
		{ tenants: 'public.customers' },
		/There is no table public\.customers/,
	],
	'a table without its schema': [{ tenants: 'tenants' }, /write its name with its schema/],
};

test.each(Object.entries(refusals))(
	'%s is refused, with the reason, and nothing is made',
	async (_, [changed, says]) => {
		await expect(runScript(changed)).rejects.toThrow(says);
		expect(await idsOf('organizations')).toEqual([]);
		expect(await idsOf('users')).toEqual([]);
		const { count } = await one<{ count: number }>(
			`SELECT count(*)::integer AS count FROM pg_trigger WHERE tgname ~ '^destinations_' AND NOT tgisinternal`,
		);
		expect(count).toBe(0);
	},
);

test('tenants and users of other tables are found, now and later, and everything works with them', async () => {
	for (const again of [1, 2]) {
		await runScript();
		expect([again, await idsOf('organizations')]).toEqual([
			again,
			await idsOf('tenants', 'public_id'),
		]);
		expect(await idsOf('users')).toEqual(await idsOf('auth.users'));
	}
	const made = await one<{ id: string }>(
		`INSERT INTO tenants (name) VALUES ('Initech') RETURNING public_id AS id`,
	);
	const user = await one<{ id: string }>(
		`INSERT INTO auth.users (email) VALUES ('bob@example.com') RETURNING id`,
	);
	await host.client.query(`UPDATE tenants SET name = 'Initech Ltd' WHERE name = 'Initech'`);

	await using db = createDestinationsClient({ connectionString: url, keys });
	const scope = db.forOrganization(made.id, { actorId: user.id });
	const created = await scope.destinations.create({
		organizationId: made.id,
		type: 'console',
		name: 'x',
		environment: 'production',
		settings: {},
	});
	expect(created.createdBy).toBe(user.id);
	const included = await scope.prisma.destination.findMany({ include: { organization: true } });
	expect(included).toMatchObject([{ organization: { id: made.id } }]);

	const sections = await diagnose({ connectionString: url, keys });
	expect(
		sections.flatMap(({ findings }) => findings).filter(({ severity }) => severity === 'failure'),
	).toEqual([]);

	await host.client.query(`DELETE FROM auth.users WHERE id = '${user.id}'`);
	expect((await scope.destinations.findById(created.id))?.createdBy).toBeNull();
	await host.client.query(`DELETE FROM tenants WHERE public_id = '${made.id}'`);
	expect(await idsOf('destinations')).toEqual([]);
	expect(await idsOf('organizations')).toEqual(await idsOf('tenants', 'public_id'));

	await expect(host.client.query('TRUNCATE tenants')).rejects.toThrow('use DELETE');
	await expect(
		host.client.query('UPDATE tenants SET public_id = gen_random_uuid()'),
	).rejects.toThrow('cannot be changed');
});

test("the owner writes to the package's tables within a trigger and nowhere else", () =>
	host.as(migrator, () =>
		expect(host.client.query('INSERT INTO organizations DEFAULT VALUES')).rejects.toThrow(
			'row-level security',
		),
	));

/** What a session of PostgREST sees with a token of Supabase's. */
async function seenWith(claims: object): Promise<unknown[]> {
	await host.client.query('BEGIN; SET LOCAL ROLE authenticated');
	try {
		await host.client.query(`SELECT set_config('request.jwt.claims', $1, true)`, [
			JSON.stringify(claims),
		]);
		return (await host.client.query('SELECT organization_id AS id FROM destinations')).rows;
	} finally {
		await host.client.query('ROLLBACK');
	}
}

test('a token that has its organization in app_metadata sees its rows, and one in user_metadata none', async () => {
	await runScript();
	const [acme, globex] = await idsOf('organizations');
	for (const tenant of [acme, globex]) {
		await host.client.query(
			`INSERT INTO destinations (organization_id, type, name) VALUES ('${tenant?.id}', 'console', 'x')`,
		);
	}
	const { id: sub } = await one<{ id: string }>('SELECT id FROM auth.users');
	const base = { role: 'authenticated', sub };
	const organization_id = acme?.id;
	const other = { organization_id: globex?.id };
	expect(await seenWith({ ...base, app_metadata: { organization_id } })).toEqual([acme]);
	expect(await seenWith({ ...base, organization_id, app_metadata: other })).toEqual([acme]);
	expect(await seenWith({ ...base, user_metadata: { organization_id } })).toEqual([]);
	expect(
		await seenWith({ ...base, app_metadata: { organization_id }, user_metadata: other }),
	).toEqual([acme]);
	for (const app_metadata of [
		{},
		null,
		'x',
		[],
		{ organization_id: 'x' },
		{ organization_id: null },
		{ sub },
	]) {
		expect(await seenWith({ ...base, app_metadata })).toEqual([]);
	}
	expect(
		await seenWith({ ...base, organization_id: 'x', app_metadata: { organization_id } }),
	).toEqual([]);
});
