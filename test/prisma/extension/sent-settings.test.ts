import { randomUUID } from 'node:crypto';
import { settingsError } from '../../../src/destinations/unopened.ts';
import type { SettingsContext } from '../../../src/encryption/envelope.ts';
import { SettingsEncryption } from '../../../src/encryption/settings-encryption.ts';
import { openStored } from '../../../src/encryption/stored-settings.ts';
import type { Arguments } from '../../../src/prisma/extension/arguments.ts';
import { ownModels } from '../../../src/prisma/extension/models.ts';
import { type Operation, runOperation } from '../../../src/prisma/extension/run-operation.ts';
import type { FoundRow } from '../../../src/prisma/extension/seal.ts';
import type { Batch } from '../../../src/prisma/extension/transaction.ts';
import { changed, newKeys } from '../../support/encryption.ts';
import { posthogSettings } from '../../support/extended-client.ts';

// The settings that an operation sends, and what it looks up for them. Other tests hold what Postgres makes of it.

const keys = newKeys('one');
const encryption = new SettingsEncryption(keys);
const rotating = new SettingsEncryption(`${newKeys('two')},${keys}`);
const live = { deletedAt: null };
const nothing = { id: { in: [] } };

interface Surroundings {
	/** The rows that are there. */
	readonly rows?: readonly FoundRow[];
	readonly encryption?: SettingsEncryption;
	readonly batch?: Batch;
	readonly extended?: boolean;
	/** What becomes of what is sent, by how many times something was. */
	readonly answer?: (times: number, args: Arguments) => unknown;
}

/** Runs an operation, and notes what it looks up and sends. */
async function run(
	[model, operation, args]: readonly [string, string, object],
	{ rows = [], encryption: by = encryption, answer = () => null, ...called }: Surroundings = {},
) {
	const [sent, looked]: [Arguments[], (readonly string[])[]] = [[], []];
	const result = await runOperation(
		by,
		{ ...called, model: ownModels.known(model), operation, args } satisfies Operation,
		async (ids) => {
			looked.push(ids);
			return rows.filter(({ id }) => ids.includes(id));
		},
		async (given) => {
			sent.push(given);
			return answer(sent.length, given);
		},
	);
	const [first = {}] = sent;
	return { sent, looked, result, data: first.data as Arguments, where: first.where };
}

/** What an operation fails with. Nothing was sent. */
async function refusalOf(call: readonly [string, string, object], around: Surroundings = {}) {
	let times = 0;
	const answer = () => {
		times += 1;
	};
	const refusal: unknown = await run(call, { ...around, answer }).catch((error: unknown) => error);
	expect(times).toBe(0);
	return refusal;
}

async function rowWith(settings: object, by = encryption): Promise<Required<FoundRow>> {
	const [id, organizationId, type] = [randomUUID(), randomUUID(), 'posthog'];
	const sealed = await by.encrypt(settings, { organizationId, destinationId: id, type });
	return {
		...{ id, organizationId, type, environment: 'production' },
		...{ settings: sealed, settingsEncrypted: true, inBatch: false },
	};
}

const contextOf = ({ id, organizationId, type }: FoundRow): SettingsContext => ({
	...{ destinationId: id, organizationId, type },
});

async function opened(sent: unknown, row: FoundRow, by = encryption): Promise<unknown> {
	return openStored(by, sent, true, contextOf(row));
}

function newBatch(): Batch {
	return { rows: new Map(), upserts: new Set() };
}

interface NewRow {
	readonly id: string;
	readonly organizationId: string;
	readonly type: string;
	readonly name: string;
	readonly settings: object;
}

function newRow(id: string = randomUUID(), settings: object = posthogSettings()): NewRow {
	return { id, organizationId: randomUUID(), type: 'posthog', name: 'x', settings };
}

describe('settings of a row that a write creates', () => {
	it('are sealed to it, as Postgres writes its id, without a look-up', async () => {
		const { apiKey } = posthogSettings();
		const row = newRow(randomUUID().toUpperCase(), { apiKey });
		const { data, looked, sent } = await run(['Destination', 'create', { data: row }]);
		expect([looked, sent.length]).toEqual([[], 1]);
		expect(data).toMatchObject({ id: row.id, name: 'x', settingsEncrypted: true });
		const sealedTo = { ...row, id: row.id.toLowerCase() };
		expect(await opened(data.settings, sealedTo)).toEqual(posthogSettings(apiKey));
		expect(row.settings).toEqual({ apiKey });
	});

	it('are what was chosen, and not what counts anyway', async () => {
		const { settings: _, ...row } = { ...newRow(), type: 'console' };
		const settings = { logLevel: 'info', prettyPrint: true, enableClientSide: true };
		const { data } = await run(['Destination', 'create', { data: { ...row, settings } }]);
		expect(await encryption.decrypt(data.settings, contextOf(row))).toEqual({ prettyPrint: true });
	});

	it('ask for the consent that the type stands for, unless told otherwise', async () => {
		const sent = async (more: object) => {
			const { data } = await run(['Destination', 'create', { data: { ...newRow(), ...more } }]);
			return data.requiredConsent;
		};
		expect(await sent({})).toEqual(['measurement']);
		expect(await sent({ requiredConsent: [] })).toEqual([]);
		// Prisma refuses it, and must get to see it.
		expect(await sent({ requiredConsent: null })).toBeNull();
		expect(
			await sent({ type: 'meta-pixel', settings: { pixelId: '12345', enableServerSide: false } }),
		).toEqual(['marketing']);
	});

	it('lead to a local network in development alone', async () => {
		const settings = { apiKey: 'phc_a', host: 'http://localhost:8000' };
		const create = (more: object) =>
			['Destination', 'create', { data: { ...newRow(), settings, ...more } }] as const;
		await run(create({ environment: 'development' }));
		expect(await refusalOf(create({}))).toMatchObject({ code: 'VALIDATION' });
		const row = await rowWith({ apiKey: 'phc_a' });
		const update = (more: object) =>
			['Destination', 'update', { where: { id: row.id }, data: { settings, ...more } }] as const;
		const here = { rows: [{ ...row, environment: 'development' }] };
		await run(update({}), here);
		expect(await refusalOf(update({ environment: 'production' }), here)).toMatchObject({
			code: 'VALIDATION',
		});
		expect(await refusalOf(update({ environment: { set: 'staging' } }), here)).toMatchObject({
			code: 'VALIDATION',
		});
		expect(await refusalOf(update({}), { rows: [row] })).toMatchObject({ code: 'VALIDATION' });
	});

	it('are the defaults of its type where it has none', async () => {
		const { settings: _, ...row } = { ...newRow(), type: 'console' };
		for (const data of [row, { ...row, settings: undefined }]) {
			const sent = await run(['Destination', 'create', { data }]);
			expect(await opened(sent.data.settings, row)).toMatchObject({ logLevel: expect.any(String) });
		}
	});

	it.each<[string, object]>([
		['settings', { settings: {} }],
		['settings', { settings: null }],
		['type', { type: 5 }],
		['type', { type: 'constructor' }],
	])('are refused before anything is sent: %s', async (path, wrong) => {
		const data = { ...newRow(), ...wrong };
		expect(await refusalOf(['Destination', 'create', { data }])).toMatchObject({
			...{ code: 'VALIDATION', issues: [{ path: expect.arrayContaining([path]) }] },
		});
	});
});

describe('settings of a row that is there', () => {
	const settings = posthogSettings();
	const update = (where: object, more: object = {}) =>
		['Destination', 'update', { where, data: { settings, ...more } }] as const;

	it('are sealed to it, however its id is written', async () => {
		const row = await rowWith(posthogSettings());
		for (const id of [row.id, row.id.toUpperCase()]) {
			const { data, where, looked } = await run(update({ id }), { rows: [row] });
			expect(looked).toEqual([[row.id]]);
			expect(where).toEqual({ id, ...live });
			expect(data.settingsEncrypted).toBe(true);
			expect(await opened(data.settings, row)).toEqual(settings);
		}
	});

	it('are not sent where there is none, which the write does not find then', async () => {
		const id = randomUUID();
		const { data, where } = await run(update({ id, AND: { name: 'y' } }, { name: 'x' }));
		expect(data).toStrictEqual({ name: 'x', settingsEncrypted: true });
		expect(where).toEqual({ id, ...live, AND: [{ name: 'y' }, nothing] });
	});

	it('are sealed to what a filter says of it, where that is all of it', async () => {
		const { id, organizationId, type } = newRow();
		const { data, where } = await run(update({ id, organizationId, type }));
		expect(where).toEqual({ id, organizationId, type, ...live });
		expect(await opened(data.settings, { id, organizationId, type })).toEqual(settings);
		const row = await rowWith(posthogSettings());
		for (const part of [
			...[{ organizationId }, { type }, { organizationId: { equals: organizationId }, type }],
			{ organizationId, type: { equals: type } },
		]) {
			const some = await run(update({ id: row.id, ...part }), { rows: [row] });
			expect(await opened(some.data.settings, row)).toEqual(settings);
		}
	});

	it('are refused where it is not found by its id', async () => {
		for (const where of [{ name: 'x' }, { id: { equals: randomUUID() } }]) {
			expect(await refusalOf(update(where))).toMatchObject({
				code: 'UNSUPPORTED',
				message: expect.stringMatching(
					/^Encrypted settings are bound to one row, .*`where: \{ id \}`[.]$/,
				),
			});
		}
	});

	it('are checked by its type', async () => {
		const row = { ...(await rowWith(posthogSettings())), type: 'console' };
		expect(await refusalOf(update({ id: row.id }), { rows: [row] })).toMatchObject({
			code: 'VALIDATION',
		});
	});

	it('are its own envelope where they are the same', async () => {
		const row = await rowWith(settings);
		const { host: _, ...rest } = settings;
		const same = Object.fromEntries(Object.entries(rest).reverse());
		for (const batch of [undefined, newBatch()]) {
			const around = { rows: [row], ...(batch === undefined ? {} : { batch }) };
			const { data } = await run(update({ id: row.id }, { settings: same }), around);
			expect(data).toEqual({ settings: row.settings, settingsEncrypted: true });
		}
	});

	it('are left out where they are the same under a key that is retired, but in a batch', async () => {
		const row = await rowWith(settings);
		const around = { rows: [row], encryption: rotating };
		const { data } = await run(update({ id: row.id }), around);
		expect(data).toStrictEqual({ settingsEncrypted: true });
		const inBatch = await run(update({ id: row.id }), { ...around, batch: newBatch() });
		expect(inBatch.data.settings).toMatchObject({ kid: 'two' });
		expect(await opened(inBatch.data.settings, row, rotating)).toEqual(settings);
	});

	it('are a change where the stored ones do not open, or are not settings of the same kind', async () => {
		const row = await rowWith(settings);
		const console = { ...row, type: 'console', settings: {} };
		const { settings: _, settingsEncrypted: __, ...bare } = row;
		const stored: [FoundRow, object, object][] = [
			[{ ...row, settings: changed(row.settings as object, { ct: 'AAAA' }) }, {}, settings],
			[{ ...row, settings, settingsEncrypted: false }, {}, settings],
			[{ ...console, settingsEncrypted: false }, {}, {}],
			[{ ...row, settings: {} }, { type: 'console', organizationId: row.organizationId }, {}],
			[bare, {}, settings],
		];
		for (const [found, filter, given] of stored) {
			const { data } = await run(update({ id: row.id, ...filter }, { settings: given }), {
				...{ rows: [found], encryption },
			});
			expect(data.settings).toHaveProperty('ct');
			expect(await opened(data.settings, { ...found, ...filter })).toMatchObject(given);
		}
		// The column's default, which a raw insert leaves.
		const { data } = await run(update({ id: row.id }, { settings: {} }), { rows: [console] });
		expect(data).toMatchObject({ settingsEncrypted: true });
	});

	it('are refused for a reason of the row’s own', async () => {
		const row = Object.defineProperty(await rowWith(settings), 'settings', {
			get() {
				throw new TypeError('not a row');
			},
		});
		expect(await refusalOf(update({ id: row.id }), { rows: [row] })).toBeInstanceOf(TypeError);
	});
});

describe('settings that stand where no row is known', () => {
	const settings = posthogSettings();
	const where = { id: randomUUID() };

	it.each<[string, string, object]>([
		['Destination', 'create', { data: [{ settings }] }],
		['Destination', 'update', { where, data: [{ settings }] }],
		['Destination', 'update', { where, data: { name: [{ a: { settings } }] } }],
		['Destination', 'updateMany', { data: [{ settings }] }],
		['Destination', 'upsert', { where, create: [{ settings }], update: {} }],
		['Destination', 'upsert', { where, create: newRow(), update: [{ settings }] }],
		['Organization', 'update', { where, data: { destinations: [{ create: { settings } }] } }],
		['User', 'createMany', { data: [{ settings: null }] }],
	])('are refused: %s.%s', async (model, operation, args) => {
		expect(await refusalOf([model, operation, args])).toMatchObject({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/^The write has settings where no destination.*encrypted[.]$/),
		});
	});

	it('are none where they are undefined', async () => {
		const data = { name: null, organization: { connect: { id: 'o', settings: undefined } } };
		const { sent } = await run(['Destination', 'update', { where, data }]);
		expect(sent[0]?.data).toEqual(data);
	});
});

describe('an upsert', () => {
	const settings = posthogSettings();
	const call = (args: object) => ['Destination', 'upsert', args] as const;
	const of = (create: NewRow, update: object = { settings }) => ({
		where: { id: create.id },
		...{ create, update },
	});
	const conflict = () => Object.assign(new Error('conflict'), { code: 'P2002' });
	const answer = () => ({ id: 'x' });

	it('of a row that is missing finds none that appears meanwhile', async () => {
		const create = newRow();
		const { organizationId, type } = create;
		const { sent, looked, result } = await run(call(of(create)), { answer });
		expect([sent.length, looked, result]).toEqual([1, [[create.id]], { id: 'x' }]);
		const [given] = sent as [{ create: Arguments; update: Arguments; where: object }];
		expect(given.where).toEqual({ id: create.id, organizationId, type, ...live, version: 0 });
		expect(given.create).toMatchObject({ ...live, organizationId, version: 0 });
		expect(await opened(given.create.settings, create)).toEqual(create.settings);
		expect(await opened(given.update.settings, create)).toEqual(settings);
	});

	it('of a row that is there changes it', async () => {
		const row = await rowWith(posthogSettings());
		const { id, organizationId } = row;
		for (const spelled of [id, id.toUpperCase()]) {
			const create = { ...newRow(spelled), organizationId };
			const { sent, looked } = await run(call(of(create)), { rows: [row], answer });
			expect(looked).toEqual([[id]]);
			const [given] = sent as [{ update: Arguments; where: object; create: object }];
			expect(given.where).toEqual({ id: spelled, ...live, organizationId });
			expect(given.create).not.toHaveProperty('version');
			expect(await opened(given.update.settings, row)).toEqual(settings);
		}
	});

	it.each<[string, (create: NewRow) => { where?: object }, object]>([
		['it has no settings to compare', (create) => of(create, { name: 'y' }), { organizationId: 1 }],
		['it creates a row beside it', ({ id, ...create }) => ({ where: { id }, create }), {}],
		['it finds a version', (create) => ({ where: { id: create.id, version: 3 }, create }), {}],
	])('looks for any version where %s', async (_, argsOf, more) => {
		const create = newRow();
		const given = { update: { settings }, ...argsOf(create) };
		const { where, sent } = await run(call(given), { answer });
		expect(where).toMatchObject(given.where ?? {});
		expect(sent[0]?.create).not.toHaveProperty('version');
		const { version } = where as { version?: number };
		expect([undefined, 3]).toContain(version);
		if ('organizationId' in more) expect(where).toHaveProperty('organizationId');
		else expect(sent[0]?.create).not.toHaveProperty('deletedAt');
	});

	it.each<[string, (create: NewRow) => object]>([
		['changes nothing', (create) => of(create, { name: undefined })],
		['has an update that is not an object', (create) => ({ ...of(create), update: 'x' })],
		['reads relations', (create) => ({ ...of(create, { name: 'y' }), include: {} })],
		...['organization', 'createdByUser', 'updatedByUser', '_count'].map(
			(name): [string, (create: NewRow) => object] => [
				`selects ${name}`,
				(create) => ({ ...of(create, { name: 'y' }), select: { [name]: true } }),
			],
		),
		[
			'writes relations of a new row',
			(create) =>
				of({ ...create, createdByUser: { connect: { id: 'u' } } } as never, { name: 'y' }),
		],
		['writes relations', (create) => of(create, { updatedByUser: { connect: { id: 'u' } } })],
		[
			'finds what it does not create',
			(create) => ({ ...of(create, { name: 'y' }), where: { id: create.id, name: 'z' } }),
		],
	])('is not one statement where it %s', async (_, argsOf) => {
		const { where, sent } = await run(call(argsOf(newRow())), { answer });
		expect(where).not.toHaveProperty('organizationId');
		expect(sent[0]?.create).not.toHaveProperty('deletedAt');
	});

	it('is one statement where it finds what it creates, and selects columns alone', async () => {
		const create = newRow();
		const args = {
			...of(create, { name: 'y', description: undefined }),
			where: { id: create.id, name: 'x', type: undefined },
			select: { id: true, organization: undefined },
		};
		const { where, sent } = await run(call(args), { answer });
		const { organizationId } = create;
		expect(where).toEqual({ id: create.id, name: 'x', ...live, organizationId });
		expect(sent[0]?.create).toMatchObject({ ...live, organizationId });
	});

	it('finds no row of another organization or of another state than it names', async () => {
		const create = newRow();
		for (const filter of [{ organizationId: randomUUID() }, { deletedAt: { not: null } }]) {
			const args = { ...of(create, { name: 'y' }), where: { id: create.id, ...filter } };
			const { sent } = await run(call(args), { answer });
			expect(sent[0]?.where).toMatchObject(filter);
			expect(sent[0]?.create).not.toHaveProperty('deletedAt');
		}
	});

	it('is repeated as several statements where it finds nothing', async () => {
		const create = newRow();
		const row = { ...(await rowWith(posthogSettings())), id: create.id };
		const rows: FoundRow[] = [];
		const { sent, looked, result } = await run(call(of(create)), {
			rows,
			answer: (times) => {
				if (times === 1) rows.push(row);
				return times === 1 ? null : { id: 'second' };
			},
		});
		expect([sent.length, looked.length, result]).toEqual([2, 2, { id: 'second' }]);
		expect(sent[1]?.where).toEqual({ id: create.id, ...live });
		expect(sent[1]?.create).not.toHaveProperty('deletedAt');
		const update = sent[1]?.update as Arguments;
		expect(await opened(update.settings, row)).toEqual(settings);
		expect(create.settings).not.toHaveProperty('ct');
	});

	it('is repeated where another call has created the row', async () => {
		const create = newRow();
		const rows: FoundRow[] = [];
		const again = run(call(of(create)), {
			rows,
			answer: async (times) => {
				if (times > 1) return { id: 'second' };
				rows.push({ ...(await rowWith(posthogSettings())), id: create.id });
				throw conflict();
			},
		});
		const { sent, looked, result } = await again;
		expect([sent.length, looked, result]).toEqual([
			...[2, [[create.id], [create.id], [create.id]], { id: 'second' }],
		]);
	});

	it('fails where it is not there after all, and for any other reason', async () => {
		const row = await rowWith(posthogSettings());
		for (const [error, rows] of [
			[conflict(), []],
			[Object.assign(new Error('other'), { code: 'P2025' }), [row]],
			[new Error('without a code'), [row]],
			[{ code: 'P2002' }, [row]],
		] as const) {
			let times = 0;
			const fail = () => {
				times += 1;
				throw error;
			};
			const create = newRow(row.id);
			await expect(run(call(of(create)), { rows, answer: fail })).rejects.toBe(error);
			expect(times).toBe(1);
		}
	});

	it('fails as it did where nobody can tell, and where the second attempt does', async () => {
		const [first, second] = [conflict(), conflict()];
		let sent = 0;
		const failing = runOperation(
			encryption,
			{
				model: ownModels.known('Destination'),
				operation: 'upsert',
				args: of(newRow(), { name: 'y' }),
			},
			() => Promise.reject(new Error('no look-up')),
			() => {
				sent += 1;
				return Promise.reject(first);
			},
		);
		await expect(failing).rejects.toBe(first);
		expect(sent).toBe(1);
		const row = await rowWith(posthogSettings());
		const answerWith = (times: number) => {
			throw times === 1 ? first : second;
		};
		const twice = run(call(of(newRow(row.id))), { rows: [row], answer: answerWith });
		await expect(twice).rejects.toBe(second);
	});

	it('is sent once without an id, and of other models', async () => {
		const { id: _, ...create } = newRow();
		for (const [model, args] of [
			['Destination', { create, update: { name: 'y' } }],
			['Destination', { where: { name: 'x' }, create, update: { name: 'y' } }],
			['Destination', { where: { id: { equals: 'x' } }, create, update: { name: 'y' } }],
			['Organization', { where: { id: 'x' }, create: {}, update: {} }],
		] as const) {
			const { sent, looked, result } = await run([model, 'upsert', args]);
			expect([sent.length, looked, result]).toEqual([1, [], null]);
		}
		const args = { where: { id: 'x' }, data: { name: 'y' } };
		const { sent, result } = await run(['Destination', 'update', args]);
		expect([sent.length, result]).toEqual([1, null]);
	});

	it('of a batch is sent once, and known to it', async () => {
		const batch = newBatch();
		const create = newRow(randomUUID().toUpperCase());
		const { sent, result } = await run(call(of(create, { name: 'y' })), { batch });
		expect([sent.length, result]).toEqual([1, null]);
		expect(sent[0]?.where).toEqual({ id: create.id, ...live });
		expect([...batch.upserts]).toEqual([create.id.toLowerCase()]);
		const error = conflict();
		const fail = () => {
			throw error;
		};
		const rows = [{ ...(await rowWith(settings)), id: create.id.toLowerCase() }];
		await expect(run(call(of(create)), { batch, rows, answer: fail })).rejects.toBe(error);
	});
});

describe('a batch', () => {
	const settings = posthogSettings();

	it('knows the rows that earlier operations of it create', async () => {
		const batch = newBatch();
		const create = newRow(randomUUID().toUpperCase());
		const { organizationId } = create;
		const id = create.id.toLowerCase();
		await run(['Destination', 'create', { data: create }], { batch });
		expect([...batch.rows]).toEqual([[id, { id, organizationId, type: 'posthog' }]]);
		const update = { where: { id: create.id }, data: { settings } };
		const { data } = await run(['Destination', 'update', update], { batch });
		expect(await opened(data.settings, { id, organizationId, type: 'posthog' })).toEqual(settings);
	});

	it('does not know the rows that an operation creates itself', async () => {
		const create = newRow();
		const args = { where: { id: create.id }, create, update: { settings } };
		const upsert = ['Destination', 'upsert', args] as const;
		const batch = newBatch();
		const first = await run(upsert, { batch });
		expect(first.where).toMatchObject({ type: 'posthog', version: 0 });
		const second = await run(upsert, { batch });
		expect(second.where).toEqual({ id: create.id, ...live });
	});

	it('looks at what is stored of a row before what is created', async () => {
		const batch = newBatch();
		const row = await rowWith(settings);
		const create = { ...newRow(row.id), organizationId: row.organizationId };
		await run(['Destination', 'create', { data: create }], { batch });
		const update = [
			'Destination',
			'update',
			{ where: { id: row.id }, data: { settings } },
		] as const;
		const { data } = await run(update, { batch, rows: [row] });
		expect(data.settings).toEqual(row.settings);
	});
});

describe('what an operation returns', () => {
	const stranger = new SettingsEncryption(newKeys('one'));
	const find = (operation: string, args: object = {}) => ['Destination', operation, args] as const;

	it('is opened, or handed on where it has no rows', async () => {
		const row = await rowWith(posthogSettings());
		const { result } = await run(find('findUnique'), { answer: () => ({ ...row }) });
		expect(result).toEqual({ ...row, settings: await opened(row.settings, row) });
		const many = await run(find('findMany'), { answer: () => [{ ...row }] });
		expect(many.result).toEqual([result]);
		const { result: count } = await run(find('count'), { answer: () => 5 });
		expect(count).toBe(5);
	});

	it('is opened where a fluent call follows a write', async () => {
		const row = await rowWith(posthogSettings());
		const args = { where: { id: 'o' }, data: {}, select: { destinations: true } };
		const { result } = await run(['Organization', 'update', args], { answer: () => [{ ...row }] });
		expect(result).toEqual([{ ...row, settings: await opened(row.settings, row) }]);
	});

	it('fails where its one row does not open, and is marked after a write and in a batch', async () => {
		const row = await rowWith(posthogSettings());
		const around = { encryption: stranger, answer: () => ({ ...row }) };
		const failing = run(find('findUnique'), around);
		await expect(failing).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' });
		for (const [call, batch] of [
			[find('findUnique'), newBatch()],
			[find('update', { where: { id: row.id }, data: {} }), undefined],
		] as const) {
			const { result } = await run(call, { ...around, ...(batch && { batch }) });
			expect(settingsError(result as never)).toMatchObject({ code: 'DECRYPTION_FAILED' });
		}
	});

	it('is marked until it is used, where Prisma reads it before', async () => {
		const row = await rowWith(posthogSettings());
		const call = find('findMany', { select: { settings: true } });
		const read = async (extended: object) => {
			const around = { encryption: stranger, answer: () => [{ ...row }], ...extended };
			const { result } = await run(call, around);
			return typeof (result as [Required<FoundRow>])[0].settings;
		};
		expect(await read({ extended: true })).toBe('object');
		for (const extended of [{}, { extended: false }]) {
			await expect(read(extended)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' });
		}
	});
});

it('an operation that is refused is not sent', async () => {
	expect(await refusalOf(['Destination', 'findMany', { where: () => {} }])).toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: ['where'], message: expect.stringContaining('function') }],
	});
	expect(await refusalOf(['Audit', 'findMany', {}])).toMatchObject({ code: 'UNSUPPORTED' });
});
