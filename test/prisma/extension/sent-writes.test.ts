import { copyArguments } from '../../../src/prisma/extension/copy-arguments.ts';
import { type ModelName, planOperation } from '../../support/own-models.ts';

// The rows that a write has, wherever they stand in its arguments. Other tests hold what Postgres makes of it.

function planned(model: ModelName, operation: string, given: object) {
	const sent = copyArguments(given);
	return { sent, ...planOperation(model, operation, sent) };
}

/** The ids of the rows that a write creates, by organization, and of those whose settings it changes. */
function rowsOf(model: ModelName, operation: string, given: object) {
	const { writes } = planned(model, operation, given);
	return {
		created: writes?.newRows.map(({ id, organizationId }) => `${id} ${organizationId}`),
		changed: writes?.existingRows.map(({ where, otherwise }) => [where, otherwise?.id]),
	};
}

const live = { deletedAt: null };
const row = (id: string) => ({ id, type: 'console', name: 'x', settings: {} });
const own = { ...row('i'), organizationId: 'o' };
const uuid = '0193a1b2-0000-7000-8000-00000000000f';
const capitals = uuid.toUpperCase();

function refusalOf(model: ModelName, operation: string, given: object) {
	try {
		planned(model, operation, given);
	} catch (error) {
		const { code, message, issues } = error as { code: string; message: string; issues?: unknown };
		return { code, message, issues };
	}
	throw new Error('nothing was refused');
}

describe('the organization of a new destination', () => {
	it.each<[string, object, string]>([
		['is named', { organizationId: 'o' }, 'o'],
		['is connected', { organization: { connect: { id: 'o' } } }, 'o'],
		['is named before it is connected', { organizationId: 'o', organization: {} }, 'o'],
		['is created', { organization: { create: { id: 'o' } } }, 'o'],
		['is connected or created', { organization: { connectOrCreate: { where: { id: 'o' } } } }, 'o'],
		[
			'is connected or created under one id',
			{ organization: { connectOrCreate: { where: { id: capitals }, create: { id: uuid } } } },
			capitals,
		],
		[
			'is connected or created under the id of the filter',
			{ organization: { connectOrCreate: { where: { id: 'o' }, create: {} } } },
			'o',
		],
	])('%s', (_, organization, id) => {
		const data = { ...row('i'), ...organization };
		expect(rowsOf('Destination', 'create', { data }).created).toEqual([`i ${id}`]);
	});

	it('is made an id where it is created without one', () => {
		const data = { ...row('i'), organization: { create: {} } };
		const { sent, writes } = planned('Destination', 'create', { data });
		const { id } = (sent.data as { organization: { create: { id: string } } }).organization.create;
		expect(id).toMatch(/^[0-9a-f-]{36}$/);
		expect(writes?.newRows).toMatchObject([{ id: 'i', organizationId: id }]);
	});

	it('is made an id where the filter by which it is connected names none', () => {
		for (const where of [{ id: 1 }, { id: { equals: 'o' } }, { name: 'o' }]) {
			const organization = { connectOrCreate: { where, create: {} } };
			const { sent } = planned('Destination', 'create', { data: { ...own, organization } });
			expect(sent.data).toMatchObject({
				organization: {
					connectOrCreate: { create: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
				},
			});
		}
	});

	it.each<object>([
		{},
		{ organization: { connect: {} } },
		{ organization: { connect: { id: 1 } } },
		{ organization: { connect: null } },
		{ organization: { disconnect: { id: 'o' } } },
		{ organization: { connectOrCreate: { where: { id: 'o' }, create: { id: 'p' } } } },
		{ organization: { connectOrCreate: { create: { id: 'p' } } } },
		{ organization: null },
		{ organizationId: 1 },
	])('is not known from %j', (organization) => {
		const data = { ...row('i'), ...organization };
		expect(refusalOf('Destination', 'create', { data })).toMatchObject({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(
				/^Encrypted settings are bound to their organization.*its id[.]$/,
			),
		});
	});
});

describe('a destination that is written', () => {
	it.each(['version', 'createdAt', 'updatedAt'])('has no %s of its own', (name) => {
		const refused = {
			code: 'VALIDATION',
			issues: [{ path: [name], message: 'is written by the database alone' }],
		};
		const data = { ...own, [name]: 1 };
		const where = { id: 'i' };
		expect(refusalOf('Destination', 'create', { data })).toMatchObject(refused);
		expect(refusalOf('Destination', 'update', { where, data })).toMatchObject(refused);
		expect(refusalOf('Destination', 'updateMany', { where, data })).toMatchObject(refused);
		for (const nothing of [null, undefined]) {
			const without = { ...own, [name]: nothing };
			expect(rowsOf('Destination', 'create', { data: without }).created).toEqual(['i o']);
		}
	});

	it('is not created deleted', () => {
		const data = { ...own, deletedAt: new Date() };
		expect(refusalOf('Destination', 'create', { data })).toMatchObject({
			code: 'VALIDATION',
			issues: [{ path: ['deletedAt'], message: 'is written by a deletion; create the row first' }],
		});
		for (const nothing of [null, undefined]) {
			const without = { ...own, deletedAt: nothing };
			expect(rowsOf('Destination', 'create', { data: without }).created).toEqual(['i o']);
		}
	});

	it('is always encrypted', () => {
		const refused = {
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/^Settings are always encrypted[.]/),
		};
		for (const settingsEncrypted of [false, null, 'true']) {
			const data = { ...own, settingsEncrypted };
			const where = { id: 'i' };
			for (const operation of ['create', 'update', 'updateMany']) {
				expect(refusalOf('Destination', operation, { where, data })).toMatchObject(refused);
			}
		}
		const data = { ...own, settingsEncrypted: true };
		expect(rowsOf('Destination', 'create', { data }).created).toEqual(['i o']);
	});
});

describe('a write of one relation', () => {
	const destinations = { create: own };
	const found = { destinations: { some: {} } };
	const seen = { destinations: { some: live } };

	it.each<[string, object]>([
		['create', { destinations }],
		['connectOrCreate', { where: {}, create: { id: 'o', destinations } }],
		['update', { destinations }],
		['update', { where: {}, data: { destinations } }],
		['upsert', { where: {}, create: { destinations } }],
		['upsert', { where: {}, update: { destinations } }],
	])('by %s has the rows of %j', (operation, args) => {
		const update = { where: { id: 'x' }, data: { organization: { [operation]: args } } };
		expect(rowsOf('Destination', 'update', update).created).toEqual(['i o']);
	});

	it('finds by what live destinations meet', () => {
		for (const [operation, args, expected] of [
			['connect', found, seen],
			['disconnect', found, seen],
			['delete', found, seen],
			['connectOrCreate', { where: found }, { where: seen }],
			['update', { where: found, data: {} }, { where: seen, data: {} }],
			['upsert', { where: found }, { where: seen }],
		] as const) {
			const given = { where: { id: 'x' }, data: { organization: { [operation]: args } } };
			const { sent } = planned('Destination', 'update', given);
			expect(sent.data).toEqual({ organization: { [operation]: expected } });
		}
	});

	it('is left to Prisma where it is not an object', () => {
		for (const wrong of [null, true, 'x', []]) {
			for (const operation of ['connect', 'create', 'update', 'upsert', 'of another kind']) {
				const given = { where: { id: 'x' }, data: { organization: { [operation]: wrong } } };
				expect(planned('Destination', 'update', given).sent.data).toEqual(given.data);
			}
			for (const args of [
				{ update: { where: {}, data: wrong } },
				{ upsert: { where: {}, create: wrong, update: wrong } },
			]) {
				const given = { where: { id: 'x' }, data: { organization: args } };
				expect(planned('Destination', 'update', given).sent.data).toEqual(given.data);
			}
		}
	});

	it('of another kind is refused', () => {
		const data = { organization: { of: {} } };
		expect(refusalOf('Destination', 'update', { where: { id: 'x' }, data })).toMatchObject({
			code: 'UNSUPPORTED',
			message: 'The nested write "of" is not supported.',
		});
	});
});

describe('a write of many destinations', () => {
	const list = (destinations: object) => ({ where: { id: 'o' }, data: { destinations } });

	it.each<[string, object, string[]]>([
		['create', row('i'), ['i o']],
		['create', [row('i'), row('j')], ['i o', 'j o']],
		['createMany', { data: row('i') }, ['i o']],
		['createMany', { data: [row('i'), row('j')] }, ['i o', 'j o']],
		['connectOrCreate', { where: { id: 'i' }, create: row('i') }, ['i o']],
		['connectOrCreate', [{ create: row('i') }, { create: row('j') }, {}], ['i o', 'j o']],
		['upsert', { where: { id: 'i' }, create: row('i') }, ['i o']],
		['upsert', [{ create: row('i') }, { update: row('j') }], ['i o']],
	])('by %s creates those of %j', (operation, args, created) => {
		const rows = rowsOf('Organization', 'update', list({ [operation]: args }));
		expect(rows).toEqual({ created, changed: [] });
		// Of an organization that gets another id, and of a user, nobody knows the organization.
		for (const [model, given] of [
			[
				'Organization',
				{ where: { id: 'o' }, data: { id: 'p', destinations: { [operation]: args } } },
			],
			['Organization', { where: { name: 'o' }, data: { destinations: { [operation]: args } } }],
			['User', { where: { id: 'o' }, data: { createdDestinations: { [operation]: args } } }],
		] as const) {
			expect(refusalOf(model, 'update', given)).toMatchObject({ code: 'UNSUPPORTED' });
		}
	});

	it('by update and upsert changes the settings of each', () => {
		const where = { id: 'i' };
		const update = { where, data: { settings: {} } };
		const changed = (otherwise?: string) => [{ ...where, ...live }, otherwise];
		expect(rowsOf('Organization', 'update', list({ update })).changed).toEqual([changed()]);
		const two = [update, { where, data: { name: 'x' } }, update];
		const rows = rowsOf('Organization', 'update', list({ update: two }));
		expect(rows.changed).toEqual([changed(), changed()]);
		const upsert = { where, create: row('i'), update: { settings: {} } };
		const either = rowsOf('Organization', 'update', list({ upsert }));
		expect(either).toEqual({ created: ['i o'], changed: [changed('i')] });
	});

	it('sees live ones alone', () => {
		const where = { id: 'i', organization: { destinations: { none: {} } } };
		const seen = { id: 'i', organization: { destinations: { none: live } }, ...live };
		for (const [given, expected] of [
			[{ connect: where }, { connect: seen }],
			[{ disconnect: [where, where] }, { disconnect: [seen, seen] }],
			[{ connectOrCreate: { where } }, { connectOrCreate: { where: seen } }],
			[{ update: { where, data: {} } }, { update: { where: seen, data: {} } }],
			[{ upsert: { where } }, { upsert: { where: seen } }],
			[{ updateMany: [{ where }] }, { updateMany: [{ where: seen }] }],
		] as const) {
			const { sent } = planned('Organization', 'update', list(given));
			expect((sent.data as { destinations: unknown }).destinations).toEqual(expected);
		}
	});

	it('gives no settings to many, and is not a `set`', () => {
		const updateMany = { where: {}, data: { settings: {} } };
		expect(refusalOf('Organization', 'update', list({ updateMany }))).toMatchObject({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/^Encrypted settings are bound to one row.*by its id[.]$/),
		});
		expect(refusalOf('Organization', 'update', list({ set: [] }))).toMatchObject({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/^A nested `set`.*`disconnect`[.]$/),
		});
		expect(refusalOf('Organization', 'update', list({ of: {} }))).toMatchObject({
			code: 'UNSUPPORTED',
			message: 'The nested write "of" is not supported.',
		});
		const none = list({ set: undefined, of: undefined, create: row('i') });
		expect(rowsOf('Organization', 'update', none).created).toEqual(['i o']);
	});

	it('is left to Prisma where it is not an object', () => {
		for (const wrong of [null, true, 'x', []]) {
			for (const operation of [
				...['create', 'createMany', 'connectOrCreate', 'connect', 'disconnect'],
				...['update', 'upsert', 'updateMany'],
			]) {
				const given = list({ [operation]: wrong });
				expect(planned('Organization', 'update', given).sent.data).toEqual(given.data);
			}
			for (const nested of [
				{ createMany: { data: wrong } },
				{ connectOrCreate: { where: wrong, create: wrong } },
				{ update: { where: wrong, data: wrong } },
				{ upsert: { where: wrong, create: wrong, update: wrong } },
				{ updateMany: { where: wrong, data: wrong } },
			]) {
				const given = list(nested);
				expect(planned('Organization', 'update', given).sent.data).toEqual(given.data);
			}
		}
	});
});
