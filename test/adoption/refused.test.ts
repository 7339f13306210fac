import { randomBytes, randomUUID } from 'node:crypto';
import { run } from '../cli/command-line.ts';
import { samples } from '../destinations/support/samples.ts';
import { FormerDatabase, sealFormerly } from './former-table.ts';
import { stateOf } from './state.ts';

let former: FormerDatabase;

beforeAll(async () => {
	former = await FormerDatabase.open({ count: 40 });
});

afterAll(() => former.close());

const adopt = (...options: string[]) =>
	run(['adopt', ...options], { environment: former.environment });

/** What stands in the way, how it comes about, how it is settled, and what is said of it. */
const obstacles: Record<string, readonly [make: string, undo: string, says: RegExp]> = {
	'a column more': [
		'ALTER TABLE destinations ADD icon text',
		'ALTER TABLE destinations DROP icon',
		/column icon is not one of this package's/,
	],
	'a column less': [
		'ALTER TABLE destinations RENAME test_mode TO mode_of_test',
		'ALTER TABLE destinations RENAME mode_of_test TO test_mode',
		/no column test_mode \(boolean\)/,
	],
	'a column of another type': [
		'ALTER TABLE destinations ALTER last_tested_at TYPE timestamp',
		'ALTER TABLE destinations ALTER last_tested_at TYPE timestamptz',
		/column last_tested_at is of type timestamp without time zone/,
	],
	'a view': [
		'CREATE VIEW live AS SELECT id FROM destinations WHERE deleted_at IS NULL',
		'DROP VIEW live',
		/The view public\.live reads it/,
	],
	'a rule': [
		'CREATE RULE quiet AS ON DELETE TO destinations DO ALSO NOTHING',
		'DROP RULE quiet ON destinations',
		/It has the rule quiet/,
	],
	'a trigger': [
		`CREATE TRIGGER notify BEFORE INSERT ON destinations FOR EACH ROW EXECUTE FUNCTION update_destinations_updated_at()`,
		'DROP TRIGGER notify ON destinations',
		/It has the trigger notify/,
	],
	'a trigger of another table with its function': [
		`CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION update_destinations_updated_at()`,
		'DROP TRIGGER touch ON users',
		/The trigger touch of public\.users calls/,
	],
	'a table that inherits': [
		'CREATE TABLE heirs () INHERITS (destinations)',
		'DROP TABLE heirs',
		/The table public\.heirs inherits/,
	],
	'a partitioned table': [
		'ALTER TABLE destinations RENAME TO kept; CREATE TABLE destinations (LIKE kept) PARTITION BY HASH (organization_id)',
		'DROP TABLE destinations; ALTER TABLE kept RENAME TO destinations',
		/It is not a plain table/,
	],
	'a partition': [
		'CREATE TABLE whole (LIKE destinations) PARTITION BY LIST (environment); ALTER TABLE whole ATTACH PARTITION destinations DEFAULT',
		'ALTER TABLE whole DETACH PARTITION destinations; DROP TABLE whole',
		/It is not a plain table/,
	],
	'a view of its name': [
		'ALTER TABLE destinations RENAME TO kept; CREATE VIEW destinations AS SELECT * FROM kept',
		'DROP VIEW destinations; ALTER TABLE kept RENAME TO destinations',
		/It is not a plain table/,
	],
	'a publication': [
		'CREATE PUBLICATION adoption_test FOR TABLE destinations',
		'DROP PUBLICATION adoption_test',
		/The publication adoption_test names it/,
	],
	'a table of the name of one of the package': [
		'CREATE TABLE destination_audit_log (id integer)',
		'DROP TABLE destination_audit_log',
		/There is a table public\.destination_audit_log already/,
	],
	'another owner': [
		'ALTER TABLE destinations OWNER TO CURRENT_USER',
		'ALTER TABLE destinations OWNER TO OWNER_ROLE',
		/does not own it/,
	],
	"somebody else's table that refers to it": [
		'CREATE TABLE events (destination_id uuid REFERENCES destinations)',
		'DROP TABLE events',
		/The table public\.events refers to it/,
	],
	'row level security that hides rows from the owner': [
		'ALTER TABLE destinations FORCE ROW LEVEL SECURITY',
		'ALTER TABLE destinations NO FORCE ROW LEVEL SECURITY',
		/Row level security hides its rows/,
	],
	'no table of organizations': [
		'ALTER TABLE organizations RENAME TO tenants',
		'ALTER TABLE tenants RENAME TO organizations',
		/public\.organizations does not exist/,
	],
};

test.each(Object.entries(obstacles))(
	'%s is told, and nothing is changed',
	async (_, [make, undo, says]) => {
		await former.client.query(make);
		const before = await stateOf(former.client);
		try {
			for (const options of [[], ['--prepare'], ['--apply']]) {
				const refused = await adopt(...options);
				expect([refused.stdout, refused.status]).toEqual([expect.stringMatching(says), 1]);
			}
			expect(await stateOf(former.client)).toEqual(before);
		} finally {
			await former.rows(undo.replace('OWNER_ROLE', former.owner));
		}
		expect((await adopt()).status).toBe(0);
	},
);

const aLiveRow = `SELECT id FROM destinations WHERE deleted_at IS NULL AND type = 'console' ORDER BY id LIMIT 1`;
const set = (assignment: string, prepare = '', restore = '') => ({
	sql: `${prepare} UPDATE destinations SET ${assignment} WHERE id = (${aLiveRow})`,
	restore,
});
const broken = (settings: unknown) => set(`settings = '${JSON.stringify(settings)}'`);

/** How a row does not fit, and what is said of it; never a value. */
const unfit: Record<string, readonly [{ sql: string; restore: string }, RegExp]> = {
	'settings that the type does not have': [
		broken({ ...samples.console, shh: 'topsecret' }),
		/unknown field "shh"/,
	],
	'settings of a wrong type': [broken({ logLevel: 'topsecret' }), /settings\.logLevel: /],
	'settings that are no object': [broken(['topsecret']), /settings: must be an object/],
	'settings that are JSON in a text': [
		broken('{"logLevel":"topsecret"}'),
		/settings: must be an object/,
	],
	'an envelope of this package': [
		broken({ v: 1, alg: 'A256GCM', kid: 'topsecret', kc: 'x', iv: 'x', ct: 'x' }),
		/are an envelope of this package/,
	],
	'settings that another key sealed': [
		broken(sealFormerly(samples.console, randomBytes(32).toString('hex'))),
		/do not decrypt with DESTINATIONS_FORMER_KEY/,
	],
	'a blank name': [set(`name = ' '`), /destinations_valid_name/],
	'too long an error': [
		set(`last_error = repeat('topsecret', 100)`),
		/destinations_valid_last_error/,
	],
	'nested consents': [
		set(`required_consent = '{{marketing},{necessary}}'`),
		/destinations_valid_consent/,
	],
	'an unknown organization': [
		set(
			`organization_id = '${randomUUID()}'`,
			'ALTER TABLE destinations DROP CONSTRAINT destinations_organization_id_fkey;',
			'ALTER TABLE destinations ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE',
		),
		/organization_id is not in public\.organizations/,
	],
	'an unknown author': [
		set(
			`updated_by = '${randomUUID()}'`,
			'ALTER TABLE destinations DROP CONSTRAINT destinations_updated_by_fkey;',
			'ALTER TABLE destinations ADD FOREIGN KEY (updated_by) REFERENCES users',
		),
		/updated_by is not in public\.users/,
	],
	'an unknown type': [
		set(`type = 'topsecret'`, 'ALTER TABLE destinations DROP CONSTRAINT destinations_valid_type;'),
		/destinations_valid_type/,
	],
};

test.each(Object.entries(unfit))(
	'a row with %s is told by its id and without a value, and nothing is changed',
	async (_, [{ sql, restore }, says]) => {
		const [row] = await former.rows<{ id: string }>(aLiveRow);
		const id = String(row?.id);
		await former.client.query(`CREATE TABLE kept AS SELECT * FROM destinations WHERE id = '${id}'`);
		try {
			await former.client.query(sql);
			const before = await stateOf(former.client);
			const refused = await adopt('--apply');
			expect([refused.stdout, refused.status]).toEqual([expect.stringMatching(says), 1]);
			const lines = refused.stdout.split('\n').filter((line) => line.startsWith('  destination '));
			expect(lines).toEqual([expect.stringContaining(id)]);
			expect(refused.stdout + refused.stderr).not.toContain('topsecret');
			expect(await stateOf(former.client)).toEqual(before);
		} finally {
			await former.client.query(`DELETE FROM destinations WHERE id = '${id}';
				INSERT INTO destinations SELECT * FROM kept; DROP TABLE kept; ${restore}`);
		}
		expect((await adopt()).status).toBe(0);
	},
);

test('two live rows of one type and environment are both told', async () => {
	await former.rows('DROP INDEX destinations_org_type_env_unique');
	await former.rows(`INSERT INTO destinations (id, organization_id, type, name, settings, environment)
		SELECT '00000000-0000-0000-0000-0000000000ff', organization_id, type, 'twin', settings, environment
		FROM destinations WHERE id = (${aLiveRow})`);
	const refused = await adopt('--apply');
	expect(refused.status).toBe(1);
	const lines = refused.stdout.split('\n').filter((line) => line.includes('another live row'));
	expect(lines).toHaveLength(2);
	await former.rows(`DELETE FROM destinations WHERE name = 'twin'`);
	expect((await adopt()).status).toBe(0);
});

test.each([
	[['--frob'], {}, /frob/],
	[['--prepare', '--apply'], {}, /exclude each other/],
	[['--batch', '0'], {}, /--batch must be/],
	[[], { DESTINATIONS_FORMER_KEY: 'topsecret' }, /64 hexadecimal digits/],
	[[], { DESTINATIONS_ENCRYPTION_KEYS: '' }, /DESTINATIONS_ENCRYPTION_KEYS|keys/],
])('%p with %p cannot begin', async (options, changed, says) => {
	const environment = { ...former.environment, ...changed };
	const ended = await run(['adopt', ...options], { environment });
	expect([ended.stderr, ended.status]).toEqual([expect.stringMatching(says), 2]);
	expect(ended.stderr).not.toContain('topsecret');
});

test('sealed settings without their key are told', async () => {
	const sealed = await FormerDatabase.open({ count: 3, form: 'sealed' });
	try {
		const { DESTINATIONS_FORMER_KEY: _, ...environment } = sealed.environment;
		const refused = await run(['adopt'], { environment });
		expect([refused.stdout, refused.status]).toEqual([
			expect.stringContaining('set DESTINATIONS_FORMER_KEY'),
			1,
		]);
	} finally {
		await sealed.close();
	}
});

test('where there is no table, the migrations are what makes it', async () => {
	const empty = await FormerDatabase.open({ setup: 'DROP TABLE destinations;' });
	try {
		const ended = await run(['adopt', '--apply'], { environment: empty.environment });
		expect([ended.stdout, ended.status]).toEqual([
			expect.stringContaining('prisma migrate deploy'),
			1,
		]);
	} finally {
		await empty.close();
	}
});
