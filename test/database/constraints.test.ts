import { randomUUID } from 'node:crypto';
import { keyIdPattern } from '../../src/keys/key-provider.ts';
import { envelope, refusal, Session } from './session.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

const NOT_NULL = '23502';
const FOREIGN_KEY = '23503';
const UNIQUE = '23505';
const CHECK = '23514';
const TOO_LONG = '22001';

test('a row takes its defaults', async () => {
	const organizationId = await session.newOrganization();
	const row = await session.insert({ organization_id: organizationId, type: 'console', name: 'x' });
	expect(row).toEqual({
		id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
		organization_id: organizationId,
		type: 'console',
		name: 'x',
		description: null,
		environment: 'production',
		settings: {},
		settings_encrypted: true,
		required_consent: [],
		enabled: true,
		test_mode: false,
		last_tested_at: null,
		connection_status: 'unknown',
		last_error: null,
		deleted_at: null,
		version: 1,
		created_at: expect.any(String),
		updated_at: row.created_at,
		created_by: null,
		updated_by: null,
	});
});

test.each([
	'organization_id',
	'type',
	'name',
	'environment',
	'settings',
	'settings_encrypted',
	'required_consent',
	'enabled',
	'test_mode',
	'connection_status',
])('%s must not be null', async (column) => {
	const organization_id = await session.newOrganization();
	const error = await refusal(
		session.insert({ organization_id, type: 'console', name: 'x', [column]: null }),
	);
	expect(error).toMatchObject({ code: NOT_NULL, table: 'destinations', column });
});

describe('a row is refused', () => {
	test.each<[string, Record<string, unknown>, string, string]>([
		[
			'of an unknown organization',
			{ organization_id: randomUUID() },
			FOREIGN_KEY,
			'destinations_organization_id_fkey',
		],
		[
			'of an unknown creator',
			{ created_by: randomUUID() },
			FOREIGN_KEY,
			'destinations_created_by_fkey',
		],
		[
			'of an unknown editor',
			{ updated_by: randomUUID() },
			FOREIGN_KEY,
			'destinations_updated_by_fkey',
		],
		['of an unknown type', { type: 'segment' }, CHECK, 'destinations_valid_type'],
		['of a type in capitals', { type: 'PostHog' }, CHECK, 'destinations_valid_type'],
		['of an unknown environment', { environment: 'test' }, CHECK, 'destinations_valid_environment'],
		[
			'with an unknown purpose',
			{ required_consent: ['marketing', 'fun'] },
			CHECK,
			'destinations_valid_consent',
		],
		[
			'with a purpose that is null',
			{ required_consent: ['marketing', null] },
			CHECK,
			'destinations_valid_consent',
		],
		[
			'with nested purposes',
			{ required_consent: '{{marketing},{measurement}}' },
			CHECK,
			'destinations_valid_consent',
		],
		[
			'with more purposes than there are',
			{ required_consent: Array(6).fill('marketing') },
			CHECK,
			'destinations_valid_consent',
		],
		['with an unknown status', { connection_status: 'ok' }, CHECK, 'destinations_valid_status'],
		['with an empty name', { name: '' }, CHECK, 'destinations_valid_name'],
		['with a blank name', { name: ' \t\n' }, CHECK, 'destinations_valid_name'],
		[
			'with an error of more than 500 characters',
			{ last_error: 'x'.repeat(501) },
			CHECK,
			'destinations_valid_last_error',
		],
		[
			'with settings over the size cap',
			{ settings: envelope({ ct: 'x'.repeat(131_072) }) },
			CHECK,
			'destinations_settings_size',
		],
	])('%s', async (_, columns, code, constraint) => {
		const error = await refusal(session.newDestination(columns));
		expect(error).toMatchObject({ code, constraint, table: 'destinations' });
	});

	test('with a name of more than 255 characters', async () => {
		expect(await refusal(session.newDestination({ name: 'x'.repeat(256) }))).toMatchObject({
			code: TOO_LONG,
		});
	});
});

describe('a row is taken', () => {
	test.each(['posthog', 'meta-pixel', 'google-analytics', 'console', 'mixpanel', 'amplitude'])(
		'of type %s',
		async (type) => {
			expect((await session.newDestination({ type })).type).toBe(type);
		},
	);

	test.each(['development', 'staging', 'production'])('of environment %s', async (environment) => {
		expect((await session.newDestination({ environment })).environment).toBe(environment);
	});

	test.each(['connected', 'failed', 'unknown', 'testing'])('of status %s', async (status) => {
		expect((await session.newDestination({ connection_status: status })).connection_status).toBe(
			status,
		);
	});

	test('with every purpose', async () => {
		const all = ['necessary', 'measurement', 'marketing', 'functionality', 'experience'];
		expect((await session.newDestination({ required_consent: all })).required_consent).toEqual(all);
	});

	test('with the longest name and error', async () => {
		const row = await session.newDestination({
			name: 'ä'.repeat(255),
			last_error: 'ä'.repeat(500),
		});
		expect([row.name.length, row.last_error?.length]).toEqual([255, 500]);
	});
});

describe('settings are what settings_encrypted says', () => {
	const nested = { credentials: { key: 'phc_x' }, list: [1, null] };

	test.each<[string, unknown, boolean]>([
		['the default', {}, true],
		['an envelope', envelope(), true],
		[
			'an envelope with members in another order',
			Object.fromEntries(Object.entries(envelope()).reverse()),
			true,
		],
		['plaintext that is marked as such', nested, false],
		['empty plaintext', {}, false],
		['plaintext with some members of an envelope', { v: 1, alg: 'A256GCM', kid: 'a' }, false],
	])('taken: %s', async (_, settings, settings_encrypted) => {
		const row = await session.newDestination({ settings, settings_encrypted });
		expect(row.settings).toEqual(settings);
	});

	test.each<[string, unknown, boolean]>([
		['plaintext marked as encrypted', nested, true],
		['an envelope marked as plaintext', envelope(), false],
		['an envelope with one more member marked as plaintext', envelope({ note: 'x' }), false],
		[
			'an envelope of values of other types marked as plaintext',
			envelope({ v: 'one', ct: null }),
			false,
		],
		['an envelope with one more member', envelope({ note: 'x' }), true],
		...['v', 'alg', 'kid', 'kc', 'iv', 'ct'].flatMap((member): [string, unknown, boolean][] => [
			[`an envelope without ${member}`, envelope({ [member]: undefined }), true],
			[`an envelope whose ${member} is null`, envelope({ [member]: null }), true],
			[`an envelope whose ${member} is of another type`, envelope({ [member]: ['A256GCM'] }), true],
		]),
		['another version', envelope({ v: 2 }), true],
		['a version as text', envelope({ v: '1' }), true],
		['another algorithm', envelope({ alg: 'A128GCM' }), true],
		['an empty key id', envelope({ kid: '' }), true],
		['a key id of 65 characters', envelope({ kid: 'k'.repeat(65) }), true],
		['an array', '[]', true],
		['an array of the members of an envelope', '["v", "alg", "kid", "kc", "iv", "ct"]', true],
		['an array as plaintext', '[]', false],
		['a string', '"{}"', true],
		['a string as plaintext', '"x"', false],
		['the JSON null', 'null', true],
		['the JSON null as plaintext', 'null', false],
	])('refused: %s', async (_, settings, settings_encrypted) => {
		const error = await refusal(session.newDestination({ settings, settings_encrypted }));
		expect(error).toMatchObject({ code: CHECK, constraint: 'destinations_valid_settings' });
	});

	/** Every ASCII character but NUL, which JSONB has not, and some that case or locale could take for ASCII. */
	const characters = [
		...Array.from({ length: 127 }, (_, code) => String.fromCharCode(code + 1)),
		...['é', 'ı', '\u212a', '٣', 'Ａ', '\u0085', '\u2028', '\ud83d\ude00'],
	];
	const keyIds = characters.flatMap((c) => [c, `${c}a`, `a${c}`, `a${c}a`]);

	test.each(['destinations', 'destination_settings_history'])(
		'of %s have a key id of the alphabet of key ids',
		async (table) => {
			const { id } = await session.newDestination({ settings: envelope() });
			await session.update(id, 'settings = $1', [envelope()]);
			await session.client.query('BEGIN; SET LOCAL ROLE service_role');
			await session.client.query('SET LOCAL destinations.rotation = on');
			const column = table === 'destinations' ? 'id' : 'destination_id';
			for (const kid of [...keyIds, '', 'k'.repeat(64), 'k'.repeat(65)]) {
				await session.client.query('SAVEPOINT attempt');
				const update = session.client.query(
					`UPDATE ${table} SET settings = $1 WHERE ${column} = $2`,
					[envelope({ kid }), id],
				);
				const answer = await update.then(
					({ rowCount }) => rowCount,
					({ code }) => code,
				);
				expect([kid, answer]).toEqual([kid, keyIdPattern.test(kid) ? 1 : CHECK]);
				await session.client.query('ROLLBACK TO SAVEPOINT attempt');
			}
			await session.client.query('ROLLBACK');
		},
	);

	test('the marker alone cannot be changed', async () => {
		const sealed = await session.newDestination({ settings: envelope() });
		const plain = await session.newDestination({ settings: nested, settings_encrypted: false });
		for (const [id, marker] of [
			[sealed.id, false],
			[plain.id, true],
		] as const) {
			const error = await refusal(session.update(id, `settings_encrypted = ${marker}`));
			expect(error).toMatchObject({ code: CHECK, constraint: 'destinations_valid_settings' });
		}
	});

	test('settings of the largest size are taken', async () => {
		const room = 131_072 - '{"x": ""}'.length;
		const sized = (length: number) =>
			session.newDestination({ settings: { x: 'x'.repeat(length) }, settings_encrypted: false });
		await sized(room);
		expect((await refusal(sized(room + 1))).constraint).toBe('destinations_settings_size');
	});
});

describe('one live destination of a type in each environment of an organization', () => {
	test('a second one is refused, also by way of an update', async () => {
		const first = await session.newDestination();
		const second = await session.newDestination({
			organization_id: first.organization_id,
			environment: 'staging',
		});
		const works = [
			session.newDestination({ organization_id: first.organization_id }),
			session.update(second.id, `environment = 'production'`),
		];
		for (const work of works) {
			expect(await refusal(work)).toMatchObject({
				code: UNIQUE,
				constraint: 'destinations_org_type_env_unique',
			});
		}
	});

	test('others are taken: another type, environment or organization', async () => {
		const { organization_id } = await session.newDestination();
		await session.newDestination({ organization_id, type: 'console' });
		await session.newDestination({ organization_id, environment: 'staging' });
		await session.newDestination();
	});

	test('deleted ones do not count, and one that is replaced cannot be restored', async () => {
		const first = await session.newDestination();
		await session.update(first.id, 'deleted_at = now()');
		const second = await session.newDestination({ organization_id: first.organization_id });
		expect(await refusal(session.update(first.id, 'deleted_at = NULL'))).toMatchObject({
			code: UNIQUE,
			constraint: 'destinations_org_type_env_unique',
		});
		await session.update(second.id, 'deleted_at = now()');
		expect((await session.update(first.id, 'deleted_at = NULL')).deleted_at).toBeNull();
	});
});

describe('what happens to destinations when others go', () => {
	test('an organization takes its own with it, deleted ones included', async () => {
		const gone = await session.newDestination();
		await session.newDestination({
			organization_id: gone.organization_id,
			deleted_at: new Date(),
		});
		const other = await session.newDestination();
		await session.client.query('DELETE FROM organizations WHERE id = $1', [gone.organization_id]);
		const left = await session.rows<{ id: string }>(
			'SELECT id FROM destinations WHERE organization_id = ANY ($1)',
			[[gone.organization_id, other.organization_id]],
		);
		expect(left).toEqual([{ id: other.id }]);
	});

	test('a user leaves what they made, which says nothing of them, and nothing else changes', async () => {
		const [creator, editor] = [await session.newUser(), await session.newUser()];
		const row = await session.newDestination({ created_by: creator, updated_by: editor });
		await session.client.query('DELETE FROM users WHERE id = $1', [creator]);
		expect(await session.destination(row.id)).toEqual({ ...row, created_by: null });
		await session.client.query('DELETE FROM users WHERE id = $1', [editor]);
		expect(await session.destination(row.id)).toEqual({
			...row,
			created_by: null,
			updated_by: null,
		});
	});

	test('a user who made and changed a row can go, also in the scope of a service', async () => {
		const user = await session.newUser();
		const row = await session.newDestination({ created_by: user, updated_by: user });
		await session.asService(
			() => session.client.query('DELETE FROM users WHERE id = $1', [user]),
			user,
		);
		expect(await session.destination(row.id)).toEqual({
			...row,
			created_by: null,
			updated_by: null,
		});
	});
});

test('the error of a refused row repeats no settings to the roles of the application', async () => {
	const organizationId = await session.newOrganization();
	const error = await refusal(
		session.asTenant(organizationId, () =>
			session.insert({
				organization_id: organizationId,
				type: 'console',
				name: 'x',
				settings: { apiKey: 'phc_secret' },
			}),
		),
	);
	expect(error.constraint).toBe('destinations_valid_settings');
	expect(JSON.stringify([error.message, error.detail, error.hint, error.where])).not.toContain(
		'phc_secret',
	);
});
