import { Client, DatabaseError } from 'pg';
import { lineOf, readCatalog, readManifest } from '../catalog/catalog.ts';
import { HostDatabase, migrate, readMigrations } from './migrations.ts';
import { envelope } from './session.ts';
import { Shadows } from './shadows.ts';

// A function that looks a name up where its caller says runs what the caller put there, and with SECURITY DEFINER, or
// within a foreign key's cascade, it runs that as the owner of the tables. An empty `search_path` is no help: types and
// tables are looked up in the caller's temporary schema first.

const owner = `shadow_owner_${process.pid}`;
const roles = ['authenticated', 'service_role', owner];

let host: HostDatabase;
let texts: string[];

beforeAll(async () => {
	host = await HostDatabase.open();
	await host.createRole(owner);
	const { rows } = await host.client.query('SELECT current_database() AS name');
	await host.client.query(`GRANT CREATE, TEMPORARY ON DATABASE ${rows[0].name} TO PUBLIC;
		GRANT CREATE ON SCHEMA public TO ${owner}`);
	await host.as(owner, () => migrate(host.client));
	texts = await namingTexts();
});

afterAll(() => host.close());

/** All of the database's own that Postgres reads, or has read, names from. */
async function namingTexts(): Promise<string[]> {
	const { rows } = await host.client.query<{ text: string }>(`
		SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proowner = '${owner}'::regrole
		UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polqual IS NOT NULL
		UNION ALL SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polwithcheck IS NOT NULL
		UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef`);
	return rows.map(({ text }) => text);
}

const organization = '00000000-0000-4000-8000-000000000001';
const user = '00000000-0000-4000-8000-000000000002';
const other = '00000000-0000-4000-8000-000000000003';
const made = '00000000-0000-4000-8000-000000000004';

const claims = (version: number) =>
	JSON.stringify({
		organization_id: organization,
		sub: user,
		settings_change: { id: made, version, fields: ['apiKey'] },
		copied_from: { id: made, from: other },
	});
const settings = (kid: string) => JSON.stringify(envelope({ kid, ct: 'x' }));
const set = (name: string, value: string) =>
	`SELECT pg_catalog.set_config('${name}', '${value}', true)`;
const its = `WHERE id OPERATOR(pg_catalog.=) '${made}'`;
const change = (assignments: string) => `UPDATE public.destinations SET ${assignments} ${its}`;

/** Each kind of write, those that cascade and those that are refused included. They name all by its schema. */
const writes = [
	`INSERT INTO public.destinations (id, organization_id, type, name, settings, created_by, updated_by)
		VALUES ('${made}', '${organization}', 'console', 'x', '${settings('a')}', '${user}', '${user}')`,
	// In the name of somebody else, which is refused.
	`INSERT INTO public.destinations (id, organization_id, type, name, created_by)
		VALUES ('${other}', '${organization}', 'console', 'x', '${other}')`,
	change(`name = 'y', description = 'z'`),
	set('request.jwt.claims', claims(2)),
	change(`settings = '${settings('b')}'`),
	change(`connection_status = 'failed', last_error = 'x', last_tested_at = '2026-01-01'`),
	change(`required_consent = '{marketing}', enabled = false`),
	change(`deleted_at = '2026-01-01'`),
	change('deleted_at = NULL'),
	change(`type = 'posthog'`),
	set('destinations.rotation', 'on'),
	change(`settings = '${settings('c')}'`),
	set('destinations.rotation_run', other),
	`UPDATE public.destination_settings_history SET settings = '${settings('c')}'`,
	set('destinations.rotation', ''),
	set('request.jwt.claims', `{"role":"authenticated","organization_id":"${organization}"}`),
	change(`name = 'without an actor'`),
	set('request.jwt.claims', ''),
	set('request.jwt.claim.organization_id', organization),
	change(`name = 'without claims'`),
	'SELECT auth.jwt()',
	set('request.jwt.claims', claims(1)),
	'SELECT auth.jwt()',
	`INSERT INTO public.destination_data_keys (organization_id, wrapped_key) VALUES ('${organization}', 'x')`,
	`UPDATE public.destination_data_keys SET generation = 2`,
	'TRUNCATE public.destination_data_keys',
	`INSERT INTO public.destination_audit_log (action, role, login, transaction_id) VALUES ('x', 'x', 'x', 1)`,
	`UPDATE public.destination_audit_log SET action = 'x'`,
	'DELETE FROM public.destination_audit_log',
	`SELECT * FROM public.prune_destination_audit_log(pg_catalog.now(), 0, 100)`,
	`SELECT * FROM public.prune_destination_audit_log('2021-01-01', 0, 100, 1, '{2}')`,
	`INSERT INTO public.destination_settings_history VALUES ('${made}', 9, '${organization}', 'x', '{}', true)`,
	'TRUNCATE public.destination_settings_history',
	'TRUNCATE public.destinations CASCADE',
	set('destinations.retention', 'on'),
	'DELETE FROM public.destination_settings_history',
	change(`settings = '${settings('d')}'`),
	`DELETE FROM public.users WHERE id OPERATOR(pg_catalog.=) '${user}'`,
	`DELETE FROM public.destinations ${its}`,
	`INSERT INTO public.destinations (id, organization_id, type, name)
		VALUES ('${other}', '${organization}', 'console', 'x')`,
	`DELETE FROM public.organizations WHERE id OPERATOR(pg_catalog.=) '${organization}'`,
];

interface Outcome {
	/** What each write was answered. */
	readonly answers: readonly string[];
	/** What is there after all of them. */
	readonly left: unknown;
	/** Shadows that ran, and as whom. */
	readonly ran: readonly string[];
}

interface Attack {
	readonly writer: string;
	/** Who makes shadows; without it there are none. */
	readonly maker?: string;
	readonly types?: 'domains' | 'rows with casts';
	/** Something that the owner does first. */
	readonly before?: string;
}

/** Runs all writes in one session, and leaves nothing behind. */
async function run({ writer, maker, types = 'domains', before = '' }: Attack): Promise<Outcome> {
	const client = new Client({ connectionString: host.connectionString });
	await client.connect();
	try {
		const shadows = new Shadows(client);
		await client.query('BEGIN');
		await client.query(before);
		await client.query(`INSERT INTO organizations VALUES ('${organization}');
			INSERT INTO users VALUES ('${user}'), ('${other}');
			SET LOCAL session_replication_role = replica;
			INSERT INTO destination_audit_log (id, action, role, login, transaction_id, recorded_at)
				OVERRIDING SYSTEM VALUE VALUES (1, 'old', 'x', 'x', 1, '2020-01-01');
			SET LOCAL session_replication_role = origin`);
		if (maker !== undefined) {
			await client.query(`SET LOCAL ROLE ${maker}`);
			await shadows.make(texts, types);
			await client.query('GRANT USAGE ON SCHEMA shadow TO PUBLIC');
		}
		await client.query(set('role', writer));
		await client.query(set('request.jwt.claims', claims(1)));
		shadows.takeRan();
		const answers: string[] = [];
		for (const write of writes) answers.push(await answerOf(client, write));
		const ran = shadows.takeRan();
		await client.query('RESET ROLE; RESET search_path');
		return { answers, left: await whatIsLeft(client), ran };
	} finally {
		await client.end();
	}
}

async function answerOf(client: Client, write: string): Promise<string> {
	await client.query('SAVEPOINT write');
	try {
		const { rowCount } = await client.query(write);
		return `${rowCount}`;
	} catch (error) {
		await client.query('ROLLBACK TO SAVEPOINT write');
		if (error instanceof DatabaseError) return `${error.code} ${error.message}`;
		throw error;
	}
}

async function whatIsLeft(client: Client): Promise<unknown> {
	const tables = ['destinations', 'destination_audit_log', 'destination_settings_history'];
	const sql = tables.map((table) => `SELECT to_jsonb(t)::text AS left FROM public.${table} AS t`);
	const { rows } = await client.query<{ left: string }>(sql.join(' UNION ALL '));
	// Times, transactions and ids that the database chose are others each time.
	return rows
		.map(({ left }) =>
			left
				.replace(/"[-\d]+T[\d:.]+[-+\d:]+"/g, 'a time')
				.replace(/"(transaction_id|id)": \d+/g, 'a number'),
		)
		.sort();
}

describe.each(roles)('what %s writes', (writer) => {
	let plain: Outcome;

	beforeAll(async () => {
		plain = await run({ writer });
	});

	for (const maker of roles) {
		for (const types of ['domains', 'rows with casts'] as const) {
			test(`runs nothing of what ${maker.replace(/_\d+$/, '')} left in its path, types as ${types}`, async () => {
				expect(await run({ writer, maker, types })).toEqual(plain);
			});
		}
	}
});

interface PackageFunction {
	readonly name: string;
	readonly definer: boolean;
	readonly source: string;
}

async function packageFunctions(): Promise<PackageFunction[]> {
	const { rows } = await host.client.query<PackageFunction>(
		`SELECT oid::regprocedure::text AS name, prosecdef AS definer, prosrc AS source
		 FROM pg_proc WHERE proowner = '${owner}'::regrole ORDER BY 1`,
	);
	return rows;
}

describe('a function with another path is noticed', () => {
	/**
	 * They name nothing but by its schema, and the rows of their statement. The first compares rows of two columns, which Postgres
	 * refuses to do by an operator without a B-tree, so that a shadow of it is never called.
	 */
	const nothingToShadow = [
		'delete_purged_destination_settings()',
		'keep_replaced_destination_settings()',
		'log_rotated_destination_settings()',
	];

	/** What runs of a tenant's shadows where a function has another path, at the first writer that has any run. */
	async function withPath(name: string, path: string): Promise<readonly string[]> {
		const before = `ALTER FUNCTION ${name} SET search_path = ${path}`;
		for (const writer of ['service_role', 'authenticated', owner]) {
			const { ran } = await run({ maker: 'authenticated', writer, before });
			if (ran.length > 0) return ran;
		}
		return [];
	}

	test('each, where another schema comes first', async () => {
		const unnoticed: string[] = [];
		for (const { name } of await packageFunctions()) {
			if ((await withPath(name, 'shadow, pg_catalog')).length === 0) unnoticed.push(name);
		}
		expect(unnoticed).toEqual(nothingToShadow);
	});

	test('each that runs as the owner and names a type, where it has an empty path', async () => {
		const unnoticed: string[] = [];
		const functions = await packageFunctions();
		const definers = functions.filter(
			({ definer, source }) => definer && /::|DECLARE/.test(source),
		);
		for (const { name } of definers) {
			const ran = await withPath(name, `''`);
			if (!ran.some((line) => line.endsWith(` as ${owner}`))) unnoticed.push(name);
		}
		expect(definers.length).toBeGreaterThan(3);
		expect(unnoticed).toEqual([]);
	});
});

test('the migrations run nothing of what lies in the path of who deploys them', async () => {
	const migrations = await readMigrations();
	for (const { name, sql } of migrations) {
		expect([name, sql]).toEqual([
			name,
			expect.stringContaining('\nSET LOCAL search_path = pg_catalog, pg_temp;\n'),
		]);
	}
	const fresh = await HostDatabase.open();
	try {
		const shadows = new Shadows(fresh.client);
		await shadows.make(
			migrations.map(({ sql }) => sql),
			'domains',
		);
		shadows.takeRan();
		for (const { sql } of migrations) await fresh.client.query(sql);
		expect(shadows.takeRan()).toEqual([]);
		// A name that was looked up there would also stay, in a default or a constraint.
		const { objects } = await readManifest();
		expect(await readCatalog(fresh.connectionString)).toEqual(
			expect.arrayContaining(objects.map(lineOf)),
		);
	} finally {
		await fresh.close();
	}
});
