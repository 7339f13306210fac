import { createDestinationsClient } from '../../src/index.ts';
import { run } from '../cli/command-line.ts';
import { samples } from '../destinations/support/samples.ts';
import { type Form, FormerDatabase } from './former-table.ts';
import { adoptedWell, newLogins, stateOf } from './state.ts';

const opened: FormerDatabase[] = [];

async function open(options: Parameters<typeof FormerDatabase.open>[0]): Promise<FormerDatabase> {
	const former = await FormerDatabase.open(options);
	opened.push(former);
	return former;
}

afterEach(async () => {
	for (const former of opened.splice(0)) await former.close();
});

const adopt = (former: FormerDatabase, ...options: string[]) =>
	run(['adopt', ...options], { environment: former.environment });

describe.each<Form>(['plaintext', 'sealed'])('a table of the ticket with settings %s', (form) => {
	test('is looked at without a change, adopted, and then healthy', async () => {
		const former = await open({ count: 200, form });
		const before = await stateOf(former.client);
		const looked = await adopt(former);
		expect(looked).toMatchObject({ status: 0, stderr: expect.not.stringContaining('CONF') });
		expect(looked.stdout).toContain('It can be adopted. Nothing was changed');
		expect(looked.stdout).toContain(`${form === 'sealed' ? 'encrypted' : 'in plaintext'}: 200`);
		expect(await stateOf(former.client)).toEqual(before);

		const adopted = await adopt(former, '--apply');
		expect([adopted.stdout, adopted.status]).toEqual([expect.stringContaining('Adopted.'), 0]);
		await adoptedWell(former, before.rows);

		const again = await adopt(former, '--apply');
		expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('nothing to do') });
		expect(`${looked.stdout}${looked.stderr}${adopted.stdout}${adopted.stderr}`).not.toContain(
			samples.mixpanel.serviceAccountSecret,
		);
	});
});

test('what was adopted is read, changed and brought back as what was created', async () => {
	const former = await open({ count: 18, form: 'sealed' });
	await adopt(former, '--apply');
	const logins = await newLogins(former);
	await using db = createDestinationsClient({
		connectionString: logins.tenant,
		serviceConnectionString: logins.service,
		keys: former.keys,
	});
	const [organization] = await former.rows<{ id: string }>('SELECT id FROM organizations');
	const { destinations } = db.forOrganization(String(organization?.id));
	const [console_] = await destinations.findByType('console');
	if (console_ === undefined) throw new Error('there is no such row');
	expect(console_.settings).toMatchObject(samples.console);
	const changed = await destinations.update(console_.id, { name: 'changed' });
	expect(changed.version).toBe(2);
	const versions = await destinations.history(console_.id);
	expect(versions.items.map(({ version, action }) => [version, action])).toEqual([
		[2, 'updated'],
		[1, 'imported'],
	]);
	await destinations.revert(console_.id, 1);
	expect((await destinations.findById(console_.id))?.name).toBe(console_.name);
});

test('settings that createCipher sealed, which never used the iv, open too', async () => {
	const former = await open({ count: 0 });
	// Made by Node 20, which still has createCipher.
	const key = '00112233445566778899aabbccddeeff'.repeat(2);
	const envelope = {
		encrypted: 'babb0d57a374be8f1c8ce7aabea8df6b61c92b32b9565866e1022b241f94d4d1f5efb2dd351c',
		iv: 'abababababababababababababababab',
		tag: '1fc24a7992a119eb47398b369c00fa8f',
	};
	await former.rows(
		`WITH o AS (INSERT INTO organizations DEFAULT VALUES RETURNING id)
		 INSERT INTO destinations (organization_id, type, name, settings) SELECT id, 'console', 'x', $1 FROM o`,
		[envelope],
	);
	const environment = { ...former.environment, DESTINATIONS_FORMER_KEY: key };
	const adopted = await run(['adopt', '--apply'], { environment });
	expect([adopted.stdout, adopted.status]).toEqual([expect.stringContaining('Adopted.'), 0]);
});
