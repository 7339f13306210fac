import { createDestinationsClient, EnvelopeKeyProvider } from '../../src/index.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { posthog } from '../support/destinations.ts';
import { Examined } from './examined.ts';

let examined: Examined;

beforeEach(async () => {
	examined = await Examined.open();
	const db = examined.deployment.open({
		keys: examined.keys,
		connectionString: examined.tenantUrl,
		serviceConnectionString: examined.serviceUrl,
	});
	// Two live settings, one replaced and one of a deleted destination.
	await examined.deployment.newTenant(db);
});
afterEach(() => examined.close());

const ofKeys = async (keys?: string) => {
	const sections = await examined.sections({ keys });
	return sections.find(({ name }) => name === 'keys')?.findings;
};

test('the key that seals, with its rows, replaced settings among them', async () => {
	expect(await ofKeys(examined.keys)).toEqual([
		{
			severity: 'ok',
			message: 'Key test encrypted 3 rows, and encrypts new settings; `verify` decrypts them',
		},
	]);
});

test('a key in use that was not given is a failure', async () => {
	expect(await ofKeys(`new:${newKey()}`)).toEqual([
		{
			severity: 'failure',
			message: 'Key test encrypted 3 rows and was not given: nobody can read them',
			fix: expect.stringMatching(/behind the first/),
		},
		{ severity: 'ok', message: 'Key new encrypted no row yet, and encrypts new settings' },
	]);
});

test('an older key in use, and one that is not', async () => {
	const keys = `new:${newKey()},${examined.keys},oldest:${newKey()}`;
	expect(await ofKeys(keys)).toEqual([
		expect.objectContaining({
			severity: 'note',
			message: 'Key test encrypted 3 rows and is not the first',
		}),
		expect.objectContaining({
			severity: 'ok',
			message: expect.stringMatching(/^Key new encrypted no row/),
		}),
		expect.objectContaining({
			severity: 'note',
			message: expect.stringMatching(/^Key oldest .* encrypted no row here$/),
			fix: expect.stringMatching(/^If it is new, put it first .* may be retired/),
		}),
	]);
});

test('one row is spoken of as one', async () => {
	await examined.run(`SET session_replication_role = replica; DELETE FROM destination_settings_history;
		DELETE FROM destinations WHERE deleted_at IS NOT NULL; RESET session_replication_role`);
	expect(await ofKeys(`new:${newKey()},${examined.keys}`)).toContainEqual({
		severity: 'note',
		message: 'Key test encrypted 1 row and is not the first',
		fix: 'consent-destinations rotate brings it to the first key.',
	});
	expect(await ofKeys(examined.keys)).toEqual([
		expect.objectContaining({ message: expect.stringMatching(/1 row, .*; `verify` decrypts it$/) }),
	]);
	expect(await ofKeys(`new:${newKey()}`)).toContainEqual(
		expect.objectContaining({ message: expect.stringMatching(/1 row .*: nobody can read it$/) }),
	);
});

test('without keys it says what was not checked', async () => {
	expect(await ofKeys()).toEqual([
		{
			severity: 'note',
			message: 'Key test encrypted 3 rows; whether services have it was not checked',
		},
		{
			severity: 'warning',
			message: 'DESTINATIONS_ENCRYPTION_KEYS is not set, so no key was compared',
			fix: expect.stringContaining('.env'),
		},
	]);
});

test('malformed keys are a failure that repeats none of them', async () => {
	const secret = newKey();
	const findings = await ofKeys(`test:${secret}0`);
	expect(findings?.[0]).toMatchObject({
		severity: 'failure',
		message: expect.stringMatching(/^DESTINATIONS_ENCRYPTION_KEYS cannot be read: .*hex digits/),
	});
	expect(JSON.stringify(findings)).not.toContain(secret);
	expect(JSON.stringify(findings)).not.toContain('is not set');
});

test('settings that are not encrypted', async () => {
	const organizationId = await examined.deployment.newOrganization();
	await examined.deployment.rows(
		`INSERT INTO destinations (organization_id, type, name, settings, settings_encrypted)
		 VALUES ($1, 'console', 'older', '{"logLevel": "debug"}', false)`,
		[organizationId],
	);
	expect(await examined.complaints()).toEqual([
		{
			severity: 'failure',
			message: '1 row not encrypted: clients refuse to read it',
			fix: expect.stringMatching(/rotate --from-plaintext/),
		},
	]);
});

test('settings that nobody set need no key', async () => {
	const organizationId = await examined.deployment.newOrganization();
	await examined.deployment.rows(
		`INSERT INTO destinations (organization_id, type, name) VALUES ($1, 'console', 'x')`,
		[organizationId],
	);
	expect(await ofKeys(examined.keys)).toHaveLength(1);
});

test('data keys of organizations, and what a shredded one leaves behind', async () => {
	const provider = new EnvelopeKeyProvider({
		wrap: async (key) => key,
		unwrap: async (key) => key,
		cacheSeconds: 60,
		connectionString: examined.deployment.superuserUrl,
	});
	const db = createDestinationsClient({
		connectionString: examined.deployment.superuserUrl,
		keys: provider,
	});
	try {
		const [one, other] = [
			await examined.deployment.newOrganization(),
			await examined.deployment.newOrganization(),
		];
		for (const id of [one, other]) await db.forOrganization(id).destinations.create(posthog(id));
		await provider.shred(other);
		expect(await examined.complaints()).toEqual([
			{
				severity: 'note',
				message:
					'1 data key of organizations encrypted 1 row; whether the key management service unwraps it was not checked',
			},
			{
				severity: 'warning',
				message: '1 data key that encrypted 1 row is gone: nobody can read it',
				fix: expect.stringMatching(/shred/),
			},
		]);
	} finally {
		await db.close();
		await provider.close();
	}
});

test('an id that somebody made to steer a terminal, or from a key, is not repeated', async () => {
	const id = newKey();
	const control = '\u001b[2J';
	// Where somebody took away what holds key ids to their alphabet.
	await examined.run('ALTER TABLE destinations DROP CONSTRAINT destinations_valid_settings');
	for (const kid of [id, control]) {
		await examined.run('SET session_replication_role = replica');
		await examined.deployment.rows(
			`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', to_jsonb($1::text))`,
			[kid],
		);
		await examined.run('SET session_replication_role = DEFAULT');
		const findings = JSON.stringify(await ofKeys(examined.keys));
		expect(findings).toContain('(not a valid key id)');
		expect(findings).not.toContain(id);
		expect(findings).not.toContain('[2J');
	}
});
