import { settingsError } from '../../../src/destinations/unopened.ts';
import { ExtendedDatabase, errorOf, newKeys, run } from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** Every way to read one destination's settings by itself. */
const reads: [string, object][] = [
	['findUnique', {}],
	['findUniqueOrThrow', {}],
	['findFirst', { select: { settings: true } }],
	['findFirstOrThrow', { include: { organization: true } }],
];

type Row = { settings: unknown; name?: string };

/** Every way to read many, with the destinations that it returns. */
const readsOfMany: ((organizationId: string) => PromiseLike<Row[]>)[] = [
	(organizationId) => db.prisma.destination.findMany({ where: { organizationId } }),
	async (id) => {
		const include = { destinations: true };
		return (await db.prisma.organization.findUniqueOrThrow({ where: { id }, include }))
			.destinations;
	},
	async (id) => (await db.prisma.organization.findUnique({ where: { id } }).destinations()) ?? [],
	async (organizationId) => {
		const destinations = { select: { settings: true } };
		const select = { organization: { select: { destinations } } };
		const rows = await db.prisma.destination.findMany({ where: { organizationId }, select });
		return rows.flatMap(({ organization }) => organization.destinations);
	},
];

async function expectRefused(id: string, code: string): Promise<void> {
	const { organization_id: organizationId } = await db.stored(id);
	const row = { code, destinationId: id, organizationId };
	for (const [operation, args] of reads) {
		const error = await errorOf(() =>
			run(db.prisma, 'destination', operation, { where: { id }, ...args }),
		);
		expect(error).toMatchObject(row);
	}
	for (const read of readsOfMany) {
		const errors = (await read(organizationId)).flatMap((found) => settingsError(found) ?? []);
		expect(errors).toContainEqual(expect.objectContaining(row));
	}
	// The rest of the row can be read.
	const rest = await run(db.prisma, 'destination', 'findUnique', {
		where: { id },
		omit: { settings: true },
	});
	expect(rest).toMatchObject({ id });
}

async function member(id: string, name: string, change: (text: string) => unknown): Promise<void> {
	const { settings } = await db.stored(id);
	const changed = { ...settings, [name]: change(String(settings[name])) };
	await db.tamper(id, 'settings = $1', [changed]);
}

function flipFirst(text: string): string {
	return `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
}

it.each(['iv', 'ct', 'kc'])('an envelope whose %s was altered does not open', async (name) => {
	const { id } = await db.newDestination();
	await member(id, name, flipFirst);
	await expectRefused(id, 'DECRYPTION_FAILED');
});

it('a shorter tag does not open', async () => {
	const { id } = await db.newDestination();
	// Four bytes of 16 stay, which Node 20 takes for a tag unless it is told the length.
	await member(id, 'ct', (text) =>
		Buffer.from(text, 'base64url').subarray(0, -12).toString('base64url'),
	);
	await expectRefused(id, 'DECRYPTION_FAILED');
});

it('an unknown key id is told', async () => {
	const { id } = await db.newDestination();
	await member(id, 'kid', () => 'lost');
	await expectRefused(id, 'UNKNOWN_KEY');
});

it('settings of another row, organization or type do not open', async () => {
	const { id, organizationId } = await db.newDestination();
	const sibling = await db.newDestination({ organizationId, environment: 'staging' });
	const foreign = await db.newDestination();
	for (const other of [sibling, foreign]) {
		const { settings } = await db.stored(other.id);
		await db.tamper(id, 'settings = $1', [settings]);
		await expectRefused(id, 'DECRYPTION_FAILED');
	}
	await db.tamper(sibling.id, `type = 'console'`);
	const error = await errorOf(() =>
		run(db.prisma, 'destination', 'findUnique', { where: { id: sibling.id } }),
	);
	expect(error.code).toBe('DECRYPTION_FAILED');
	await db.tamper(foreign.id, `environment = 'development', organization_id = $1`, [
		organizationId,
	]);
	const moved = await errorOf(() =>
		run(db.prisma, 'destination', 'findUnique', { where: { id: foreign.id } }),
	);
	expect(moved.code).toBe('DECRYPTION_FAILED');
});

it('a row that is moved to another id does not open', async () => {
	const { id } = await db.newDestination();
	const other = '11111111-2222-4333-8444-555555555555';
	await db.tamper(id, 'id = $1', [other]);
	await expectRefused(other, 'DECRYPTION_FAILED');
});

it('the same key id with other bytes does not open anything', async () => {
	const { id } = await db.newDestination();
	const stranger = db.connect(newKeys());
	const error = await errorOf(() => stranger.destination.findUnique({ where: { id } }));
	expect(error.code).toBe('DECRYPTION_FAILED');
});

it('settings that are marked as plaintext are refused, not believed', async () => {
	const { id } = await db.newDestination();
	await db.tamper(id, `settings = '{"apiKey": "phc_forged"}', settings_encrypted = false`);
	await expectRefused(id, 'DECRYPTION_FAILED');
	await db.tamper(id, `settings = '{}'`);
	await expectRefused(id, 'DECRYPTION_FAILED');
});

describe('without the CHECK of the table', () => {
	let unchecked: ExtendedDatabase;

	beforeAll(async () => {
		unchecked = await ExtendedDatabase.open();
		await unchecked.sql('ALTER TABLE destinations DROP CONSTRAINT destinations_valid_settings');
	});

	afterAll(() => unchecked.close());

	it.each<[string, unknown, boolean]>([
		['plaintext that is marked as encrypted', { apiKey: 'phc_forged' }, true],
		['an empty envelope that is marked as plaintext', {}, false],
		['a list', [], true],
		['a list of envelopes', [{}], true],
		['a text', '"x"', true],
		['JSON null', 'null', true],
		['a number', '1', true],
		['an envelope of the ticket’s form', { encrypted: 'x', iv: 'x', tag: 'x' }, true],
	])('%s is refused', async (_, settings, encrypted) => {
		const { id } = await unchecked.newDestination();
		const json = typeof settings === 'string' ? settings : JSON.stringify(settings);
		await unchecked.tamper(id, 'settings = $1, settings_encrypted = $2', [json, encrypted]);
		const where = { id };
		const error = await errorOf(() => unchecked.prisma.destination.findUnique({ where }));
		expect(error.code).toBe('DECRYPTION_FAILED');
		expect(error.message).not.toContain('phc_');
	});

	it('an envelope that is marked as plaintext is refused', async () => {
		const { id } = await unchecked.newDestination();
		await unchecked.tamper(id, 'settings_encrypted = false');
		const where = { id };
		const error = await errorOf(() => unchecked.prisma.destination.findUnique({ where }));
		expect(error.code).toBe('DECRYPTION_FAILED');
	});

	it.each(['v', 'alg', 'kid', 'kc', 'iv', 'ct'])(
		'an envelope without %s is refused',
		async (name) => {
			const { id } = await unchecked.newDestination();
			await unchecked.tamper(id, `settings = settings - '${name}'`);
			const where = { id };
			const error = await errorOf(() => unchecked.prisma.destination.findUnique({ where }));
			expect(error.code).toBe('DECRYPTION_FAILED');
		},
	);

	it.each([
		'{"x": 1}',
		'{"tag": null}',
		'{"v": 2}',
		'{"v": "1"}',
		'{"alg": "A128GCM"}',
		'{"kid": ""}',
		'{"kid": 1}',
		'{"iv": null}',
	])('an envelope with %s is refused', async (change) => {
		const { id } = await unchecked.newDestination();
		await unchecked.tamper(id, 'settings = settings || $1', [change]);
		const where = { id };
		const error = await errorOf(() => unchecked.prisma.destination.findUnique({ where }));
		expect(error.code).toBe('DECRYPTION_FAILED');
	});
});

it('a row that does not open takes no list down, and writes still repair it', async () => {
	const { id, organizationId } = await db.newDestination();
	const good = await db.newDestination({ organizationId, environment: 'staging' });
	await member(id, 'ct', flipFirst);
	const where = { organizationId };
	const orderBy = { environment: 'asc' } as const;
	const [bad, opened] = await db.prisma.destination.findMany({ where, orderBy });
	expect(opened).toEqual(good);
	expect(bad && settingsError(bad)).toMatchObject({ destinationId: id, organizationId });
	const { settings } = good;
	await db.prisma.destination.update({ where: { id }, data: { settings: { ...settings } } });
	const repaired = await db.prisma.destination.findMany({ where });
	expect(repaired.map((row) => row.settings)).toEqual([settings, settings]);
});
