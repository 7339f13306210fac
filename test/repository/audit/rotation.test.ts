import { randomUUID } from 'node:crypto';
import { envelope, refusal, Session } from '../../database/session.ts';
import { added, entriesOf } from './log.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

const marked = (run?: string) =>
	session.client.query(
		`SELECT set_config('destinations.rotation', 'on', true),
			set_config('destinations.rotation_run', $1, true)`,
		[run ?? ''],
	);

async function sealed() {
	const made = await session.newDestination({ settings: envelope() });
	return session.update(made.id, 'settings = $1', [envelope()]);
}

const rotate = (id: string) => session.update(id, 'settings = $1', [envelope({ kid: '2027-01' })]);
const rotateHistory = (id: string) =>
	session.client.query(
		'UPDATE destination_settings_history SET settings = $2 WHERE destination_id = $1',
		[id, envelope({ kid: '2027-01' })],
	);

test('a run has one entry, however many rows, statements and transactions it has', async () => {
	const [first, second] = [await sealed(), await sealed()];
	const run = randomUUID();
	const actor = await session.newUser();
	const entries = await added(session, async () => {
		for (const { id } of [first, second]) {
			await session.asService(async () => {
				await marked(run);
				await rotate(id);
				await rotateHistory(id);
			}, actor);
		}
	});
	expect(entries).toMatchObject([
		{
			action: 'keys_rotated',
			organization_id: null,
			destination_id: null,
			version: null,
			changes: {},
			actor_id: actor,
			role: 'service_role',
			rotation_run: run,
		},
	]);
	expect((await session.destination(first.id)).version).toBe(first.version);
});

test('a run that only finds earlier settings to rotate has its entry too', async () => {
	const { id } = await sealed();
	const entries = await added(session, () =>
		session.asService(async () => {
			await marked(randomUUID());
			await rotateHistory(id);
		}),
	);
	expect(entries.map(({ action }) => action)).toEqual(['keys_rotated']);
});

test('a run that changes nothing has none', async () => {
	const { id } = await sealed();
	const entries = await added(session, () =>
		session.asService(async () => {
			await marked(randomUUID());
			await session.client.query('UPDATE destinations SET settings = settings WHERE id = $1', [id]);
		}),
	);
	expect(entries).toEqual([]);
});

test('two workers of a run at once write one entry', async () => {
	const rows = [await sealed(), await sealed(), await sealed()];
	const run = randomUUID();
	const entries = await added(session, () =>
		Promise.all(
			rows.map(async ({ id }) => {
				const client = await session.connect();
				await client.query(`BEGIN; SET LOCAL ROLE service_role; SET LOCAL destinations.rotation = 'on';
					SET LOCAL destinations.rotation_run = '${run}'`);
				await client.query('UPDATE destinations SET settings = $2 WHERE id = $1', [
					id,
					envelope({ kid: '2027-01' }),
				]);
				await client.query('COMMIT');
			}),
		),
	);
	expect(entries).toHaveLength(1);
});

test('keeps nothing of what it replaced', async () => {
	const made = await session.newDestination({ settings: envelope() });
	await session.asService(async () => {
		await marked(randomUUID());
		await rotate(made.id);
	});
	expect(
		await session.rows('SELECT FROM destination_settings_history WHERE destination_id = $1', [
			made.id,
		]),
	).toEqual([]);
});

test('a tenant’s edit behind the marker is an edit', async () => {
	const made = await sealed();
	const entries = await added(session, () =>
		session.asTenant(made.organization_id, async () => {
			await marked(randomUUID());
			await rotate(made.id);
		}),
	);
	expect(entries).toMatchObject([
		{ action: 'updated', changes: { settings: {} }, role: 'authenticated' },
	]);
});

test('the service’s edit of more than settings is an edit', async () => {
	const made = await sealed();
	await session.asService(async () => {
		await marked(randomUUID());
		await session.update(made.id, `settings = $1, name = 'x'`, [envelope()]);
	});
	expect((await entriesOf(session, made.id)).at(-1)).toMatchObject({ action: 'updated' });
});

test.each<[string, string]>([
	['version', 'version = version + 1'],
	['organization', 'organization_id = gen_random_uuid()'],
	['encryption', `settings = '{}', settings_encrypted = false`],
])('earlier settings keep their %s', async (_, assignments) => {
	const { id } = await sealed();
	const error = await refusal(
		session.asService(async () => {
			await marked(randomUUID());
			await session.client.query(
				`UPDATE destination_settings_history SET ${assignments} WHERE destination_id = $1`,
				[id],
			);
		}),
	);
	expect(error.code).toBe('42501');
});

test('earlier settings change for nobody without the marker', async () => {
	const { id } = await sealed();
	expect((await refusal(session.asService(() => rotateHistory(id)))).code).toBe('42501');
	expect((await refusal(rotateHistory(id))).code).toBe('42501');
});
