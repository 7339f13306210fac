import { envelope, type Role, Session } from './session.ts';

let session: Session;
let organizationId: string;
let userId: string;

/** 24,000 destinations of 3,000 organizations, made without triggers so that their times differ. */
beforeAll(async () => {
	session = await Session.open();
	await session.client.query(`
		SET session_replication_role = replica;
		INSERT INTO organizations SELECT FROM generate_series(1, 3000);
		INSERT INTO users SELECT FROM generate_series(1, 500);
		INSERT INTO destinations (organization_id, type, environment, name, settings, settings_encrypted,
			enabled, deleted_at, created_at, updated_at, created_by, updated_by)
		SELECT o.id,
			(ARRAY['posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude'])[1 + i % 6],
			(ARRAY['production', 'production', 'production', 'staging', 'development'])[1 + o.n % 5],
			'Destination ' || i,
			CASE WHEN plain THEN jsonb_build_object('apiKey', 'phc_' || o.n || '_' || i) ELSE '${JSON.stringify(envelope())}' END,
			NOT plain,
			o.n % 20 <> 0,
			CASE WHEN i > 6 THEN age END,
			age, age, u.id, u.id
		FROM (SELECT id, row_number() OVER () AS n FROM organizations) AS o
		CROSS JOIN generate_series(1, 8) AS i
		JOIN (SELECT id, row_number() OVER () - 1 AS n FROM users) AS u ON u.n = (o.n + i) % 500,
		LATERAL (SELECT o.n % 50 = 0 AS plain, now() - (3000 - o.n + i / 10.0) * interval '1 h' AS age) AS made;
		RESET session_replication_role;
	`);
	await session.client.query('VACUUM ANALYZE destinations');
	const row = await session.row<{ organization_id: string; updated_by: string }>(
		'SELECT organization_id, updated_by FROM destinations WHERE deleted_at IS NULL OFFSET 9000 LIMIT 1',
	);
	organizationId = row.organization_id;
	userId = row.updated_by;
});

afterAll(() => session.close());

interface Plan {
	'Index Name'?: string;
	'Node Type': string;
	Plans?: Plan[];
}

function indexesOf(plan: Plan): string[] {
	const own = plan['Index Name'] === undefined ? [] : [plan['Index Name']];
	return [...own, ...(plan.Plans ?? []).flatMap(indexesOf)];
}

async function indexesFor(role: Role, sql: string): Promise<string[]> {
	const claims = { organization_id: organizationId };
	const answer = await session.as(role, claims, () =>
		session.row<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (FORMAT JSON) ${sql}`),
	);
	return indexesOf(answer['QUERY PLAN'][0].Plan);
}

const live = 'deleted_at IS NULL';
const newestFirst = 'ORDER BY created_at DESC, id DESC LIMIT 20';
const page = `(created_at, id) < (now() - interval '9 h', gen_random_uuid())`;

describe('for a tenant, whose queries do not name the organization', () => {
	test.each([
		[
			'destinations_pkey',
			`SELECT * FROM destinations WHERE id = '00000000-0000-4000-8000-000000000000'`,
		],
		['idx_destinations_organization_id', `SELECT * FROM destinations WHERE ${page} ${newestFirst}`],
		[
			'idx_destinations_org_env',
			`SELECT * FROM destinations WHERE environment = 'staging' AND ${live}`,
		],
		['idx_destinations_org_enabled', `SELECT * FROM destinations WHERE enabled AND ${live}`],
		[
			'destinations_org_type_env_unique',
			`SELECT * FROM destinations WHERE type = 'posthog' AND environment = 'production' AND ${live}`,
		],
		[
			'idx_destinations_org_env',
			`UPDATE destinations SET test_mode = true WHERE environment = 'staging' AND ${live}`,
		],
	])('%s serves %s', async (index, sql) => {
		expect(await indexesFor('authenticated', sql)).toEqual([index]);
	});
});

describe('for a service', () => {
	test.each([
		[
			'idx_destinations_type',
			`SELECT * FROM destinations WHERE type = 'posthog' AND ${live} ${newestFirst}`,
		],
		[
			'idx_destinations_type',
			`SELECT * FROM destinations WHERE type = 'posthog' AND ${live} AND ${page} ${newestFirst}`,
		],
		[
			'idx_destinations_type_env',
			`SELECT count(*) FROM destinations WHERE type = 'posthog' AND environment = 'development' AND ${live}`,
		],
		[
			'idx_destinations_environment',
			`SELECT count(*) FROM destinations WHERE environment = 'development' AND ${live}`,
		],
		['idx_destinations_enabled', `SELECT * FROM destinations WHERE NOT enabled`],
		['idx_destinations_enabled', `SELECT * FROM destinations WHERE enabled = false AND ${live}`],
		[
			'idx_destinations_deleted_at',
			`SELECT id FROM destinations WHERE deleted_at < now() - interval '90 days' ORDER BY deleted_at LIMIT 500`,
		],
		['idx_destinations_created_at', `SELECT * FROM destinations WHERE ${live} ${newestFirst}`],
		[
			'idx_destinations_created_at',
			`SELECT * FROM destinations WHERE created_at > now() - interval '1 day' AND ${live}`,
		],
		[
			'idx_destinations_updated_at',
			`SELECT * FROM destinations WHERE updated_at > now() - interval '1 day'`,
		],
		[
			'idx_destinations_settings_gin',
			`SELECT * FROM destinations WHERE settings @> '{"apiKey": "phc_50_1"}' AND NOT settings_encrypted`,
		],
	])('%s serves %s', async (index, sql) => {
		expect(await indexesFor('service_role', sql)).toEqual([index]);
	});

	test('the foreign keys are indexed', async () => {
		const queries = {
			idx_destinations_organization_id: `DELETE FROM ONLY destinations WHERE organization_id = '${organizationId}'`,
			idx_destinations_created_by: `UPDATE ONLY destinations SET created_by = NULL WHERE created_by = '${userId}'`,
			idx_destinations_updated_by: `UPDATE ONLY destinations SET updated_by = NULL WHERE updated_by = '${userId}'`,
		};
		for (const [index, sql] of Object.entries(queries)) {
			expect(await indexesFor('service_role', sql)).toEqual([index]);
		}
	});
});

describe('an update that changes', () => {
	let small: Session;

	beforeAll(async () => {
		small = await Session.open();
	});

	afterAll(() => small.close());

	async function isHot(assignment: string): Promise<boolean> {
		const user = await small.newUser();
		const { id } = await small.newDestination({ settings: envelope(), updated_by: user });
		const hotUpdates = () =>
			small.row<{ count: string }>(
				`SELECT pg_stat_get_xact_tuples_hot_updated('destinations'::regclass) AS count`,
			);
		return small.asService(async () => {
			const before = await hotUpdates();
			await small.update(id, assignment);
			return (await hotUpdates()).count !== before.count;
		}, user);
	}

	/** Before 16 a BRIN index stood in the way as any other. */
	const summariesAllow = async () =>
		Number(
			(await small.row<{ v: string }>(`SELECT current_setting('server_version_num') AS v`)).v,
		) >= 160_000;

	test.each([
		`last_tested_at = now(), connection_status = 'connected'`,
		`last_tested_at = now(), connection_status = 'failed', last_error = 'x'`,
		`name = 'other'`,
		`description = 'x'`,
		'test_mode = true',
		`required_consent = '{marketing}'`,
	])('%s writes to no index', async (assignment) => {
		expect(await isHot(assignment)).toBe(await summariesAllow());
	});

	// The price of the ticket's indexes on these columns; where it is no longer paid, say so in the migration.
	test.each([`settings = settings || '{"ct": "x"}'`, 'enabled = false', 'deleted_at = now()'])(
		'%s writes to every index',
		async (assignment) => {
			expect(await isHot(assignment)).toBe(false);
		},
	);
});
