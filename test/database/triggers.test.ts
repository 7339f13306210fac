import { randomUUID } from 'node:crypto';
import { type DestinationRow, envelope, refusal, Session } from './session.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

/** The difference of two of Postgres's times in microseconds, which a JavaScript date cannot tell. */
async function microseconds(from: string, to: string): Promise<number> {
	const { difference } = await session.row<{ difference: string }>(
		'SELECT 1e6 * extract(epoch FROM $2::timestamptz - $1::timestamptz) AS difference',
		[from, to],
	);
	return Number(difference);
}

describe('updated_at', () => {
	test('moves with a change and stays without one', async () => {
		const made = await session.newDestination();
		const changed = await session.update(made.id, `name = 'other'`);
		expect(await microseconds(made.updated_at, changed.updated_at)).toBeGreaterThan(0);
		const same = await session.update(made.id, `name = 'other', enabled = true, settings = '{}'`);
		expect(same).toEqual(changed);
	});

	test('increases strictly within one transaction', async () => {
		const made = await session.newDestination();
		const seen = await session.asTenant(made.organization_id, async () => {
			const rows: DestinationRow[] = [made];
			for (const name of ['a', 'b', 'c'])
				rows.push(await session.update(made.id, `name = '${name}'`));
			return rows.map(({ updated_at }) => updated_at);
		});
		for (const [index, from] of seen.slice(0, -1).entries()) {
			expect(await microseconds(from, seen[index + 1] ?? '')).toBeGreaterThan(0);
		}
	});

	test('increases when the clock went back', async () => {
		const made = await session.newDestination();
		const future = '2999-01-01 00:00:00+00';
		await session.client.query(`SET session_replication_role = replica`);
		await session.update(made.id, `updated_at = '${future}'`);
		await session.client.query('RESET session_replication_role');
		const changed = await session.update(made.id, `name = 'other'`);
		expect(await microseconds(future, changed.updated_at)).toBe(1);
	});

	test('is the time of the database, whatever the statement says', async () => {
		const made = await session.newDestination({
			updated_at: '2001-01-01',
			created_at: '2001-01-01',
		});
		expect(made.created_at).toBe(made.updated_at);
		expect(await microseconds('2020-01-01', made.created_at)).toBeGreaterThan(0);
		const touched = await session.update(made.id, `updated_at = '2001-01-01'`);
		expect(touched).toEqual(made);
		const changed = await session.update(made.id, `name = 'x', updated_at = '2999-01-01'`);
		expect(await microseconds(changed.updated_at, '2990-01-01')).toBeGreaterThan(0);
	});
});

describe('deleted_at', () => {
	/** It and `updated_at` as texts, because a JavaScript date has no microseconds. */
	const times = (id: string) =>
		session.row<{ deleted: string; updated: string }>(
			'SELECT deleted_at::text AS deleted, updated_at::text AS updated FROM destinations WHERE id = $1',
			[id],
		);

	test.each([`'2001-01-01'`, `'2999-01-01'`, `'infinity'`, 'now()'])(
		"is the database's time and not the statement's: %s",
		async (time) => {
			const { id } = await session.newDestination();
			await session.update(id, `deleted_at = ${time}`);
			const { deleted, updated } = await times(id);
			expect(deleted).toBe(updated);
		},
	);

	test('is that of a row that was inserted as deleted', async () => {
		const { id } = await session.newDestination({ deleted_at: '2001-01-01' });
		const { deleted, updated } = await times(id);
		expect(deleted).toBe(updated);
	});

	test('of a deleted row stays as it is, whatever a statement says', async () => {
		const { id } = await session.newDestination();
		const first = await session.update(id, 'deleted_at = now()');
		expect(await session.update(id, `deleted_at = '2001-01-01'`)).toEqual(first);
		const renamed = await session.update(id, `name = 'x', deleted_at = '2999-01-01'`);
		expect(renamed).toMatchObject({ name: 'x', deleted_at: first.deleted_at });
	});

	test('is another one after restoring', async () => {
		const { id } = await session.newDestination();
		await session.update(id, 'deleted_at = now()');
		const first = await times(id);
		expect((await session.update(id, 'deleted_at = NULL')).deleted_at).toBeNull();
		await session.update(id, `deleted_at = '${first.deleted}'`);
		expect((await times(id)).deleted).not.toBe(first.deleted);
	});
});

describe('version', () => {
	test('is 1 at first, whatever the statement says', async () => {
		expect((await session.newDestination({ version: 7 })).version).toBe(1);
	});

	test.each([
		`name = 'other'`,
		`description = 'x'`,
		`environment = 'staging'`,
		`settings = '{"a": 1}', settings_encrypted = false`,
		`required_consent = '{marketing}'`,
		'enabled = false',
		'test_mode = true',
		'deleted_at = now()',
	])('counts a change of the configuration: %s', async (assignment) => {
		const made = await session.newDestination();
		expect((await session.update(made.id, assignment)).version).toBe(2);
	});

	test('counts deleting and restoring', async () => {
		const { id } = await session.newDestination();
		await session.update(id, 'deleted_at = now()');
		expect((await session.update(id, 'deleted_at = NULL')).version).toBe(3);
	});

	test('does not count the outcome of a connection test, which is a change all the same', async () => {
		const made = await session.newDestination({ updated_by: await session.newUser() });
		const tested = await session.update(
			made.id,
			`last_tested_at = now(), connection_status = 'failed', last_error = 'no answer'`,
		);
		expect(tested).toMatchObject({ version: 1, updated_by: made.updated_by });
		expect(tested.updated_at).not.toBe(made.updated_at);
	});

	test('does not count a statement that changes nothing', async () => {
		const made = await session.newDestination();
		expect(await session.update(made.id, `name = name, version = 9`)).toEqual(made);
	});

	test('cannot be set', async () => {
		const made = await session.newDestination();
		expect((await session.update(made.id, `name = 'x', version = 9`)).version).toBe(2);
	});

	test('counts each of many changes at once', async () => {
		const made = await session.newDestination();
		const clients = await Promise.all(Array.from({ length: 4 }, () => session.connect()));
		await Promise.all(
			clients.map(async (client, index) => {
				for (let change = 0; change < 5; change++) {
					await client.query('UPDATE destinations SET name = $2 WHERE id = $1', [
						made.id,
						`${index}.${change}`,
					]);
				}
			}),
		);
		expect((await session.destination(made.id)).version).toBe(21);
	});
});

describe('what a destination keeps', () => {
	test.each<[string, string]>([
		['id', `id = gen_random_uuid()`],
		['organization_id', `organization_id = '${randomUUID()}'`],
		['type', `type = 'console'`],
		['organization_id', 'organization_id = NULL'],
		['created_at', `created_at = now() - interval '1 day'`],
		['created_by', `created_by = NULL`],
		['created_by', `created_by = '${randomUUID()}'`],
	])('%s: %s is refused', async (column, assignment) => {
		const made = await session.newDestination({ created_by: await session.newUser() });
		const attempts = [
			() => session.update(made.id, assignment),
			() => session.asService(() => session.update(made.id, assignment)),
			() => session.asTenant(made.organization_id, () => session.update(made.id, assignment)),
		];
		for (const attempt of attempts) {
			expect(await refusal(attempt())).toMatchObject({
				code: '23514',
				constraint: 'destinations_immutable_columns',
				table: 'destinations',
				column,
				message: `${column} of a destination cannot be changed`,
			});
		}
		expect(await session.destination(made.id)).toEqual(made);
	});

	test('the error names every column that a statement would change', async () => {
		const made = await session.newDestination();
		const error = await refusal(
			session.update(made.id, `type = 'console', created_at = now() - interval '1 h', name = 'x'`),
		);
		expect(error.message).toBe('type, created_at of a destination cannot be changed');
	});

	test('created_by cannot be emptied from inside a trigger of somebody else', async () => {
		const made = await session.newDestination({ created_by: await session.newUser() });
		await session.client.query(`
			CREATE TABLE hook ();
			GRANT INSERT ON hook TO service_role;
			CREATE FUNCTION empty_created_by() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				UPDATE destinations SET created_by = NULL;
				RETURN NEW;
			END $$;
			CREATE TRIGGER hook AFTER INSERT ON hook FOR EACH ROW EXECUTE FUNCTION empty_created_by();
		`);
		const error = await refusal(
			session.asService(() => session.client.query('INSERT INTO hook DEFAULT VALUES')),
		);
		expect(error.constraint).toBe('destinations_immutable_columns');
		expect(await session.destination(made.id)).toEqual(made);
	});
});

describe('created_by and updated_by', () => {
	test('name the actor of the claims, in the scope of a tenant and of a service', async () => {
		for (const role of ['authenticated', 'service_role'] as const) {
			const [organization_id, creator, editor] = [
				await session.newOrganization(),
				await session.newUser(),
				await session.newUser(),
			];
			const made = await session.as(role, { organization_id, sub: creator }, () =>
				session.insert({ organization_id, type: 'console', name: 'x' }),
			);
			expect(made).toMatchObject({ created_by: creator, updated_by: creator });
			const changed = await session.as(role, { organization_id, sub: editor }, () =>
				session.update(made.id, `name = 'y'`),
			);
			expect(changed).toMatchObject({ created_by: creator, updated_by: editor });
		}
	});

	test('cannot be forged through the columns', async () => {
		const organization_id = await session.newOrganization();
		const [actor, other] = [await session.newUser(), await session.newUser()];
		for (const sub of [actor, undefined, 'auth0|x']) {
			const type = sub === undefined ? 'console' : sub === actor ? 'posthog' : 'mixpanel';
			const expected = sub === actor ? actor : null;
			const as = <Result>(work: () => Promise<Result>) =>
				session.as('authenticated', { organization_id, sub }, work);
			const refused = { code: '23514', constraint: 'destinations_author' };
			for (const column of ['created_by', 'updated_by']) {
				const row = { organization_id, type, name: 'x', [column]: other };
				await expect(as(() => session.insert(row))).rejects.toMatchObject(refused);
			}
			const made = await as(() =>
				session.insert({ organization_id, type, name: 'x', created_by: expected }),
			);
			expect(made).toMatchObject({ created_by: expected, updated_by: expected });
			for (const changes of [`name = 'y', updated_by = $1`, 'updated_by = $1']) {
				const update = as(() => session.update(made.id, changes, [other]));
				await expect(update).rejects.toMatchObject(refused);
			}
		}
	});

	test('are what a service says when its claims name nobody', async () => {
		const organization_id = await session.newOrganization();
		const [creator, editor] = [await session.newUser(), await session.newUser()];
		const made = await session.asService(() =>
			session.insert({ organization_id, type: 'console', name: 'x', created_by: creator }),
		);
		expect(made).toMatchObject({ created_by: creator, updated_by: null });
		const changed = await session.asService(() =>
			session.update(made.id, `name = 'y', updated_by = $1`, [editor]),
		);
		expect(changed.updated_by).toBe(editor);
	});

	test('a change by nobody known is not put down to the last editor', async () => {
		const made = await session.newDestination({ updated_by: await session.newUser() });
		const changed = await session.asService(() => session.update(made.id, `name = 'y'`));
		expect(changed.updated_by).toBeNull();
	});

	test('an actor who is no user is refused, whichever columns are set', async () => {
		const organization_id = await session.newOrganization();
		const error = await refusal(
			session.asTenant(
				organization_id,
				() => session.insert({ organization_id, type: 'console', name: 'x' }),
				randomUUID(),
			),
		);
		expect(error).toMatchObject({ code: '23503', constraint: 'destinations_created_by_fkey' });
	});
});

describe('a key rotation', () => {
	async function sealed(): Promise<DestinationRow> {
		const user = await session.newUser();
		return session.newDestination({
			settings: envelope({ kid: 'old' }),
			updated_by: user,
			connection_status: 'connected',
		});
	}

	function rotate<Result>(
		work: () => Promise<Result>,
		marker = 'on',
		actorId?: string,
	): Promise<Result> {
		return session.asService(async () => {
			await session.client.query(`SELECT set_config('destinations.rotation', $1, true)`, [marker]);
			return work();
		}, actorId);
	}

	const next = (row: DestinationRow) => JSON.stringify({ ...row.settings, kid: 'new' });

	test('changes settings and nothing else, whoever runs it', async () => {
		for (const actorId of [undefined, await session.newUser()]) {
			const made = await sealed();
			const rotated = await rotate(
				() => session.update(made.id, 'settings = $1', [next(made)]),
				'on',
				actorId,
			);
			expect(rotated).toEqual({ ...made, settings: { ...made.settings, kid: 'new' } });
		}
	});

	test('reaches deleted rows', async () => {
		const made = await sealed();
		const deleted = await session.update(made.id, 'deleted_at = now()');
		const rotated = await rotate(() => session.update(made.id, 'settings = $1', [next(made)]));
		expect(rotated).toEqual({ ...deleted, settings: { ...made.settings, kid: 'new' } });
	});

	test('seals plaintext', async () => {
		const made = await session.newDestination({ settings: { a: 1 }, settings_encrypted: false });
		const settings = envelope();
		const rotated = await rotate(() =>
			session.update(made.id, 'settings = $1, settings_encrypted = true', [settings]),
		);
		expect(rotated).toEqual({ ...made, settings, settings_encrypted: true });
	});

	test.each([`name = 'x'`, 'enabled = false', 'deleted_at = now()', `last_error = 'x'`])(
		'with another change is an edit: %s',
		async (assignment) => {
			const made = await sealed();
			const changed = await rotate(() =>
				session.update(made.id, `settings = $1, ${assignment}`, [next(made)]),
			);
			expect(changed).toMatchObject({ version: 2, updated_by: null });
			expect(changed.updated_at).not.toBe(made.updated_at);
		},
	);

	test('that turns ciphertext into plaintext is an edit', async () => {
		const made = await sealed();
		const changed = await rotate(() =>
			session.update(made.id, `settings = '{"a": 1}', settings_encrypted = false`),
		);
		expect(changed.version).toBe(2);
	});

	test('without its marker is an edit', async () => {
		for (const marker of ['', 'off', 'ON', 'true']) {
			const made = await sealed();
			const changed = await rotate(
				() => session.update(made.id, 'settings = $1', [next(made)]),
				marker,
			);
			expect(changed.version).toBe(2);
		}
	});

	test('cannot be claimed by a tenant', async () => {
		const made = await sealed();
		const changed = await session.asTenant(made.organization_id, async () => {
			await session.client.query('SET LOCAL destinations.rotation = on');
			return session.update(made.id, 'settings = $1', [next(made)]);
		});
		expect(changed).toMatchObject({ version: 2, updated_by: null, connection_status: 'unknown' });
		expect(changed.updated_at).not.toBe(made.updated_at);
	});

	test('cannot be claimed by the owner either', async () => {
		const made = await sealed();
		await session.client.query('BEGIN');
		await session.client.query('SET LOCAL destinations.rotation = on');
		const changed = await session.update(made.id, 'settings = $1', [next(made)]);
		await session.client.query('COMMIT');
		expect(changed.version).toBe(2);
	});

	test('keeps to what nobody may change', async () => {
		const made = await sealed();
		const error = await refusal(
			rotate(() => session.update(made.id, `settings = $1, type = 'console'`, [next(made)])),
		);
		expect(error.constraint).toBe('destinations_immutable_columns');
	});
});

describe('other settings', () => {
	const tested = {
		connection_status: 'failed',
		last_error: 'wrong key',
		last_tested_at: new Date(0),
	};

	test('are not tested yet', async () => {
		const made = await session.newDestination(tested);
		const changed = await session.update(made.id, 'settings = $1', [envelope()]);
		expect(changed).toMatchObject({
			connection_status: 'unknown',
			last_error: null,
			last_tested_at: tested.last_tested_at,
		});
	});

	test('can be stored with the outcome of their test', async () => {
		const made = await session.newDestination(tested);
		const changed = await session.update(
			made.id,
			`settings = $1, connection_status = 'failed', last_error = 'wrong key', last_tested_at = now()`,
			[envelope()],
		);
		expect(changed).toMatchObject({ connection_status: 'failed', last_error: 'wrong key' });
	});

	test('other changes leave the outcome', async () => {
		const made = await session.newDestination(tested);
		expect(await session.update(made.id, `name = 'x'`)).toMatchObject(tested);
	});
});

test('nobody but the owner may call the functions of the triggers', async () => {
	const rows = await session.rows<{ name: string; role: string }>(`
		SELECT proname AS name, rolname AS role FROM pg_proc, pg_roles
		WHERE proname IN ('insert_destinations_created_at', 'update_destinations_updated_at')
			AND rolname IN ('authenticated', 'service_role', 'destinations_loader', 'anon')
			AND has_function_privilege(rolname, pg_proc.oid, 'EXECUTE')`);
	expect(rows).toEqual([]);
});
