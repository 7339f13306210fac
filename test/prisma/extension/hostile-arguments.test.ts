import { randomUUID } from 'node:crypto';
import { createDestinationsClient } from '../../../src/index.ts';
import {
	ExtendedDatabase,
	errorOf,
	type LooseClient,
	loose,
} from '../../support/extended-client.ts';

// Whatever an operation is called with, it answers by its promise, at once, and leaves the object alone.

let db: ExtendedDatabase;
let service: ReturnType<typeof createDestinationsClient>;
const roads: Record<string, () => LooseClient> = {
	'the extension': () => loose(db.prisma),
	'a scope': () => loose(service.asService().prisma),
};

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	service = createDestinationsClient({ connectionString: db.connectionString, keys: db.keys });
	// Loads Prisma's compiler.
	for (const road of Object.values(roads)) await road().destination.count?.();
});

afterAll(async () => {
	await service.close();
	await db.close();
});

const reads = [
	...['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'findMany'],
	...['count', 'aggregate', 'groupBy'],
];
const writes = [
	...['create', 'createMany', 'createManyAndReturn', 'update', 'updateMany'],
	...['updateManyAndReturn', 'upsert', 'delete', 'deleteMany'],
];

type Call = (client: LooseClient, args: unknown) => PromiseLike<unknown>;

function callOf(model: 'destination' | 'organization' | 'user', name: string): Call {
	return (client, args) => {
		const promise = client[model][name]?.(args);
		if (promise === undefined) throw new Error(`no ${name}`);
		return promise;
	};
}

/** Every method that takes arguments, by whatever way it is reached. */
const methods: [string, Call][] = [
	...[...reads, ...writes, 'restore', 'purge'].map((name): [string, Call] => [
		name,
		callOf('destination', name),
	]),
	...[...reads, ...writes].map((name): [string, Call] => [
		`${name} of organizations`,
		callOf('organization', name),
	]),
	...['withDeleted', 'onlyDeleted'].flatMap((rows) =>
		reads.map((name): [string, Call] => [
			`${name} ${rows}`,
			(client, args) => {
				// They give methods, although the type says promises.
				const found = client.destination[rows]?.() as unknown as LooseClient['destination'];
				return callOf('destination', name)({ ...client, destination: found }, args);
			},
		]),
	),
	[
		'a fluent call',
		(client, args) => {
			const find = client.organization.findUnique?.({ where: { id: randomUUID() } });
			const fluent = find as unknown as { destinations: (args: unknown) => PromiseLike<unknown> };
			return fluent.destinations(args);
		},
	],
];

const text = 'x'.repeat(4_000_000);

class Thrown extends Error {}

function withGetter(): object {
	return Object.defineProperty({}, 'id', {
		enumerable: true,
		get() {
			throw new Thrown('phc_s3cr3t');
		},
	});
}

function throwingProxy(): object {
	const fail = () => {
		throw new Thrown('phc_s3cr3t');
	};
	return new Proxy({}, { get: fail, has: fail, ownKeys: fail, getOwnPropertyDescriptor: fail });
}

function cyclic(): object {
	const args: Record<string, unknown> = {};
	args.AND = [args];
	return args;
}

/** Few objects, which are more than any memory holds where each place has one of its own. */
function sharedInside(): object {
	let args: object = { id: randomUUID() };
	for (let depth = 0; depth < 60; depth += 1) args = { AND: [args, args], OR: args };
	return args;
}

const hostile: [string, () => unknown][] = [
	['a long text', () => text],
	['a getter that throws', withGetter],
	['a proxy that throws', throwingProxy],
	['itself inside', cyclic],
	['a function', () => () => {}],
	['a map', () => new Map([['id', '1']])],
	['a promise', () => Promise.resolve({})],
	['an error', () => new Error('x')],
	['a sparse list', () => new Array(4_000_000_000)],
	['a date', () => new Date()],
	['bytes', () => Buffer.from('x')],
	[
		'an object that asks to be sent as another',
		() =>
			new (class {
				id = 1;
				toJSON() {
					return {};
				}
			})(),
	],
	['an instance without members', () => new (class {})()],
	['a name of Prisma’s own', () => ({ __prismaRawParameters__: true, values: {} })],
	['a type of Prisma’s own', () => ({ $type: 'Raw', value: {} })],
	['a prototype', () => JSON.parse('{"__proto__": {"id": 1}}')],
];

const made = ([name, make]: (typeof hostile)[number]): [string, unknown] => [name, make()];

const others: [string, unknown][] = [
	['null', null],
	['a number', 5],
	['a short text', 'x'],
	['a list', []],
];

const places = [
	...['where', 'data', 'select', 'include', 'omit', 'orderBy', 'cursor', 'having'],
	...['create', 'update'],
];

async function expectRefusal(where: string[], call: () => PromiseLike<unknown>): Promise<void> {
	const { error, milliseconds } = await refusalOf(call);
	expect([...where, error]).toEqual([...where, expect.objectContaining({ code: 'VALIDATION' })]);
	expect(error.message).not.toContain('s3cr3t');
	expect([...where, milliseconds < 1000]).toEqual([...where, true]);
}

/** Runs a call; gives its error, and how much processor time it took. */
async function refusalOf(call: () => PromiseLike<unknown>) {
	let promise: PromiseLike<unknown> = Promise.resolve();
	const before = process.cpuUsage();
	expect(() => {
		promise = call();
	}).not.toThrow();
	const error = await errorOf(() => promise);
	const { user, system } = process.cpuUsage(before);
	return { error, milliseconds: (user + system) / 1000 };
}

describe.each(Object.keys(roads))('%s', (road) => {
	const client = () => (roads[road] as () => LooseClient)();

	describe.each(methods)('%s', (_, call) => {
		it('refuses whatever is not an object of arguments', async () => {
			for (const [name, value] of [...hostile.map(made), ...others]) {
				await expectRefusal([name], () => call(client(), value));
			}
		});

		it('refuses what cannot be copied, in every argument', async () => {
			for (const argument of places) {
				for (const [name, value] of hostile.map(made)) {
					await expectRefusal([argument, name], () => call(client(), { [argument]: value }));
				}
			}
		});
	});

	it.each(methods)('%s refuses objects that share each other', async (_, call) => {
		const args = sharedInside();
		await expectRefusal([], () => call(client(), { where: args, data: { settings: args } }));
	});

	it('takes one object in many places', async () => {
		const organizationId = await db.newOrganization();
		const settings = { logLevel: 'info', prettyPrint: true };
		const row = { organizationId, type: 'console', name: 'x', settings };
		const id = { not: randomUUID() };
		const found = await client().destination.findMany?.({
			where: { AND: new Array(5000).fill({ id }), OR: [{ id }, { id }] },
			take: 1,
		});
		expect(found).toBeInstanceOf(Array);
		const environments = ['production', 'staging', 'development'];
		await client().destination.createMany?.({
			data: environments.map((environment) => ({ ...row, environment })),
		});
		const rows = await db.prisma.destination.findMany({ where: { organizationId } });
		expect(rows).toHaveLength(3);
		for (const one of rows) expect(one.settings).toMatchObject(settings);
	});

	it.each<[string, string, object]>([
		['select', 'findMany', { select: { organization: { select: text } } }],
		['include', 'findMany', { include: { organization: { include: text } } }],
		['omit', 'findMany', { include: { organization: { omit: text } } }],
		['a selected relation', 'findMany', { select: { organization: text } }],
		['_count', 'findMany', { include: { organization: { select: { _count: text } } } }],
		[
			'the selection of _count',
			'findMany',
			{ include: { organization: { select: { _count: { select: text } } } } },
		],
		['_count of an aggregate', 'aggregate', { _count: text }],
		['_min', 'aggregate', { _min: text }],
		['_max', 'groupBy', { by: ['type'], _max: text }],
		['the select of a count', 'count', { select: text }],
		['AND', 'findMany', { where: { AND: text } }],
		['a list of OR', 'deleteMany', { where: { OR: [text] } }],
		['is', 'count', { where: { createdByUser: { is: text } } }],
		['some', 'count', { where: { organization: { destinations: { some: text } } } }],
		['a filter', 'count', { where: { enabled: text } }],
		['an unknown filter', 'count', { where: { nothing: text } }],
		['an order', 'findMany', { orderBy: { name: text } }],
		['an order by a relation', 'findMany', { orderBy: { organization: text } }],
		['distinct', 'findMany', { distinct: text }],
		['by', 'groupBy', { by: text }],
		['take', 'findMany', { take: text }],
		['limit', 'deleteMany', { limit: text }],
		['an unknown argument', 'findMany', { nothing: text }],
		['a relation', 'update', { where: { id: randomUUID() }, data: { organization: text } }],
		[
			'a nested create',
			'update',
			{ where: { id: randomUUID() }, data: { organization: { create: text } } },
		],
		['settings', 'update', { where: { id: randomUUID() }, data: { settings: text } }],
	])('refuses a long text at once, as %s', async (_, name, args) => {
		const { milliseconds } = await refusalOf(() => callOf('destination', name)(client(), args));
		expect(milliseconds).toBeLessThan(1000);
	});
});
