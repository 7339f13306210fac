import { run } from '../cli/command-line.ts';
import { newName } from '../tenancy/deployment.ts';
import { Examined } from './examined.ts';

let examined: Examined;
/** A login with everything that `doctor` says of a service's login. */
let login: string;
let url: string;

beforeAll(async () => {
	examined = await Examined.open();
	url = await examined.deployment.newLogin('authenticated', 'service_role', 'destinations_loader');
	login = new URL(url).username;
	await examined.letIn(login);
	await examined.run(`ALTER ROLE ${login} BYPASSRLS INHERIT;
		ALTER ROLE ${login} SET search_path = 'public'; GRANT pg_read_all_data TO ${login};
		GRANT authenticated TO ${login} WITH ADMIN OPTION`);
});

afterAll(() => examined.close());

const extra = newName();
const member = (role: string, attributes = ''): [string, string] => [
	`CREATE ROLE ${role} ${attributes}; GRANT ${role} TO LOGIN`,
	`DROP ROLE ${role}`,
];

/** What makes a login an administrator, and how it ends. */
const kinds: Record<string, readonly [make: string, undo: string]> = {
	'creates roles': ['ALTER ROLE LOGIN CREATEROLE', 'ALTER ROLE LOGIN NOCREATEROLE'],
	'creates databases': ['ALTER ROLE LOGIN CREATEDB', 'ALTER ROLE LOGIN NOCREATEDB'],
	replicates: ['ALTER ROLE LOGIN REPLICATION', 'ALTER ROLE LOGIN NOREPLICATION'],
	'is a superuser': ['ALTER ROLE LOGIN SUPERUSER', 'ALTER ROLE LOGIN NOSUPERUSER'],
	"is as Supabase's postgres": [
		'ALTER ROLE LOGIN CREATEROLE CREATEDB REPLICATION',
		'ALTER ROLE LOGIN NOCREATEROLE NOCREATEDB NOREPLICATION',
	],
	'owns the database': [
		'ALTER DATABASE DB OWNER TO LOGIN',
		'ALTER DATABASE DB OWNER TO CURRENT_USER',
	],
	'owns a schema': ['CREATE SCHEMA of_theirs AUTHORIZATION LOGIN', 'DROP SCHEMA of_theirs'],
	"owns a table of the host's": [
		'CREATE TABLE of_theirs (id int); ALTER TABLE of_theirs OWNER TO LOGIN',
		'DROP TABLE of_theirs',
	],
	'owns the tables': [
		'ALTER TABLE destinations OWNER TO LOGIN',
		'ALTER TABLE destinations OWNER TO CURRENT_USER',
	],
	'may switch to who creates roles': member(extra, 'CREATEROLE'),
	'may switch to a superuser': member(extra, 'SUPERUSER'),
	'may switch to who owns the database': [
		`CREATE ROLE ${extra}; GRANT ${extra} TO LOGIN; ALTER DATABASE DB OWNER TO ${extra}`,
		`ALTER DATABASE DB OWNER TO CURRENT_USER; DROP ROLE ${extra}`,
	],
	'is a member of rds_superuser': member('rds_superuser'),
	'is a member of cloudsqlsuperuser': member('cloudsqlsuperuser'),
	'is a member of alloydbsuperuser': member('alloydbsuperuser'),
	'is a member of azure_pg_admin': member('azure_pg_admin'),
	'is a member of neon_superuser': member('neon_superuser'),
	'is a member of supabase_admin': member('supabase_admin'),
};

/** Where a login may stand among those that `doctor` is given. */
const places = {
	tenants: () => ({ DATABASE_URL: url, DATABASE_SERVICE_URL: examined.serviceUrl }),
	service: () => ({ DATABASE_URL: examined.tenantUrl, DATABASE_SERVICE_URL: url }),
	both: () => ({ DATABASE_URL: url }),
	loaders: () => ({
		DATABASE_URL: examined.tenantUrl,
		DATABASE_SERVICE_URL: examined.serviceUrl,
		DATABASE_LOADER_URL: url,
	}),
	none: () => ({ DATABASE_URL: examined.tenantUrl, DATABASE_SERVICE_URL: examined.serviceUrl }),
} satisfies Record<string, () => Record<string, string>>;

/** Statements of the fixes that alter the login, or take something from it. */
async function crippling(environment: Record<string, string>): Promise<string[]> {
	const { stdout } = await run(['doctor', '--sql'], { environment });
	expect(stdout).toContain('Fixes for');
	return stdout
		.split('\n')
		.filter((line) => !line.startsWith('--') && line.includes(login))
		.filter((line) => /^\s*(ALTER ROLE|REVOKE|DROP)\b|INHERIT/.test(line));
}

test.each(Object.entries(kinds))(
	'nothing is taken from a login that %s',
	async (_, [make, undo]) => {
		const [{ name }] = (await examined.deployment.rows<{ name: string }>(
			'SELECT quote_ident(current_database()) AS name',
		)) as [{ name: string }];
		const filled = (sql: string) => sql.replaceAll('LOGIN', login).replaceAll(' DB ', ` ${name} `);
		await examined.run(filled(make));
		try {
			for (const place of ['both', 'loaders', 'none'] as const) {
				expect([place, await crippling(places[place]())]).toEqual([place, []]);
			}
		} finally {
			await examined.run(filled(undo));
			// An owner's right to connect goes with the database.
			await examined.letIn(login);
		}
	},
);

test.each(Object.entries(places))(
	'of a login for %s that is none, powers are taken',
	async (_, environment) => {
		expect(await crippling(environment())).not.toEqual([]);
	},
);
