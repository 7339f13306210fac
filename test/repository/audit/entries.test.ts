import { envelope, refusal, Session } from '../../database/session.ts';
import { actionsOf, added, entriesOf } from './log.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

describe('an entry', () => {
	test('of a new destination has all that it began with, but for its settings', async () => {
		const actor = await session.newUser();
		const organization = await session.newOrganization();
		const made = await session.asTenant(
			organization,
			() =>
				session.insert({
					organization_id: organization,
					type: 'posthog',
					name: 'EU project',
					settings: envelope({ ct: 'sealed' }),
					required_consent: ['measurement'],
				}),
			actor,
		);
		const [entry, ...others] = await entriesOf(session, made.id);
		expect(others).toEqual([]);
		expect(entry).toMatchObject({
			organization_id: organization,
			destination_id: made.id,
			version: 1,
			action: 'created',
			actor_id: actor,
			role: 'authenticated',
			login: 'postgres',
			rotation_run: null,
		});
		expect(entry?.changes).toEqual({
			type: { new: 'posthog' },
			name: { new: 'EU project' },
			environment: { new: 'production' },
			settings: {},
			settings_encrypted: { new: true },
			required_consent: { new: ['measurement'] },
			enabled: { new: true },
			test_mode: { new: false },
			created_by: { new: actor },
			updated_by: { new: actor },
		});
		expect(JSON.stringify(entry)).not.toContain('sealed');
	});

	test('tells the transaction, which is the same for all that happened in it', async () => {
		const first = await session.newDestination();
		const second = await session.newDestination();
		const [one, two, ...others] = await added(session, () =>
			session.asService(async () => {
				await session.update(first.id, `name = 'a'`);
				await session.update(second.id, `name = 'b'`);
			}),
		);
		expect(others).toEqual([]);
		expect(one?.transaction_id).toBe(two?.transaction_id);
		expect(one?.recorded_at).toEqual(two?.recorded_at);
		expect(one?.role).toBe('service_role');
	});

	test.each<[string, string, Record<string, unknown>]>([
		[`name = 'other'`, 'updated', { name: { old: 'EU project', new: 'other' } }],
		[`description = 'x'`, 'updated', { description: { old: null, new: 'x' } }],
		[`environment = 'staging'`, 'updated', { environment: { old: 'production', new: 'staging' } }],
		[
			`required_consent = '{marketing}'`,
			'updated',
			{ required_consent: { old: [], new: ['marketing'] } },
		],
		['test_mode = true', 'updated', { test_mode: { old: false, new: true } }],
		['enabled = false', 'disabled', { enabled: { old: true, new: false } }],
		[
			`enabled = false, name = 'x'`,
			'disabled',
			{ enabled: { old: true, new: false }, name: { old: 'EU project', new: 'x' } },
		],
		[
			`settings = '{"apiKey": "k"}', settings_encrypted = false`,
			'updated',
			{ settings: {}, settings_encrypted: { old: true, new: false } },
		],
		[
			`name = 'other', connection_status = 'failed', last_error = 'no answer', last_tested_at = now()`,
			'updated',
			{ name: { old: 'EU project', new: 'other' } },
		],
	])('of %s is "%s", with what changed', async (assignments, action, changes) => {
		const made = await session.newDestination();
		const entries = await added(session, () => session.update(made.id, assignments));
		expect(entries).toMatchObject([{ destination_id: made.id, action }]);
		expect(entries[0]?.changes).toEqual(changes);
		expect(entries[0]?.version).toBe((await session.destination(made.id)).version);
	});

	test.each([
		`connection_status = 'failed', last_error = 'no answer', last_tested_at = now()`,
		'last_tested_at = now()',
		`connection_status = 'connected'`,
		`last_error = 'x'`,
	])('is not made of the outcome of a test: %s', async (outcome) => {
		const made = await session.newDestination();
		expect(await added(session, () => session.update(made.id, outcome))).toEqual([]);
		expect(await session.destination(made.id)).toMatchObject({ version: made.version });
	});

	test('of who wrote last is made, whoever says so', async () => {
		const made = await session.newDestination();
		const user = await session.newUser();
		const entries = await added(session, () =>
			session.asService(() => session.update(made.id, 'updated_by = $1', [user])),
		);
		expect(entries).toMatchObject([
			{ action: 'updated', version: 2, changes: { updated_by: { new: user } } },
		]);
	});

	test('of deleting, restoring, enabling and purging says so', async () => {
		const { id } = await session.newDestination();
		await session.update(id, 'enabled = false');
		await session.update(id, 'enabled = true');
		await session.update(id, 'deleted_at = now()');
		await session.update(id, 'deleted_at = NULL');
		await session.client.query('DELETE FROM destinations WHERE id = $1', [id]);
		expect(await actionsOf(session, id)).toEqual(
			'created disabled enabled soft_deleted restored purged'.split(' '),
		);
		expect((await entriesOf(session, id)).at(-1)).toMatchObject({ version: 5, changes: {} });
	});
});

describe('each statement', () => {
	test('gives one entry a changed row, and none for a row that it left as it was', async () => {
		const organization = await session.newOrganization();
		const entries = await added(session, () =>
			session.client.query(
				`INSERT INTO destinations (organization_id, type, name, environment)
				 SELECT $1, type, 'x', environment FROM unnest(ARRAY['console', 'posthog']) AS type,
				   unnest(ARRAY['production', 'staging']) AS environment`,
				[organization],
			),
		);
		expect(entries.map(({ action }) => action)).toEqual(Array(4).fill('created'));
		const updates = await added(session, () =>
			session.client.query(
				`UPDATE destinations SET name = CASE type WHEN 'console' THEN 'y' ELSE 'x' END
				 WHERE organization_id = $1`,
				[organization],
			),
		);
		expect(updates).toHaveLength(2);
		const nothing = await added(session, () =>
			session.client.query(`UPDATE destinations SET name = name, version = 9, updated_at = now()
				WHERE organization_id = '${organization}'`),
		);
		expect(nothing).toEqual([]);
	});

	test('which fails or is rolled back gives none', async () => {
		const made = await session.newDestination();
		const entries = await added(session, async () => {
			await session.client.query('BEGIN');
			await session.update(made.id, `name = 'rolled back'`);
			await session.client.query('SAVEPOINT s');
			await session.update(made.id, `settings = '{"apiKey": "leak"}', settings_encrypted = false`);
			await session.client.query('ROLLBACK TO s; ROLLBACK');
			await refusal(session.update(made.id, `settings = '{"apiKey": "leak"}'`));
			await refusal(session.update(made.id, `name = 'x', type = 'console'`));
		});
		expect(entries).toEqual([]);
	});

	test('of an upsert, a MERGE, a COPY and a writable CTE counts too', async () => {
		const made = await session.newDestination();
		const organization = await session.newOrganization();
		const upsert = await added(session, () =>
			session.client.query(
				`INSERT INTO destinations (id, organization_id, type, name) VALUES
				   ('${made.id}', '${made.organization_id}', 'posthog', 'y'),
				   (gen_random_uuid(), '${organization}', 'posthog', 'z')
				 ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
			),
		);
		expect(upsert.map(({ action }) => action).sort()).toEqual(['created', 'updated']);
		const merge = await added(session, () =>
			session.client.query(
				`MERGE INTO destinations d USING (VALUES ('${made.id}'::uuid)) AS v (id) ON d.id = v.id
				 WHEN MATCHED THEN UPDATE SET name = 'merged'`,
			),
		);
		expect(merge.map(({ action }) => action)).toEqual(['updated']);
		const cte = await added(session, () =>
			session.client.query(
				`WITH a AS (UPDATE destinations SET name = 'a' WHERE id = '${made.id}')
				 UPDATE destinations SET name = 'b' WHERE organization_id = '${organization}'`,
			),
		);
		expect(cte.map(({ changes }) => changes.name?.new).sort()).toEqual(['a', 'b']);
	});
});

describe('what the platform does', () => {
	test('deleting a user leaves the log as it was, with the id, and adds nothing', async () => {
		const user = await session.newUser();
		const organization = await session.newOrganization();
		const { id } = await session.asTenant(
			organization,
			() => session.newDestination({ organization_id: organization }),
			user,
		);
		const before = await entriesOf(session, id);
		await session.client.query('DELETE FROM users WHERE id = $1', [user]);
		expect((await session.destination(id)).created_by).toBeNull();
		expect(await entriesOf(session, id)).toEqual(before);
		expect(before[0]?.actor_id).toBe(user);
	});

	test('deleting an organization purges its destinations, and leaves their log', async () => {
		const { id, organization_id } = await session.newDestination();
		await session.update(id, `settings = '{"a": 1}', settings_encrypted = false`);
		await session.client.query('DELETE FROM organizations WHERE id = $1', [organization_id]);
		expect(await actionsOf(session, id)).toEqual(['created', 'updated', 'purged']);
		expect(
			await session.rows('SELECT FROM destination_settings_history WHERE destination_id = $1', [
				id,
			]),
		).toEqual([]);
	});
});

describe('who acted', () => {
	test('is the claims’ `sub`, whatever the columns say', async () => {
		const actor = await session.newUser();
		const other = await session.newUser();
		const organization = await session.newOrganization();
		const asActor = <T>(work: () => Promise<T>) => session.asTenant(organization, work, actor);
		const row = { organization_id: organization };
		const { id } = await asActor(() => session.newDestination(row));
		await asActor(() => session.update(id, `name = 'x'`));
		// Nobody writes in the name of somebody else.
		for (const write of [
			() => session.newDestination({ ...row, environment: 'staging', created_by: other }),
			() => session.update(id, `name = 'y', updated_by = '${other}'`),
		]) {
			expect((await refusal(asActor(write))).code).toBe('23514');
		}
		const entries = await entriesOf(session, id);
		expect(entries.map(({ actor_id }) => actor_id)).toEqual([actor, actor]);
		expect(JSON.stringify(entries)).not.toContain(other);
	});

	test('is nobody without one, and with one that is no uuid', async () => {
		const { id } = await session.newDestination();
		await session.as('service_role', { sub: 'root' }, () => session.update(id, `name = 'x'`));
		expect((await entriesOf(session, id)).map(({ actor_id }) => actor_id)).toEqual([null, null]);
	});
});

describe('the names of changed settings', () => {
	async function namesTold(change: unknown): Promise<unknown> {
		const made = await session.newDestination();
		const claims = {
			organization_id: made.organization_id,
			settings_change: JSON.parse(JSON.stringify(change).replace('ID', made.id)),
		};
		const [entry] = await added(session, () =>
			session.as('authenticated', claims, () =>
				session.update(made.id, 'settings = $1', [envelope()]),
			),
		);
		return entry?.changes.settings;
	}

	test('are those that the client told for this destination at this version', async () => {
		expect(await namesTold({ id: 'ID', version: 1, fields: ['apiKey', 'host'] })).toEqual({
			fields: ['apiKey', 'host'],
		});
	});

	test.each<[string, unknown]>([
		['another version', { id: 'ID', version: 2, fields: ['apiKey'] }],
		[
			'another destination',
			{ id: '00000000-0000-0000-0000-000000000000', version: 1, fields: ['apiKey'] },
		],
		['what looks like a key', { id: 'ID', version: 1, fields: ['phc_0123456789'] }],
		['a long text', { id: 'ID', version: 1, fields: ['a'.repeat(41)] }],
		['an object', { id: 'ID', version: 1, fields: [{ apiKey: 'x' }] }],
		['no list', { id: 'ID', version: 1, fields: 'apiKey' }],
		['too many', { id: 'ID', version: 1, fields: Array(51).fill('a') }],
		['a version that is none', { id: 'ID', version: 'one', fields: ['a'] }],
	])('are not there for %s', async (_, change) => {
		expect(await namesTold(change)).toEqual({});
	});

	test.each([
		'{"settings_change"',
		'"settings_change": {}',
		'{"settings_change": {]}',
		'["settings_change"',
	])('are not there, and the change is, for claims that are not valid JSON: %s', async (claims) => {
		const made = await session.newDestination();
		const [entry] = await added(session, () =>
			session.as('service_role', claims, () =>
				session.update(made.id, 'settings = $1', [envelope()]),
			),
		);
		expect(entry).toMatchObject({ version: 2, actor_id: null, changes: { settings: {} } });
	});

	test('do not make an entry for what did not change', async () => {
		const made = await session.newDestination();
		const claims = {
			organization_id: made.organization_id,
			settings_change: { id: made.id, version: 1, fields: ['apiKey'] },
		};
		const [entry] = await added(session, () =>
			session.as('authenticated', claims, () => session.update(made.id, `name = 'x'`)),
		);
		expect(entry?.changes).toEqual({ name: { old: 'EU project', new: 'x' } });
	});
});

describe('what a destination is a copy of', () => {
	const original = '00000000-0000-4000-8000-0000000000aa';

	/** The entries of a change by a client that says this, with the destination's id in the place of ID. */
	async function told(copy: unknown, change = `name = 'x'`) {
		const made = await session.newDestination();
		const claims = {
			organization_id: made.organization_id,
			copied_from: JSON.parse(JSON.stringify(copy).replace('ID', made.id)),
		};
		return added(session, () =>
			session.as('authenticated', claims, () => session.update(made.id, change)),
		);
	}

	test('is what the client says of this destination', async () => {
		expect(await told({ id: 'ID', from: original })).toMatchObject([
			{ action: 'copied', version: 2, changes: { copied_from: { new: original }, name: {} } },
		]);
	});

	test.each<[string, unknown]>([
		['another destination', { id: original, from: original }],
		['what is no id', { id: 'ID', from: 'phc_0123456789' }],
		['nothing', { id: 'ID' }],
		['an object', { id: 'ID', from: { id: original } }],
		['a list', [original]],
	])('is not there for %s', async (_, copy) => {
		const [entry] = await told(copy);
		expect(entry).toMatchObject({ action: 'updated' });
		expect(Object.keys(entry?.changes ?? {})).toEqual(['name']);
	});

	test('makes no copy of a test', async () => {
		const entries = await told({ id: 'ID', from: original }, `connection_status = 'failed'`);
		expect(entries).toEqual([]);
	});
});
