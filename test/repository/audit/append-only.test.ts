import type { Client } from 'pg';
import { HostDatabase } from '../../database/migrations.ts';
import { type DestinationRow, envelope, refusal, Session } from '../../database/session.ts';
import { added } from './log.ts';

const DENIED = '42501';

let session: Session;
let own: DestinationRow;
let foreign: DestinationRow;

beforeAll(async () => {
	session = await Session.open();
	own = await session.newDestination();
	foreign = await session.newDestination();
	await session.update(own.id, 'settings = $1', [envelope()]);
	await session.update(foreign.id, 'settings = $1', [envelope()]);
});

afterAll(() => session.close());

const insert = `INSERT INTO destination_audit_log
	(organization_id, destination_id, version, action, role, login, transaction_id)
	VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'created', 'x', 'x', 1)`;

const forgeries = [
	insert,
	`INSERT INTO destination_audit_log (action, role, login, transaction_id) VALUES ('keys_rotated', 'x', 'x', 1)`,
	`UPDATE destination_audit_log SET actor_id = gen_random_uuid()`,
	'UPDATE destination_audit_log SET action = action WHERE false',
	'DELETE FROM destination_audit_log',
	'TRUNCATE destination_audit_log',
	'TRUNCATE destinations CASCADE',
	`INSERT INTO destination_settings_history
	 VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'console', '{}', true)`,
	`UPDATE destination_settings_history SET settings = '{}'`,
	`UPDATE destination_settings_history SET version = version + 1`,
	'DELETE FROM destination_settings_history',
	'TRUNCATE destination_settings_history',
];

describe.each(forgeries)('%s', (sql) => {
	test('is refused to a tenant', async () => {
		const claims = { organization_id: own.organization_id };
		const error = await refusal(
			session.as('authenticated', claims, () => session.client.query(sql)),
		);
		expect(error.code).toBe(DENIED);
	});

	test('is refused to service_role', async () => {
		const error = await refusal(session.asService(() => session.client.query(sql)));
		expect(error.code).toBe(DENIED);
	});

	test('is refused to anon', async () => {
		const error = await refusal(session.as('anon', {}, () => session.client.query(sql)));
		expect(error.code).toBe(DENIED);
	});

	test('is refused to a superuser', async () => {
		expect((await refusal(session.client.query(sql))).code).toBe(DENIED);
	});
});

test('the owner, no superuser, is refused all of it, and reads nothing', async () => {
	const host = await HostDatabase.open();
	try {
		const owner = await host.migratedByOwner();
		await host.client.query(`
			INSERT INTO organizations DEFAULT VALUES;
			INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM organizations`);
		await host.client.query(
			`UPDATE destinations SET settings = '{"a": 1}', settings_encrypted = false`,
		);
		await host.as(owner, async () => {
			for (const sql of forgeries) {
				const asOwner = host.client.query(sql);
				// Of rows that row level security hides from it, it changes none.
				if (/^UPDATE destination_settings_history/.test(sql)) {
					expect((await asOwner).rowCount).toBe(0);
				} else {
					expect((await refusal(asOwner)).code).toBe(DENIED);
				}
			}
			for (const table of ['destination_audit_log', 'destination_settings_history']) {
				expect((await host.client.query(`SELECT FROM ${table}`)).rowCount).toBe(0);
			}
		});
		// What it recorded is there all the same, and its deletion takes the settings along.
		expect((await host.client.query('SELECT FROM destination_audit_log')).rowCount).toBe(2);
		await host.client.query('DELETE FROM organizations');
		expect((await host.client.query('SELECT FROM destination_audit_log')).rowCount).toBe(3);
		expect((await host.client.query('SELECT FROM destination_settings_history')).rowCount).toBe(0);
	} finally {
		await host.close();
	}
});

describe('an organization', () => {
	const tables = ['destination_audit_log', 'destination_settings_history'];

	test.each(tables)('reads its own of %s, whatever it asks for', async (table) => {
		const seen = await session.asTenant(own.organization_id, () =>
			session.rows<{ organization_id: string }>(
				`SELECT organization_id FROM ${table} WHERE organization_id = $1 OR true`,
				[foreign.organization_id],
			),
		);
		expect(seen.length).toBeGreaterThan(0);
		expect(new Set(seen.map((row) => row.organization_id))).toEqual(new Set([own.organization_id]));
	});

	test.each(tables)('reads nothing of %s without a claim', async (table) => {
		const rows = await session.as('authenticated', {}, () => session.rows(`SELECT FROM ${table}`));
		expect(rows).toEqual([]);
	});

	test('cannot move the sequence of the log', async () => {
		const error = await refusal(
			session.asTenant(own.organization_id, () =>
				session.client.query(`SELECT nextval('destination_audit_log_id_seq')`),
			),
		);
		expect(error.code).toBe(DENIED);
	});
});

describe('in a session of its own making', () => {
	async function onConnection(work: (client: Client) => Promise<void>): Promise<void> {
		const client = await session.connect();
		await work(client);
	}

	const asTenant = () =>
		`SELECT set_config('role', 'authenticated', false),
			set_config('request.jwt.claims', '${JSON.stringify({ organization_id: own.organization_id })}', false)`;

	test('temporary tables and functions of the same names hijack nothing', () =>
		onConnection(async (client) => {
			await client.query(`
				CREATE TEMP TABLE destination_audit_log (LIKE public.destination_audit_log);
				CREATE TEMP TABLE destination_settings_history (LIKE public.destination_settings_history);
				CREATE TEMP TABLE new_rows (LIKE public.destinations);
				CREATE TEMP TABLE old_rows (LIKE public.destinations);
				CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2001-01-01'::timestamptz $$;
				CREATE FUNCTION pg_temp.destinations_claim(text) RETURNS uuid LANGUAGE sql AS $$ SELECT gen_random_uuid() $$;
				CREATE FUNCTION pg_temp.jsonb_build_object(VARIADIC "any") RETURNS jsonb LANGUAGE internal AS 'jsonb_build_array';
				GRANT ALL ON destination_audit_log, destination_settings_history, new_rows, old_rows TO authenticated`);
			await client.query('SET search_path = pg_temp, public, pg_catalog');
			await client.query(asTenant());
			const [entry, ...others] = await added(session, () =>
				client.query(
					`UPDATE public.destinations SET name = 'hijacked', settings = '${JSON.stringify(envelope())}'
					 WHERE id = '${own.id}'`,
				),
			);
			expect(others).toEqual([]);
			expect(entry).toMatchObject({ actor_id: null, changes: { name: { new: 'hijacked' } } });
			expect(entry?.recorded_at.getFullYear()).toBeGreaterThan(2001);
			await client.query('RESET role');
			expect((await client.query('SELECT FROM pg_temp.destination_audit_log')).rowCount).toBe(0);
		}));

	test.each([
		'log_created_destinations',
		'log_changed_destinations',
		'log_purged_destinations',
		'keep_replaced_destination_settings',
		'delete_purged_destination_settings',
	])('nobody hangs %s on a table of theirs', (name) =>
		onConnection(async (client) => {
			await client.query(asTenant());
			await client.query(`CREATE TEMP TABLE mine (LIKE public.destinations)`);
			const error = await refusal(
				client.query(
					`CREATE TRIGGER forged AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION public.${name}()`,
				),
			);
			expect(error.code).toBe(DENIED);
		}),
	);

	test('a trigger of theirs writes the log no more than they do', () =>
		onConnection(async (client) => {
			await client.query(asTenant());
			await client.query(`
				CREATE TEMP TABLE mine (id int);
				CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${insert}; RETURN NULL; END $$;
				CREATE TRIGGER forge AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION pg_temp.forge()`);
			expect((await refusal(client.query('INSERT INTO mine VALUES (1)'))).code).toBe(DENIED);
		}));

	test('nobody calls the function that records a rotation', async () => {
		for (const role of ['authenticated', 'service_role'] as const) {
			const call = session.as(role, {}, () =>
				session.client.query('SELECT log_destinations_key_rotation()'),
			);
			expect((await refusal(call)).code).toBe(DENIED);
		}
	});
});
