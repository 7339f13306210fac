import { randomUUID } from 'node:crypto';
import { HostDatabase } from './migrations.ts';
import { type DestinationRow, refusal, Session } from './session.ts';

let session: Session;
let own: DestinationRow;
let foreign: DestinationRow;

beforeAll(async () => {
	session = await Session.open();
});

beforeEach(async () => {
	own = await session.newDestination();
	foreign = await session.newDestination();
});

afterAll(() => session.close());

const DENIED = '42501';

const visible = async () =>
	(await session.rows<{ id: string }>('SELECT id FROM destinations')).map(({ id }) => id);

describe('a tenant', () => {
	const asOwn = <Result>(work: () => Promise<Result>) =>
		session.asTenant(own.organization_id, work);

	test('sees its own rows, deleted ones included, and no others', async () => {
		await session.update(own.id, 'deleted_at = now()');
		expect(await asOwn(visible)).toEqual([own.id]);
	});

	test('is what the latest claims of a transaction say, and nobody after it', async () => {
		await session.client.query('BEGIN');
		await session.client.query('SET LOCAL ROLE authenticated');
		for (const { id, organization_id } of [own, foreign]) {
			await session.rows(`SELECT set_config('request.jwt.claims', $1, true)`, [
				JSON.stringify({ organization_id }),
			]);
			expect(await visible()).toEqual([id]);
		}
		await session.client.query('COMMIT');
		await session.client.query('BEGIN');
		await session.client.query('SET LOCAL ROLE authenticated');
		expect(await visible()).toEqual([]);
		await session.client.query('COMMIT');
	});

	test('creates, changes, soft-deletes and restores its own', async () => {
		await asOwn(async () => {
			const made = await session.insert({
				organization_id: own.organization_id,
				type: 'console',
				name: 'x',
			});
			await session.update(made.id, `name = 'y'`);
			await session.update(made.id, 'deleted_at = now()');
			expect((await session.update(made.id, 'deleted_at = NULL')).version).toBe(4);
		});
	});

	test('changes nothing of another organization', async () => {
		const { rowCount } = await asOwn(() =>
			session.client.query(`UPDATE destinations SET name = 'mine' WHERE id = $1`, [foreign.id]),
		);
		expect(rowCount).toBe(0);
		await asOwn(() => session.client.query(`UPDATE destinations SET name = 'mine'`));
		expect(await session.destination(foreign.id)).toEqual(foreign);
	});

	test('cannot lock a row of another organization', async () => {
		const { rowCount } = await asOwn(() =>
			session.client.query('SELECT FROM destinations WHERE id = $1 FOR UPDATE', [foreign.id]),
		);
		expect(rowCount).toBe(0);
	});

	test('cannot create for another organization, one that exists or one that does not', async () => {
		for (const organization_id of [foreign.organization_id, randomUUID()]) {
			const error = await refusal(
				asOwn(() => session.insert({ organization_id, type: 'console', name: 'x' })),
			);
			expect(error).toMatchObject({ code: DENIED, constraint: undefined, detail: undefined });
		}
	});

	test('cannot tell by a duplicate what another organization has', async () => {
		const error = await refusal(
			asOwn(() =>
				session.insert({
					organization_id: foreign.organization_id,
					type: foreign.type,
					name: 'x',
				}),
			),
		);
		expect(error.code).toBe(DENIED);
	});

	test('cannot move a row to another organization', async () => {
		const error = await refusal(
			asOwn(() => session.update(own.id, `organization_id = '${foreign.organization_id}'`)),
		);
		expect(error.constraint).toBe('destinations_immutable_columns');
	});

	test('cannot move a row even without the trigger', async () => {
		const clone = await Session.open();
		try {
			const [row, other] = [await clone.newDestination(), await clone.newOrganization()];
			await clone.client.query('ALTER TABLE destinations DISABLE TRIGGER USER');
			const error = await refusal(
				clone.asTenant(row.organization_id, () =>
					clone.update(row.id, `organization_id = '${other}'`),
				),
			);
			expect(error.code).toBe(DENIED);
		} finally {
			await clone.close();
		}
	});

	test.each([
		['DELETE', 'DELETE FROM destinations'],
		['TRUNCATE', 'TRUNCATE destinations'],
		['LOCK in the strongest mode', 'LOCK TABLE destinations'],
		['LOCK against writers', 'LOCK TABLE destinations IN SHARE MODE'],
		[
			'CREATE TRIGGER',
			'CREATE TRIGGER t BEFORE INSERT ON destinations EXECUTE FUNCTION suppress_redundant_updates_trigger()',
		],
		['CREATE POLICY', 'CREATE POLICY p ON destinations USING (true)'],
		['ALTER TABLE', 'ALTER TABLE destinations DISABLE ROW LEVEL SECURITY'],
		['INSERT into organizations', 'INSERT INTO organizations DEFAULT VALUES'],
		['DELETE of organizations', 'DELETE FROM organizations'],
		['UPDATE of users', 'UPDATE users SET id = id'],
	])('is refused %s', async (_, sql) => {
		// From PostgreSQL 14 on a temporary table may not refer to a permanent one in the first place.
		expect([DENIED, '42P16']).toContain(
			(await refusal(asOwn(() => session.client.query(sql)))).code,
		);
	});

	test('cannot load with COPY, and unloads only its own', async () => {
		const load = asOwn(() => session.client.query('COPY destinations FROM STDIN'));
		expect((await refusal(load)).code).toBe('0A000');
		const unloaded = await asOwn(() => session.client.query('COPY destinations TO STDOUT'));
		expect(unloaded.rowCount).toBe(1);
	});

	test('cannot switch row level security off', async () => {
		const read = session.asTenant(own.organization_id, async () => {
			await session.client.query('SET LOCAL row_security = off');
			return visible();
		});
		expect((await refusal(read)).code).toBe(DENIED);
	});

	test('counts its own rows only', async () => {
		expect(await asOwn(() => session.row('SELECT count(*)::int FROM destinations'))).toEqual({
			count: 1,
		});
	});

	test('sees its own organization and the user who acts', async () => {
		const [actor] = [await session.newUser(), await session.newUser()];
		const seen = await session.asTenant(
			own.organization_id,
			async () => [
				await session.rows('SELECT id FROM organizations'),
				await session.rows('SELECT id FROM users'),
			],
			actor,
		);
		expect(seen).toEqual([[{ id: own.organization_id }], [{ id: actor }]]);
	});

	test('runs a function of its own in a filter on its own rows only', async () => {
		const seen = await asOwn(async () => {
			await session.client.query(`
				CREATE FUNCTION pg_temp.leak(id uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
				AS $$ BEGIN RAISE EXCEPTION 'saw %', id; END $$`);
			return session.rows(`SELECT FROM destinations WHERE id <> '${own.id}' AND pg_temp.leak(id)`);
		});
		expect(seen).toEqual([]);
	});
});

describe('existence oracles', () => {
	const asOwn = <Result>(work: () => Promise<Result>) =>
		session.asTenant(own.organization_id, work);

	test('an organization that exists and one that does not are refused alike', async () => {
		const errors = await Promise.all(
			[foreign.organization_id, randomUUID()].map(async (organization_id) => {
				const clone = await session.connect();
				await clone.query('BEGIN');
				await clone.query(
					`SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)`,
					[JSON.stringify({ organization_id: own.organization_id })],
				);
				return refusal(
					clone.query(
						`INSERT INTO destinations (organization_id, type, name) VALUES ($1, 'console', 'x')`,
						[organization_id],
					),
				);
			}),
		);
		expect(errors[0]?.message).toBe(errors[1]?.message);
		expect(errors[0]?.code).toBe(DENIED);
	});

	test('created_by and updated_by tell nothing about users', async () => {
		const refusals: Awaited<ReturnType<typeof refusal>>[] = [];
		for (const [type, user] of [
			['console', await session.newUser()],
			['mixpanel', randomUUID()],
		] as const) {
			const row = { organization_id: own.organization_id, type, name: 'x' };
			const made = await asOwn(() => session.insert(row));
			for (const write of [
				() => session.insert({ ...row, environment: 'staging', created_by: user }),
				() => session.insert({ ...row, environment: 'staging', updated_by: user }),
				() => session.update(made.id, 'updated_by = $1', [user]),
			]) {
				// The same for users who exist and who do not.
				refusals.push(await refusal(asOwn(write)));
			}
		}
		const [first, ...others] = refusals.map(({ code, message }) => `${code} ${message}`);
		expect(first).toMatch(/^23514 /);
		expect(others.slice(0, 2)).toEqual([first, expect.stringMatching(/^23514 updated_by is/)]);
		expect(others.slice(2)).toEqual([first, ...others.slice(0, 2)]);
	});

	// An id must be unique among all organizations, so this cannot be closed: whoever holds another
	// organization's id can learn that it exists, and nothing about the row. Ids cannot be guessed.
	test('a taken id tells that it is taken, and nothing else', async () => {
		const row = {
			id: foreign.id,
			organization_id: own.organization_id,
			type: 'console',
			name: 'x',
		};
		const error = await refusal(asOwn(() => session.insert(row)));
		expect(error).toMatchObject({ code: '23505', constraint: 'destinations_pkey' });
		expect(`${error.message} ${error.detail ?? ''}`).not.toContain(foreign.organization_id);
	});

	test('ON CONFLICT (id) neither reads nor changes the other row', async () => {
		const insert = `INSERT INTO destinations (id, organization_id, type, name)
			VALUES ('${foreign.id}', '${own.organization_id}', 'console', 'mine') ON CONFLICT (id)`;
		const update = asOwn(() =>
			session.rows(`${insert} DO UPDATE SET name = excluded.name RETURNING *`),
		);
		expect((await refusal(update)).code).toBe(DENIED);
		expect(await asOwn(() => session.rows(`${insert} DO NOTHING RETURNING *`))).toEqual([]);
		expect(await session.destination(foreign.id)).toEqual(foreign);
	});

	test('MERGE neither reads nor changes the other row', async () => {
		await asOwn(() =>
			session.client.query(`
				MERGE INTO destinations AS d USING (VALUES ('${foreign.id}'::uuid)) AS v (id) ON d.id = v.id
				WHEN MATCHED THEN UPDATE SET name = 'mine'`),
		);
		expect(await session.destination(foreign.id)).toEqual(foreign);
	});

	test('statistics tell nothing', async () => {
		await session.client.query('ANALYZE destinations');
		const seen = await asOwn(() =>
			session.rows(`SELECT FROM pg_stats WHERE tablename = 'destinations'`),
		);
		expect(seen).toEqual([]);
	});
});

describe('claims', () => {
	const nothing: [string, () => Record<string, unknown> | string][] = [
		['that are an empty string', () => ''],
		['that are blank', () => ' '],
		['that are no JSON', () => '{"organization_id":'],
		['that are a JSON null', () => 'null'],
		['that are a number', () => '42'],
		['that are a string', () => JSON.stringify(own.organization_id)],
		['that are an array', () => JSON.stringify([{ organization_id: own.organization_id }])],
		['that are nested too deep', () => '['.repeat(100_000)],
		['that are empty', () => ({})],
		['without the organization', () => ({ sub: randomUUID() })],
		['with the organization in other letters', () => ({ Organization_Id: own.organization_id })],
		[
			'with the organization one level down',
			() => ({ claims: { organization_id: own.organization_id } }),
		],
		...(
			[
				['null', () => null],
				['an empty string', () => ''],
				['no uuid', () => 'x'],
				['a uuid and more', () => `${own.organization_id} `.repeat(2)],
				['two uuids', () => `${own.organization_id},${foreign.organization_id}`],
				['SQL', () => `' OR true --`],
				['a number', () => 1],
				['true', () => true],
				['an array of uuids', () => [own.organization_id]],
				['an object', () => ({ id: own.organization_id })],
				['a wildcard', () => '%'],
				['an unknown uuid', () => randomUUID()],
				['the nil uuid', () => '00000000-0000-0000-0000-000000000000'],
			] satisfies [string, () => unknown][]
		).map(([what, organization_id]): [string, () => Record<string, unknown>] => [
			`whose organization is ${what}`,
			() => ({ organization_id: organization_id() }),
		]),
	];

	test.each(nothing)('%s let nothing through', async (_, claims) => {
		expect(await session.as('authenticated', claims(), visible)).toEqual([]);
		const insert = session.as('authenticated', claims(), () =>
			session.insert({ organization_id: own.organization_id, type: 'console', name: 'x' }),
		);
		expect((await refusal(insert)).code).toBe(DENIED);
	});

	test('that are missing let nothing through', async () => {
		const client = await session.connect();
		await client.query('SET ROLE authenticated');
		expect((await client.query('SELECT FROM destinations')).rowCount).toBe(0);
	});

	test('of one organization twice stand for the last, as in every parser, and never for both', async () => {
		const claims = `{"organization_id":"${foreign.organization_id}","organization_id":"${own.organization_id}"}`;
		expect(await session.as('authenticated', claims, visible)).toEqual([own.id]);
	});

	test('of another role change nothing', async () => {
		const claims = { organization_id: own.organization_id, role: 'service_role', is_admin: true };
		expect(await session.as('authenticated', claims, visible)).toEqual([own.id]);
	});

	describe('in the older settings', () => {
		async function seen(settings: Record<string, string>): Promise<string[]> {
			return session.as('authenticated', settings['request.jwt.claims'] ?? '', async () => {
				for (const [name, value] of Object.entries(settings)) {
					await session.rows('SELECT set_config($1, $2, true)', [name, value]);
				}
				return visible();
			});
		}
		const json = (row: DestinationRow) => JSON.stringify({ organization_id: row.organization_id });

		test('are read where there are no others', async () => {
			expect(await seen({ 'request.jwt.claim': json(own) })).toEqual([own.id]);
			expect(await seen({ 'request.jwt.claim.organization_id': own.organization_id })).toEqual([
				own.id,
			]);
		});

		test('count for nothing beside the newer ones, valid or not', async () => {
			const older = {
				'request.jwt.claim': json(foreign),
				'request.jwt.claim.organization_id': foreign.organization_id,
			};
			expect(await seen({ ...older, 'request.jwt.claims': json(own) })).toEqual([own.id]);
			for (const claims of ['{}', 'null', '{', '{"organization_id":null}']) {
				expect(await seen({ ...older, 'request.jwt.claims': claims })).toEqual([]);
			}
		});

		test('let nothing through where they are malformed', async () => {
			for (const value of ['x', '{', '[]', '']) {
				expect(await seen({ 'request.jwt.claim': value })).toEqual([]);
				expect(await seen({ 'request.jwt.claim.organization_id': value })).toEqual([]);
			}
		});
	});
});

describe('other roles', () => {
	test('service_role sees and deletes rows of every organization', async () => {
		await session.asService(async () => {
			expect(await visible()).toEqual(expect.arrayContaining([own.id, foreign.id]));
			const { rowCount } = await session.client.query(
				'DELETE FROM destinations WHERE id = ANY ($1)',
				[[own.id, foreign.id]],
			);
			expect(rowCount).toBe(2);
		});
	});

	test.each(['TRUNCATE destinations', 'ALTER TABLE destinations NO FORCE ROW LEVEL SECURITY'])(
		'service_role is refused %s',
		async (sql) => {
			expect((await refusal(session.asService(() => session.client.query(sql)))).code).toBe(DENIED);
		},
	);

	test.each([
		'SELECT FROM destinations',
		`INSERT INTO destinations (organization_id, type, name) VALUES (gen_random_uuid(), 'console', 'x')`,
		`UPDATE destinations SET name = 'x'`,
		'DELETE FROM destinations',
		'TRUNCATE destinations',
		'SELECT FROM organizations',
		'SELECT FROM users',
		`SELECT destinations_claim('sub')`,
	])('anon is refused %s', async (sql) => {
		const claims = { organization_id: own.organization_id };
		const error = await refusal(session.as('anon', claims, () => session.client.query(sql)));
		expect(error.code).toBe(DENIED);
	});

	test('anon sees nothing, whatever grant and permissive policy somebody adds', async () => {
		const clone = await Session.open();
		try {
			const row = await clone.newDestination();
			await clone.client.query(`
				GRANT ALL ON destinations TO anon;
				CREATE POLICY mistake ON destinations USING (true) WITH CHECK (true)`);
			const seen = await clone.as('anon', {}, () => clone.rows('SELECT id FROM destinations'));
			expect(seen).toEqual([]);
			const insert = clone.as('anon', {}, () =>
				clone.insert({ organization_id: row.organization_id, type: 'console', name: 'x' }),
			);
			expect((await refusal(insert)).code).toBe(DENIED);
		} finally {
			await clone.close();
		}
	});

	test('an owner that has every role, anon among them, logs and removes what others do', async () => {
		const host = await HostDatabase.open();
		try {
			const { client } = host;
			const owner = await host.migratedByOwner();
			await client.query(
				`GRANT anon, authenticated, service_role, destinations_loader TO ${owner}`,
			);
			await client.query(`
				SET ROLE service_role;
				INSERT INTO organizations DEFAULT VALUES;
				INSERT INTO destinations (organization_id, type, name, settings, settings_encrypted)
					SELECT id, 'console', 'x', '{"a": 1}', false FROM organizations;
				UPDATE destinations SET settings = '{"a": 2}';
				UPDATE destinations SET deleted_at = now();
				RESET ROLE;
				SET session_replication_role = replica;
				UPDATE destination_audit_log SET recorded_at = now() - interval '1 year';
				RESET session_replication_role`);
			const { rows } = await client.query(`
				SELECT (SELECT count(*)::integer FROM destination_audit_log) AS entries, removed::integer
				FROM prune_destination_audit_log(now() - interval '40 days', 0, 100)`);
			expect(rows).toEqual([{ entries: 3, removed: 3 }]);
		} finally {
			await host.close();
		}
	});

	test('the owner sees nothing and creates nothing, and yet foreign keys work', async () => {
		const clone = await Session.open();
		const owner = `owner_${randomUUID().replaceAll('-', '')}`;
		try {
			const user = await clone.newUser();
			const row = await clone.newDestination({ created_by: user });
			await clone.client.query(`
				CREATE ROLE ${owner};
				GRANT USAGE ON SCHEMA public TO ${owner};
				ALTER TABLE destinations OWNER TO ${owner};
				ALTER TABLE organizations OWNER TO ${owner};
				ALTER TABLE users OWNER TO ${owner};
				SET ROLE ${owner}`);
			for (const table of ['destinations', 'organizations', 'users']) {
				expect(await clone.rows(`SELECT FROM ${table}`)).toEqual([]);
			}
			const insert = clone.insert({
				organization_id: row.organization_id,
				type: 'console',
				name: 'x',
			});
			expect((await refusal(insert)).code).toBe(DENIED);

			await clone.client.query('RESET ROLE');
			await clone.asTenant(row.organization_id, () =>
				clone.insert({ organization_id: row.organization_id, type: 'console', name: 'x' }),
			);
			await clone.asService(async () => {
				await clone.rows('DELETE FROM users');
				expect((await clone.destination(row.id)).created_by).toBeNull();
				await clone.rows('DELETE FROM organizations');
				expect(await clone.rows('SELECT FROM destinations')).toEqual([]);
			});
		} finally {
			await clone.close();
			await session.client.query(`DROP ROLE IF EXISTS ${owner}`);
		}
	});
});

test('auth.jwt() returns the claims, for whoever writes policies of their own', async () => {
	const claims = { organization_id: own.organization_id };
	const { jwt } = await session.as('anon', claims, () => session.row('SELECT auth.jwt()'));
	expect(jwt).toEqual(claims);
	expect(await session.as('anon', '', () => session.row('SELECT auth.jwt()'))).toEqual({
		jwt: null,
	});
});
