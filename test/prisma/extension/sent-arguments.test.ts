import { copyArguments } from '../../../src/prisma/extension/copy-arguments.ts';
import { isOperation, operationNames } from '../../../src/prisma/extension/operations.ts';
import { toRow } from '../../../src/repository/rows.ts';
import {
	isDestinationField,
	knownModel,
	type ModelName,
	modelsByDelegate,
	planOperation,
	relationNames,
} from '../../support/own-models.ts';

// What Prisma is sent in the place of what was given. Other tests hold what Postgres makes of it.

/** The arguments that are sent, and what is left to do around the operation. */
function planned(model: ModelName, operation: string, given: object) {
	const sent = copyArguments(given);
	return { sent, ...planOperation(model, operation, sent) };
}

function sent(model: ModelName, operation: string, given: object): Record<string, unknown> {
	return planned(model, operation, given).sent;
}

/** A refusal says in a sentence what to do. */
function expectRefused(model: ModelName, operation: string, given: object, words = /\w/): void {
	expect(() => planned(model, operation, given)).toThrow(
		expect.objectContaining({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/^[A-Za-z].{20,}[.]$/),
		}),
	);
	expect(() => planned(model, operation, given)).toThrow(words);
}

const live = { deletedAt: null };
const deleted = { deletedAt: { not: null } };
const settings = { equals: {} };
const models = ['Destination', 'Organization', 'User'] as const;
const reads = [
	...['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'findMany'],
	...['count', 'aggregate', 'groupBy'],
];
const rows = reads.slice(0, 5);
const updates = ['update', 'updateMany', 'updateManyAndReturn'];

describe('the filter of an operation on destinations', () => {
	it.each<[unknown, unknown]>([
		[undefined, live],
		[{}, live],
		[{ name: 'x' }, { name: 'x', ...live }],
		[{ deletedAt: undefined }, live],
		[deleted, { ...deleted, AND: live }],
		[
			{ ...deleted, AND: undefined },
			{ ...deleted, AND: live },
		],
		[
			{ ...deleted, AND: { name: 'x' } },
			{ ...deleted, AND: [{ name: 'x' }, live] },
		],
		[
			{ ...deleted, AND: [{ name: 'x' }, {}] },
			{ ...deleted, AND: [{ name: 'x' }, {}, live] },
		],
		[null, null],
		['x', 'x'],
		[[], []],
	])('%j finds live ones alone', (where, expected) => {
		for (const operation of [...reads, ...updates]) {
			expect(sent('Destination', operation, { where }).where).toStrictEqual(expected);
			for (const model of ['Organization', 'User'] as const) {
				expect(sent(model, operation, { where }).where).toStrictEqual(where);
			}
		}
	});

	it('must be a plain object', () => {
		for (const operation of [...reads, ...updates]) {
			const args = { where: new Date() };
			expect(() => planOperation('Destination', operation, args)).toThrow(/plain object[.]$/);
		}
	});

	it('finds all of them, or deleted ones, where a read or a restore asks for them', () => {
		for (const operation of [...reads, 'update']) {
			const all = sent('Destination', operation, { $rows: 'all', where: { name: 'x' } });
			expect(all).toStrictEqual({ where: { name: 'x' } });
			const some = sent('Destination', operation, { $rows: 'deleted', where: { name: 'x' } });
			expect(some).toStrictEqual({ where: { name: 'x', ...deleted } });
			for (const $rows of ['live', '', null, {}]) {
				expectRefused('Destination', operation, { $rows }, /withDeleted/);
			}
		}
	});

	it('is followed by its settings as they are stored, where a look-up asks for them', () => {
		for (const operation of rows) {
			const stored = planned('Destination', operation, { $stored: true, where: { id: 'x' } });
			expect(stored).toStrictEqual({ sent: { where: { id: 'x', ...live } } });
			const opened = planned('Destination', operation, { $stored: false });
			expect(opened.sent).toStrictEqual({ where: live });
			expect(opened.result).toBeDefined();
		}
	});
});

describe('a filter on relations', () => {
	const every = (condition: object) => ({ OR: [deleted, { ...condition, ...live }] });

	it.each<[ModelName, object, object]>([
		['Organization', { destinations: { some: {} } }, { destinations: { some: live } }],
		['Organization', { destinations: { none: {} } }, { destinations: { none: live } }],
		['Organization', { destinations: { every: {} } }, { destinations: { every: every({}) } }],
		[
			'User',
			{ createdDestinations: { some: { name: 'x' } }, updatedDestinations: { none: deleted } },
			{
				createdDestinations: { some: { name: 'x', ...live } },
				updatedDestinations: { none: { ...deleted, AND: live } },
			},
		],
		[
			'User',
			{ createdDestinations: { every: { OR: [{ name: 'x' }] } } },
			{ createdDestinations: { every: every({ OR: [{ name: 'x' }, { id: { in: [] } }] }) } },
		],
		[
			'User',
			{ createdDestinations: { every: { OR: { name: 'x' } } } },
			{ createdDestinations: { every: every({ OR: [{ name: 'x' }, { id: { in: [] } }] }) } },
		],
		...[undefined, null, 'x', []].flatMap((inner): [ModelName, object, object][] =>
			['some', 'every', 'none', 'of another kind'].map((quantifier) => [
				'Organization',
				{ destinations: { [quantifier]: inner } },
				{ destinations: { [quantifier]: inner } },
			]),
		),
		...[undefined, null, 'x', []].map((filter): [ModelName, object, object] => [
			'Destination',
			{ createdByUser: filter },
			{ createdByUser: filter },
		]),
	])('of %s, %j, sees live ones alone', (model, where, expected) => {
		const wraps: [ModelName, (filter: object) => object][] = [
			[model, (filter) => filter],
			[model, (AND) => ({ AND })],
			[model, (OR) => ({ OR: [{ id: 'x' }, OR] })],
			[model, (NOT) => ({ NOT })],
			[model, (NOT) => ({ NOT: [{ AND: [NOT] }] })],
		];
		if (model !== 'Destination') {
			const relation = model === 'User' ? 'createdByUser' : 'organization';
			for (const form of ['is', 'isNot']) {
				wraps.push(['Destination', (filter) => ({ [relation]: { [form]: filter } })]);
			}
			wraps.push(['Destination', (filter) => ({ [relation]: filter })]);
			wraps.push(['Destination', (f) => ({ [relation]: { is: undefined, isNot: null, ...f } })]);
		}
		for (const [outer, wrap] of wraps) {
			const condition = outer === 'Destination' ? live : {};
			for (const operation of [...reads, ...updates]) {
				const args = sent(outer, operation, { where: wrap(where) });
				expect(args.where).toStrictEqual({ ...wrap(expected), ...condition });
			}
			if (outer === 'Destination') continue;
			for (const operation of ['upsert', 'delete', 'deleteMany']) {
				const args = sent(outer, operation, { where: wrap(where) });
				expect(args.where).toStrictEqual(wrap(expected));
			}
		}
	});

	it('knows no other quantifier', () => {
		for (const quantifier of ['is', 'isNot', 'any', 'toString']) {
			const where = { destinations: { [quantifier]: {} } };
			expectRefused('Organization', 'findMany', { where }, new RegExp(`"${quantifier}"`));
		}
	});

	it('leaves what is no field to Prisma, also what every object has', () => {
		for (const model of models) {
			for (const name of ['nothing', 'constructor', 'toString', 'hasOwnProperty']) {
				const where = { [name]: { some: { a: {} } } };
				const args = { where, orderBy: { [name]: { a: { b: 'asc' } } }, include: { [name]: {} } };
				expect(sent(model, 'findMany', args)).toMatchObject(args);
			}
		}
	});
});

describe('settings', () => {
	const places: [string, (filter: object) => object][] = [
		['itself', (filter) => filter],
		['AND', (AND) => ({ AND })],
		['OR', (OR) => ({ OR: [{}, OR] })],
		['NOT', (NOT) => ({ NOT: [NOT] })],
		['is', (is) => ({ organization: { is: { destinations: { some: is } } } })],
		['isNot', (isNot) => ({ createdByUser: { isNot: { createdDestinations: { none: isNot } } } })],
		['a relation', (some) => ({ updatedByUser: { updatedDestinations: { every: some } } })],
	];

	it.each(places)('are not filtered by, in %s', (_, place) => {
		const where = place({ settings });
		for (const operation of [...reads, ...updates]) {
			expectRefused('Destination', operation, { where }, /cannot be filtered/);
		}
		for (const operation of reads.slice(0, 7)) {
			expectRefused('Destination', operation, { cursor: where }, /cannot be filtered/);
		}
		expectRefused('Destination', 'groupBy', { having: where }, /cannot be filtered/);
		const nested = { destinations: { where } };
		for (const args of [{ select: nested }, { include: nested }]) {
			expectRefused('Organization', 'findMany', args, /cannot be filtered/);
			for (const operation of ['create', 'update', 'upsert', 'delete']) {
				expectRefused('Organization', operation, args, /cannot be filtered/);
			}
		}
		const count = { select: { _count: { select: nested } } };
		expectRefused('Organization', 'findMany', count, /cannot be filtered/);
	});

	it('are not ordered or grouped by', () => {
		for (const operation of reads) {
			for (const orderBy of [{ settings: 'asc' }, [{ name: 'asc' }, { settings: {} }]]) {
				expectRefused('Destination', operation, { orderBy }, /cannot be ordered/);
			}
		}
		for (const fields of ['settings', ['type', 'settings']]) {
			for (const operation of rows) {
				expectRefused('Destination', operation, { distinct: fields }, /"distinct" cannot use/);
			}
			expectRefused('Destination', 'groupBy', { by: fields }, /"by" cannot use/);
		}
	});

	it('of earlier versions neither', () => {
		const model = 'DestinationSettingsVersion';
		for (const where of [{ settings }, { NOT: { settings } }, { OR: [{ settings }] }]) {
			for (const operation of reads) expectRefused(model, operation, { where });
			expectRefused(model, 'groupBy', { having: where });
			expectRefused(model, 'findMany', { cursor: where });
		}
		for (const operation of reads)
			expectRefused(model, operation, { orderBy: { settings: 'asc' } });
		expectRefused(model, 'findMany', { distinct: ['settings'] });
		expectRefused(model, 'groupBy', { by: ['settings'] });
	});

	it('are a name like any other in models that have none, and where they are undefined', () => {
		const args = { where: { settings }, orderBy: { settings: 'asc' }, distinct: ['settings'] };
		expect(sent('Organization', 'findMany', args)).toStrictEqual(args);
		const none = { where: { settings: undefined }, orderBy: [{ settings: undefined }] };
		expect(sent('Destination', 'findMany', none)).toStrictEqual({
			...none,
			where: { settings: undefined, ...live },
		});
	});
});

it('an order may follow relations, and may not count destinations', () => {
	const orderBy = [{ organization: { id: 'asc' } }, { createdByUser: undefined }, { name: 'asc' }];
	expect(sent('Destination', 'findMany', { orderBy }).orderBy).toStrictEqual(orderBy);
	for (const operation of reads) {
		for (const order of [
			{ organization: { destinations: { _count: 'asc' } } },
			[{ id: 'asc' }, { createdByUser: { updatedDestinations: { _count: 'asc' } } }],
		]) {
			expectRefused(
				'Destination',
				operation,
				{ orderBy: order },
				/order by \w+Destinations|order by destinations/,
			);
		}
		expectRefused('Organization', operation, { orderBy: { destinations: {} } }, /_count/);
	}
	const none = { orderBy: { destinations: undefined } };
	expect(sent('Organization', 'findMany', none)).toStrictEqual(none);
});

describe('what is selected', () => {
	const needed = ['id', 'organizationId', 'type', 'settingsEncrypted'];
	const whole = { relations: [], opens: { added: [], computes: true, selected: false } };

	it.each<[object, object | undefined, object?]>([
		[{}, whole],
		[
			{ select: { settings: true } },
			{ relations: [], opens: { added: needed, computes: false, selected: true } },
			{ select: { settings: true, ...Object.fromEntries(needed.map((name) => [name, true])) } },
		],
		[
			{ select: { settings: true, id: true, type: false, name: true } },
			{ relations: [], opens: { added: needed.slice(1), computes: false, selected: true } },
			{
				select: {
					...{ settings: true, id: true, type: true, name: true },
					...{ organizationId: true, settingsEncrypted: true },
				},
			},
		],
		[
			{ select: { host: true } },
			{ relations: [], opens: { added: needed, computes: true, selected: false } },
			{ select: { host: true, ...Object.fromEntries(needed.map((name) => [name, true])) } },
		],
		[{ select: { host: false, name: true } }, undefined],
		[{ select: { name: true, settings: false } }, undefined],
		[{ select: { organization: true } }, undefined, { select: { organization: {} } }],
		[{ omit: { settings: true } }, whole],
		[{ omit: { id: false } }, whole],
		[{ omit: 'x' }, whole],
		[
			{ omit: { id: true, type: true, name: true } },
			{ relations: [], opens: { added: ['id', 'type'], computes: true, selected: false } },
			{ omit: { id: false, type: false, name: true } },
		],
	])('of destinations, %j, is opened by %j', (args, result, expected = args) => {
		for (const operation of rows) {
			const plan = planned('Destination', operation, args);
			expect(plan.sent).toStrictEqual({ ...expected, where: live });
			expect(plan.result).toStrictEqual(result);
			const manyRows = operation === 'findMany';
			expect(plan.opening).toStrictEqual({ manyRows, mustOpen: !manyRows });
		}
	});

	const destinations = { name: 'destinations', list: true, plan: whole };

	const seen = { where: live };

	it.each<[object, object | undefined, object]>([
		[{}, undefined, {}],
		[{ select: { id: true } }, undefined, { select: { id: true } }],
		[{ include: { destinations: false } }, undefined, { include: { destinations: false } }],
		...[true, 1, {}].map((value): [object, object, object] => [
			{ include: { destinations: value } },
			{ relations: [destinations] },
			{ include: { destinations: seen } },
		]),
		[
			{ select: { destinations: {} } },
			{ relations: [destinations], fluent: destinations },
			{ select: { destinations: seen } },
		],
		[
			{ select: { id: true, destinations: true } },
			{ relations: [destinations] },
			{ select: { id: true, destinations: seen } },
		],
		[
			{ select: { destinations: true }, include: { destinations: false } },
			{ relations: [destinations], fluent: destinations },
			{ select: { destinations: seen }, include: { destinations: false } },
		],
		[
			{ include: { destinations: { where: deleted } } },
			{ relations: [destinations] },
			{ include: { destinations: { where: { ...deleted, AND: live } } } },
		],
		[
			{ include: { destinations: { select: { name: true } } } },
			undefined,
			{ include: { destinations: { select: { name: true }, where: live } } },
		],
	])('of organizations, %j, is opened by %j', (args, result, expected) => {
		for (const operation of rows) {
			const plan = planned('Organization', operation, args);
			expect(plan.result).toStrictEqual(result);
			expect(plan.sent).toStrictEqual(expected);
		}
	});

	it('is opened below users and back', () => {
		const include = { organization: { include: { destinations: true } }, createdByUser: true };
		const plan = planned('Destination', 'findMany', { include });
		expect(plan.sent.include).toStrictEqual({
			organization: { include: { destinations: { where: live } } },
			createdByUser: {},
		});
		const organization = { name: 'organization', list: false, plan: { relations: [destinations] } };
		expect(plan.result).toStrictEqual({ ...whole, relations: [organization] });
		const select = {
			updatedDestinations: { select: { settings: true } },
			createdDestinations: true,
		};
		const ofUser = planned('User', 'findMany', { select });
		expect(ofUser.result?.relations.map(({ name }) => name)).toEqual(Object.keys(select));
		expect(ofUser.result).not.toHaveProperty('fluent');
		expect(sent('Destination', 'findMany', { include: null, select: 'x' })).toStrictEqual({
			...{ include: null, select: 'x', where: live },
		});
	});
});

describe('_count', () => {
	const counted = { destinations: { where: live } };
	const users = { createdDestinations: { where: live }, updatedDestinations: { where: live } };

	it.each<[ModelName, unknown, unknown]>([
		['Organization', true, { select: counted }],
		['User', true, { select: users }],
		[
			'User',
			{ select: { createdDestinations: 1, updatedDestinations: false } },
			{ select: { createdDestinations: { where: live }, updatedDestinations: false } },
		],
		['Organization', { select: { destinations: {} } }, { select: counted }],
		[
			'Organization',
			{ select: { destinations: { where: deleted } } },
			{ select: { destinations: { where: { ...deleted, AND: live } } } },
		],
		['Organization', { select: { nothing: true } }, { select: { nothing: true } }],
		['Organization', { select: {} }, { select: {} }],
		['Destination', true, { select: {} }],
		['Destination', { select: { organization: true } }, { select: { organization: true } }],
		...[false, undefined, null, 1, 'x', {}, { select: true }].map(
			(count): [ModelName, unknown, unknown] => ['Organization', count, count],
		),
	])('of %s, %j, counts live ones alone', (model, _count, expected) => {
		for (const operation of rows) {
			for (const how of ['select', 'include']) {
				const args = sent(model, operation, { [how]: { _count } });
				expect((args[how] as { _count: unknown })._count).toStrictEqual(expected);
			}
		}
	});
});

describe('a write', () => {
	const data = { organizationId: 'o', type: 'console', name: 'x', id: 'i' };
	const whole = { relations: [], opens: { added: [], computes: true, selected: false } };

	it('of new destinations has the rows to seal', () => {
		const create = planned('Destination', 'create', { data });
		expect(create.writes?.newRows).toEqual([{ data, id: 'i', organizationId: 'o' }]);
		expect(create.result).toEqual(whole);
		expect(create.opening).toBeUndefined();
		for (const given of [data, [data, { ...data, id: 'j' }]]) {
			const many = planned('Destination', 'createMany', { data: given });
			const ids = [given].flat().map(({ id }) => id);
			expect(many.writes?.newRows.map(({ id }) => id)).toEqual(ids);
			expect(many).not.toHaveProperty('result');
			const returned = planned('Destination', 'createManyAndReturn', { data: given });
			expect(returned.writes?.newRows.map(({ id }) => id)).toEqual(ids);
			expect(returned).toMatchObject({ result: whole, opening: { manyRows: true } });
		}
	});

	it('of organizations and users has those that are nested in it', () => {
		const destinations = { create: { ...data, organizationId: undefined } };
		const create = planned('Organization', 'create', { data: { id: 'o', destinations } });
		expect(create.writes?.newRows).toMatchObject([{ id: 'i', organizationId: 'o' }]);
		const made = planned('User', 'create', {});
		expect(made.sent.data).toEqual({ id: expect.any(String) });
		for (const operation of ['createMany', 'createManyAndReturn']) {
			const many = planned('User', operation, { data: [{ settings: {} }] });
			expect(many.sent).toEqual({ data: [{ settings: {} }] });
		}
		const update = planned('Organization', 'update', {
			where: { id: 'o' },
			data: { destinations },
		});
		expect(update.writes?.newRows).toMatchObject([{ id: 'i', organizationId: 'o' }]);
		const upsert = planned('Organization', 'upsert', {
			where: { id: 'o' },
			create: { id: 'o', destinations },
			update: { destinations: { create: { ...data, id: 'j', organizationId: undefined } } },
		});
		expect(upsert.writes?.newRows).toMatchObject([
			{ id: 'i', organizationId: 'o' },
			{ id: 'j', organizationId: 'o' },
		]);
	});

	it('of one destination finds the row whose settings it seals', () => {
		const where = { id: 'i' };
		const update = planned('Destination', 'update', { where, data: { settings: {} } });
		expect(update.writes?.existingRows).toEqual([
			{ data: { settings: {} }, where: { ...where, ...live }, otherwise: undefined },
		]);
		expect(update.result).toEqual(whole);
		expect(update.opening).toBeUndefined();
		const upsert = planned('Destination', 'upsert', {
			where,
			create: data,
			update: { settings: {} },
		});
		expect(upsert.sent.where).toEqual({ ...where, ...live });
		expect(upsert.writes?.existingRows).toMatchObject([{ otherwise: { id: 'i' } }]);
		expect(upsert.result).toEqual(whole);
	});

	it('that names no row has none whose settings it seals', () => {
		for (const where of [null, 'x', [{ id: 'i' }]]) {
			const update = planned('Destination', 'update', { where, data: { settings: {} } });
			expect(update.writes).toMatchObject({ newRows: [], existingRows: [] });
		}
	});

	it('of many destinations gives them no settings', () => {
		for (const operation of ['updateMany', 'updateManyAndReturn']) {
			expectRefused(
				'Destination',
				operation,
				{ data: { settings: {} } },
				/one update cannot write them to many rows/,
			);
			const given = { where: {}, data: { settings: {} } };
			expect(sent('Organization', operation, given)).toEqual(given);
		}
		const many = planned('Destination', 'updateMany', { data: { name: 'x' } });
		expect(many).not.toHaveProperty('result');
		// By them, settings that stand in the place of no row are refused.
		expect(many.writes).toMatchObject({ newRows: [], existingRows: [] });
		const returned = planned('Destination', 'updateManyAndReturn', { data: { name: 'x' } });
		expect(returned).toMatchObject({ result: whole, opening: { manyRows: true } });
	});

	it('whose arguments are not objects is left to Prisma', () => {
		for (const model of models) {
			for (const wrong of [null, 'x', []]) {
				for (const args of [
					{ where: wrong, data: wrong, create: wrong, update: wrong },
					{ where: { id: 'x' }, data: wrong, create: wrong, update: wrong },
					{ where: wrong, data: { name: 'x' }, create: wrong, update: { name: 'x' } },
				]) {
					for (const operation of [...updates, 'upsert']) {
						expect(sent(model, operation, args)).toMatchObject({ data: args.data });
					}
				}
			}
			for (const wrong of ['x', []]) {
				expect(sent(model, 'create', { data: wrong })).toEqual({ data: wrong });
			}
		}
	});

	describe('that is nested and deletes destinations', () => {
		const data = { deletedAt: expect.any(Date) };
		const where = { where: live, data };
		const x = { where: { id: 'x', ...live }, data };
		const update = { where: { id: 'u' }, data: { name: 'x' } };
		const sentUpdate = { where: { id: 'u', ...live }, data: { name: 'x' } };
		const create = { ...{ organizationId: 'o', type: 'console', name: 'x', id: 'i' } };

		it.each<[object, object]>([
			[{ delete: { id: 'x' } }, { update: [x] }],
			[{ deleteMany: {} }, { updateMany: [where] }],
			[{ deleteMany: [{}, { id: 'x' }] }, { updateMany: [where, x] }],
			[{ delete: [] }, { update: [] }],
			[{ delete: { id: 'x' }, update }, { update: [x, sentUpdate] }],
			[{ update: [update], delete: [{ id: 'x' }] }, { update: [sentUpdate, x] }],
			[
				{ update: undefined, delete: { id: 'x' }, create },
				{ update: [x], create },
			],
			[
				{ update, delete: { id: 'x' }, updateMany: update, deleteMany: {} },
				{ update: [sentUpdate, x], updateMany: [sentUpdate, where] },
			],
			[{ delete: undefined, deleteMany: undefined, create }, { create }],
			[
				{ deleteMany: { organization: { destinations: { some: {} } } } },
				{
					updateMany: [
						{ where: { organization: { destinations: { some: live } }, ...live }, data },
					],
				},
			],
		])('%j, is sent as an update in its place', (given, expected) => {
			for (const [model, relation] of [
				['Organization', 'destinations'],
				['User', 'createdDestinations'],
			] as const) {
				const args = { where: { id: 'o' }, data: { [relation]: given } };
				const written = sent(model, 'update', args).data as Record<string, object>;
				expect(written[relation]).toEqual(expected);
				expect(Object.keys(written[relation] ?? {}).filter((name) => name in expected)).toEqual(
					Object.keys(expected),
				);
			}
		});

		it('is refused where another write stands between, or it names no row', () => {
			const refused: [object, RegExp][] = [
				[{ update, create, delete: { id: 'x' } }, /"delete" and "update" are sent together/],
				[{ delete: { id: 'x' }, create, update }, /"update" and "update" are sent together/],
				[{ updateMany: update, create, deleteMany: {} }, /"deleteMany" and "updateMany"/],
				...[null, true, 'x', ['x']].flatMap((wrong): [object, RegExp][] => [
					[{ delete: wrong }, /nested "delete" takes filters/],
					[{ deleteMany: wrong }, /nested "deleteMany" takes filters/],
				]),
				[{ delete: { id: 'x', settings } }, /cannot be filtered/],
			];
			for (const [destinations, words] of refused) {
				expectRefused('Organization', 'update', { where: {}, data: { destinations } }, words);
			}
		});
	});

	it('never deletes a destination, and deletes others', () => {
		for (const operation of ['delete', 'deleteMany']) {
			expectRefused('Destination', operation, { where: { id: 'x' } }, /soft-delete/);
			const { result } = planned('Organization', operation, { include: { destinations: true } });
			expect(result?.relations).toHaveLength(1);
		}
	});

	it('of a table that the database alone writes is refused', () => {
		for (const model of ['DestinationAuditEntry', 'DestinationSettingsVersion'] as const) {
			for (const operation of operationNames) {
				const args = { where: {}, data: {}, create: {}, update: {} };
				if (reads.includes(operation)) expect(sent(model, operation, args)).toEqual(args);
				else expectRefused(model, operation, args, new RegExp(`writes ${model}`));
			}
		}
	});
});

it('columns and relations of destinations are not fields of another extension', () => {
	const names = [...Object.keys(toRow([])), 'organization', 'createdByUser', 'updatedByUser'];
	for (const name of names.filter((column) => column !== 'settings')) {
		expect(planned('Destination', 'findMany', { select: { [name]: true } }).result).toBe(undefined);
	}
	for (const name of ['host', 'toString', '_count', ''])
		expect(isDestinationField(name)).toBe(false);
});

it('a model is known by its name and by what Prisma calls its methods', () => {
	expect([...modelsByDelegate]).toEqual([
		['destination', 'Destination'],
		['organization', 'Organization'],
		['user', 'User'],
		['destinationAuditEntry', 'DestinationAuditEntry'],
		['destinationSettingsVersion', 'DestinationSettingsVersion'],
	]);
	expect(relationNames).toEqual([
		...['organization', 'createdByUser', 'updatedByUser'],
		...['destinations', 'createdDestinations', 'updatedDestinations'],
	]);
	for (const model of modelsByDelegate.values()) expect(knownModel(model)).toBe(model);
	for (const name of ['Audit', 'destination', 'toString', '']) {
		expect(() => knownModel(name)).toThrow(
			expect.objectContaining({
				code: 'UNSUPPORTED',
				message: expect.stringContaining(`does not know the model ${name}. Use`),
			}),
		);
	}
});

it('what is an operation is known by its name', () => {
	expect([...operationNames].sort()).toEqual(
		[
			...[...reads, ...updates, 'create', 'createMany', 'createManyAndReturn', 'upsert', 'delete'],
			'deleteMany',
		].sort(),
	);
	for (const name of operationNames) expect(isOperation(name)).toBe(true);
	for (const name of ['findRaw', 'toString', '$extends', '']) expect(isOperation(name)).toBe(false);
});

it('what is not an operation is refused, also what every object has', () => {
	for (const operation of ['findRaw', 'toString', 'constructor', '']) {
		expectRefused('Destination', operation, {}, new RegExp(`the operation ${operation}[.]`));
	}
});
