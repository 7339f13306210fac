import { ExtendedDatabase, errorOf, newKeys, run } from '../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** Every way to read a destination's settings. */
const reads: [string, (id: string, organizationId: string) => [string, string, object]][] = [
	['findUnique', (id) => ['destination', 'findUnique', { where: { id } }]],
	[
		'findFirst',
		(id) => ['destination', 'findFirst', { where: { id }, select: { settings: true } }],
	],
	['findMany', (_, organizationId) => ['destination', 'findMany', { where: { organizationId } }]],
	[
		'an include',
		(_, id) => ['organization', 'findUnique', { where: { id }, include: { destinations: true } }],
	],
	[
		'a nested select',
		(_, organizationId) => [
			'destination',
			'findMany',
			{
				where: { organizationId },
				select: { organization: { select: { destinations: { select: { settings: true } } } } },
			},
		],
	],
];

async function expectRefused(id: string, code: string): Promise<void> {
	const { organization_id } = await db.stored(id);
	for (const [, make] of reads) {
		const [model, operation, args] = make(id, organization_id);
		const error = await errorOf(() => run(db.prisma, model, operation, args));
		expect(error.code).toBe(code);
	}
	// The rest of the row can be read, so that one row does not stop a list.
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

// Prisma gives the row only after it was written. What must not happen then belongs in a transaction.
it('a write of a row that does not open is undone in a transaction, and needs no settings outside', async () => {
	const { id } = await db.newDestination();
	await member(id, 'ct', flipFirst);
	const { destination } = db.prisma;
	for (const write of [
		(of: typeof destination) => of.update({ where: { id }, data: { name: 'renamed' } }),
		(of: typeof destination) => of.delete({ where: { id } }),
	]) {
		const error = await errorOf(() =>
			db.prisma.$transaction((tx) => write(tx.destination as typeof destination)),
		);
		expect(error.code).toBe('DECRYPTION_FAILED');
		expect(await db.stored(id)).toMatchObject({ name: 'EU project', deleted_at: null });
	}
	const select = { name: true } as const;
	expect(await destination.delete({ where: { id }, select })).toEqual({ name: 'EU project' });
});

it('one row that does not open fails the whole read, and writes still repair it', async () => {
	const { id, organizationId } = await db.newDestination();
	const good = await db.newDestination({ organizationId, environment: 'staging' });
	await member(id, 'ct', flipFirst);
	const where = { organizationId };
	const error = await errorOf(() => db.prisma.destination.findMany({ where }));
	expect(error.message).toContain(id);
	expect(error.message).not.toContain(good.id);
	const { settings } = good;
	await db.prisma.destination.update({ where: { id }, data: { settings: { ...settings } } });
	expect(await db.prisma.destination.findMany({ where })).toHaveLength(2);
});
