import { Prisma } from '../../../src/generated/prisma/client.ts';
import { copyArguments } from '../../../src/prisma/extension/copy-arguments.ts';

// What is copied of arguments, and what is refused. Other tests hold that Prisma takes the copy.

/** The first reason why arguments are refused. */
function refusalOf(args: unknown): unknown {
	const copy = copyArguments(args);
	expect(Object.keys(copy)).toEqual(['$refusal']);
	expect(copy.$refusal).toHaveLength(1);
	return (copy.$refusal as unknown[])[0];
}

const refused = (path: string[], message: string) => ({ path, message });

class Instance {
	constructor(members: object) {
		Object.assign(this, members);
	}
}

/** An object in so many others. */
function nested(levels: number): object {
	let args: object = {};
	for (let level = 1; level < levels; level += 1) args = { a: args };
	return args;
}

describe('a copy', () => {
	it('has the content of the arguments and none of their objects', () => {
		const args = {
			...{ text: 'x', number: 1, big: 1n, yes: true, none: null, left: undefined },
			where: { AND: [{ id: 'x' }, {}], createdAt: new Date(5) },
			data: { settings: { where: 'x'.repeat(200), list: [1, [{ a: null }]] } },
		};
		const copy = copyArguments(args) as typeof args;
		expect(copy).toStrictEqual(args);
		expect(copy.where).not.toBe(args.where);
		expect(copy.where.AND).not.toBe(args.where.AND);
		expect(copy.where.AND[0]).not.toBe(args.where.AND[0]);
		expect(copy.where.createdAt).not.toBe(args.where.createdAt);
		expect(copy.data.settings.list).not.toBe(args.data.settings.list);
		expect(copyArguments(undefined)).toStrictEqual({});
		expect(copyArguments({})).toStrictEqual({});
	});

	it('is a plain object of the members of an instance, inherited ones included', () => {
		const base = new Instance({ id: 'x' });
		const where = Object.assign(Object.create(base), { name: 'y' });
		expect(copyArguments({ where })).toStrictEqual({ where: { name: 'y', id: 'x' } });
		const plain = Object.create(null, { id: { value: 'x', enumerable: true } });
		expect(copyArguments({ where: plain, data: new Instance({ a: 1 }) })).toStrictEqual({
			...{ where: { id: 'x' }, data: { a: 1 } },
		});
	});

	it('holds the values that Prisma sends as one', () => {
		const reference = {
			...{
				modelName: 'Destination',
				name: 'type',
				typeName: 'String',
				isList: false,
				isEnum: false,
			},
		};
		const values = [
			...[Buffer.from('x'), new Uint8Array(2), new DataView(new ArrayBuffer(1))],
			...[new Prisma.Decimal('1.5'), Prisma.DbNull, Prisma.JsonNull, Prisma.AnyNull],
			Object.assign(Object.create({ _toGraphQLInputType: () => 'x' }), reference),
		];
		for (const value of values) {
			const copy = copyArguments({ take: value, where: { name: { equals: value } } });
			expect(copy.take).toBe(value);
			expect((copy.where as { name: { equals: unknown } }).name.equals).toBe(value);
			expect(refusalOf({ where: { AND: [value] } })).toEqual(
				refused(['where', 'AND', '0'], 'must be an object with members'),
			);
		}
		expect(copyArguments({ take: new Date(5) })).toStrictEqual({ take: new Date(5) });
		expect(refusalOf({ where: new Date() })).toEqual(
			refused(['where'], 'must be an object with members'),
		);
	});

	it('is of the members of what only resembles such a value', () => {
		const decimal = { toFixed: () => '', s: 1, e: 1, d: [1] };
		for (const like of [{ s: 'x' }, { s: undefined }, { e: 'x' }, { d: {} }]) {
			expect(refusalOf({ take: new Instance({ ...decimal, ...like }) })).toEqual(
				refused(['take', 'toFixed'], 'must be a plain value, not a function'),
			);
		}
		const [fixed, members] = [
			{ ...decimal, toFixed: 1 },
			{ modelName: '', name: '', typeName: '', isList: '', isEnum: '' },
		];
		for (const like of [fixed, members]) {
			expect(copyArguments({ take: new Instance(like) })).toStrictEqual({ take: like });
		}
		const marked = { [Symbol.for('prisma.objectEnumValue')]: 'true', a: 1 };
		expect(copyArguments({ take: new Instance(marked) })).toStrictEqual({ take: { a: 1 } });
		const reference = Object.create({ _toGraphQLInputType: () => 'x' });
		expect(refusalOf({ take: Object.assign(reference, { name: 'x', where: 'y' }) })).toEqual(
			refused(['take', '_toGraphQLInputType'], 'must be a plain value, not a function'),
		);
	});

	it('leaves out what Prisma is asked to skip, and nothing that resembles it', () => {
		// As `Prisma.skip` is made, which a client has by a preview feature.
		const skip = new (class {
			ifUndefined() {}
		})();
		expect(copyArguments({ where: { id: skip, name: 'x' }, take: skip })).toStrictEqual({
			where: { name: 'x' },
		});
		const members = new Instance({ ifUndefined: 1, id: 'x' });
		expect(copyArguments({ where: members })).toStrictEqual({ where: { ifUndefined: 1, id: 'x' } });
		const plain = Object.defineProperty({}, 'ifUndefined', { value: 1 });
		expect(copyArguments({ where: plain })).toStrictEqual({ where: {} });
		expect(refusalOf({ where: new (class {})() })).toMatchObject({ path: ['where'] });
	});
});

describe('what is not copied', () => {
	it.each([[null], [5], ['x'], [[]], [() => {}]])('is %p in the place of arguments', (args) => {
		expect(refusalOf(args)).toEqual(refused([], 'must be an object'));
	});

	it.each([[new Date()], [Buffer.from('x')], [new Prisma.Decimal(1)]])(
		'is the value %p',
		(args) => {
			expect(refusalOf(args)).toEqual(refused([], 'must be an object with members'));
		},
	);

	it('is what cannot be read, of which nothing is repeated', () => {
		const args = {
			where: {
				get id() {
					throw new Error('phc_s3cr3t');
				},
			},
		};
		expect(refusalOf(args)).toEqual(
			refused(['where', 'id'], 'could not be read; give plain values'),
		);
	});

	it('is what was refused already, with the reason of that time', () => {
		const first = copyArguments({ where: () => {} });
		expect(copyArguments(first)).toEqual(first);
		expect(copyArguments({ where: {}, ...first })).toEqual(first);
		for (const $refusal of [null, 'x', {}]) {
			expect(refusalOf({ $refusal })).toEqual(
				refused(['$refusal'], 'is a name that arguments cannot have'),
			);
		}
	});

	it('is a function', () => {
		const problem = 'must be a plain value, not a function';
		expect(refusalOf({ where: { toJSON: () => ({}) } })).toEqual(
			refused(['where', 'toJSON'], problem),
		);
		expect(refusalOf({ data: [{ name: () => 'x' }] })).toEqual(
			refused(['data', '0', 'name'], problem),
		);
	});

	it('is a name that makes one of Prisma’s own values of an object, anywhere', () => {
		const problem = 'is a name that arguments cannot have';
		for (const name of ['__proto__', '__prismaRawParameters__', '$type', 'prisma__type']) {
			const object = JSON.parse(`{"${name}": "x"}`);
			expect(refusalOf(object)).toEqual(refused([name], problem));
			expect(refusalOf({ where: { id: object } })).toEqual(refused(['where', 'id', name], problem));
			expect(refusalOf({ data: { settings: object } })).toEqual(refused(['settings'], problem));
		}
	});

	it('is what contains itself', () => {
		const args: Record<string, unknown> = { id: 'x' };
		args.AND = [{ OR: args }];
		const problem = 'must not contain itself';
		expect(refusalOf(args)).toEqual(refused(['AND', '0', 'OR'], problem));
		const list: unknown[] = [];
		list.push(list);
		expect(refusalOf({ OR: list })).toEqual(refused(['OR', '0'], problem));
		const twice = { id: 'x' };
		expect(copyArguments({ AND: twice, OR: [twice, twice] })).toStrictEqual({
			...{ AND: twice, OR: [twice, twice] },
		});
	});

	it('is nested more than 200 levels deep', () => {
		expect(copyArguments(nested(200))).toStrictEqual(nested(200));
		expect(refusalOf(nested(201))).toEqual(
			refused(['a', 'a', 'a', 'a', 'a'], 'must not be nested more than 200 levels deep'),
		);
	});

	it('is a gap in a list', () => {
		const list = new Array(3);
		list[0] = 1;
		const problem = 'must not be left out of a list';
		expect(refusalOf({ in: list })).toEqual(refused(['in', '1'], problem));
		expect(copyArguments({ in: [1, undefined, 2] })).toStrictEqual({ in: [1, undefined, 2] });
	});

	it('has no members, or others than Prisma would read', () => {
		class Sent {
			id = 1;
			toJSON() {
				return {};
			}
		}
		for (const value of [
			...[new Map(), new Set([1]), Promise.resolve(), new Error('x'), new (class {})(), /x/],
			...[Object.assign(new Map(), { id: 1 }), Object.assign(new Error('x'), { id: 1 })],
			...[new Sent(), Object.create(new Sent()), Object.assign(Promise.resolve(), { id: 1 })],
		]) {
			expect(refusalOf({ where: { id: value } })).toEqual(
				refused(['where', 'id'], 'must be a plain object'),
			);
		}
	});

	it('is other than JSON in settings, and is not repeated', () => {
		for (const value of [new Date(), new Instance({ a: 1 }), Buffer.from('x'), new Map()]) {
			for (const settings of [value, { a: { b: [value] } }]) {
				expect(refusalOf({ data: { destinations: { create: [{ settings }] } } })).toEqual(
					refused(['settings'], 'must be plain JSON, not an instance of a class'),
				);
			}
		}
		expect(copyArguments({ data: { destinations: new Instance({ a: 1 }) } })).toStrictEqual({
			data: { destinations: { a: 1 } },
		});
	});
});

describe('a text of more than 100 letters in the place of an object', () => {
	const names = [
		...['select', 'include', 'omit', 'where', 'cursor', 'having', 'orderBy', 'data'],
		...['AND', 'OR', 'NOT', 'some', 'every', 'none', 'is', 'isNot'],
		...['create', 'update', 'upsert', 'createMany', 'updateMany', 'deleteMany', 'delete'],
		...['connect', 'connectOrCreate', 'disconnect'],
		...['_count', '_sum', '_avg', '_min', '_max', 'destinationId_version'],
		...['organization', 'createdByUser', 'updatedByUser'],
		...['destinations', 'createdDestinations', 'updatedDestinations'],
	];

	it.each(names)('is not copied, as %s', (name) => {
		const long = 'x'.repeat(101);
		const problem = 'must be an object, not a long text';
		expect(refusalOf({ [name]: long })).toEqual(refused([name], problem));
		expect(refusalOf({ where: { [name]: [long] } })).toEqual(
			refused(['where', name, '0'], problem),
		);
		const short = { [name]: 'x'.repeat(100) };
		expect(copyArguments(short)).toStrictEqual(short);
		const settings = { data: { settings: { [name]: long } } };
		expect(copyArguments(settings)).toStrictEqual(settings);
	});

	it('is copied where texts belong', () => {
		const args = { where: { name: 'x'.repeat(10_000), id: { in: ['x'.repeat(101)] } } };
		expect(copyArguments(args)).toStrictEqual(args);
	});
});

it('objects that share others are copied up to 100,000 members more than they have', () => {
	const object = Object.fromEntries([...'abcdefghi'].map((name) => [name, 1]));
	for (const shared of [object, Object.values(object)]) {
		// The first is no repetition; each other one counts as ten.
		const args = (times: number) => ({ in: new Array(times).fill(shared) });
		expect(copyArguments(args(10_001)).in).toHaveLength(10_001);
		expect(refusalOf(args(10_002))).toEqual(
			refused(
				['in', '10001'],
				'must not repeat the same objects with more than 100000 members in all',
			),
		);
	}
});
