import { createDestinationsClient } from '../../../src/index.ts';
import { operationNames } from '../../../src/prisma/extension/operations.ts';
import {
	ExtendedDatabase,
	type LooseClient,
	loose,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';
import { operationsWithArguments } from './operations-with-arguments.ts';

let db: ExtendedDatabase;
let service: ReturnType<typeof createDestinationsClient>;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	service = createDestinationsClient({ connectionString: db.connectionString, keys: db.keys });
});

afterAll(async () => {
	await service.close();
	await db.close();
});

function deepFreeze<T>(value: T): T {
	if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
	for (const member of Object.values(value)) deepFreeze(member);
	return Object.freeze(value);
}

/** Rebuilds each object, those inside first. What is inside settings is JSON. */
function rebuilt(
	value: unknown,
	rebuild: (object: object, inSettings: boolean) => object,
	inSettings = false,
): unknown {
	if (typeof value !== 'object' || value === null) return value;
	const members = Object.entries(value).map(([name, member]) => [
		name,
		rebuilt(member, rebuild, inSettings || name === 'settings'),
	]);
	if (Array.isArray(value))
		return rebuild(
			members.map(([, member]) => member),
			inSettings,
		);
	return rebuild(Object.fromEntries(members), inSettings);
}

/** Settings are plain JSON, and an instance without members may be anything. */
function isInstance(object: object, inSettings: boolean): boolean {
	return !inSettings && !Array.isArray(object) && Object.keys(object).length > 0;
}

class Instance {
	constructor(members: object) {
		Object.assign(this, members);
	}
}

/** How often each member was read, of the objects that have getters. */
let reads = new Map<object, Map<string, number>>();

function withGetters(object: object): object {
	const counts = new Map<string, number>();
	const getters = Object.entries(object).map(([name, member]) => {
		counts.set(name, 0);
		const get = () => {
			counts.set(name, (counts.get(name) ?? 0) + 1);
			return member;
		};
		return [name, { get, enumerable: true, configurable: true }];
	});
	const made: object = Object.defineProperties({}, Object.fromEntries(getters));
	reads.set(made, counts);
	return made;
}

/** The same object wherever its content is the same. */
function shared(): (object: object) => object {
	const known = new Map<string, object>();
	return (object) => {
		const text = JSON.stringify(object);
		const first = known.get(text) ?? object;
		known.set(text, first);
		return first;
	};
}

const shapes: [string, (args: object) => unknown][] = [
	['frozen objects', deepFreeze],
	[
		'instances of classes',
		(args) =>
			rebuilt(args, (object, inSettings) =>
				isInstance(object, inSettings) ? new Instance(object) : object,
			),
	],
	[
		'frozen instances of classes',
		(args) =>
			rebuilt(args, (object, inSettings) =>
				Object.freeze(isInstance(object, inSettings) ? new Instance(object) : object),
			),
	],
	[
		'getters',
		(args) => rebuilt(args, (object) => (Array.isArray(object) ? object : withGetters(object))),
	],
	[
		'objects without a prototype',
		(args) =>
			rebuilt(args, (object) =>
				Array.isArray(object) ? object : Object.assign(Object.create(null), object),
			),
	],
	['shared objects', (args) => rebuilt(args, shared())],
];

/** What each object is made of, those behind getters included. No getter is called. */
function madeOf(args: unknown): Map<object, unknown> {
	const made = new Map<object, unknown>();
	const look = (value: unknown) => {
		if (typeof value !== 'object' || value === null || made.has(value)) return;
		const members = Object.getOwnPropertyDescriptors(value);
		const prototype: unknown = Object.getPrototypeOf(value);
		made.set(value, { members, prototype, extensible: Object.isExtensible(value) });
		for (const member of Object.values(members)) look(member.value);
	};
	for (const value of [args, ...reads.keys()]) look(value);
	return made;
}

const roads: [string, () => LooseClient][] = [
	['the extension', () => loose(db.prisma)],
	['a scope', () => loose(service.asService().prisma)],
];

it('the sweep is of every operation', () => {
	for (const model of ['destination', 'organization']) {
		const swept = operationsWithArguments.filter(([of]) => of === model).map(([, name]) => name);
		expect(swept).toEqual(expect.arrayContaining([...operationNames]));
	}
});

describe.each(roads)('%s', (_, road) => {
	describe.each(shapes)('%s', (shape, shaped) => {
		it.each(operationsWithArguments)(
			'%s.%s leaves them as they are',
			async (model, operation, make) => {
				const createdBy = await db.newUser();
				const { id, organizationId } = await db.newDestination({ createdBy });
				const gone = await db.newDeletedDestination({ organizationId, environment: 'staging' });
				reads = new Map();
				const args = shaped(make({ id, organizationId, createdBy, goneId: gone.id }));
				const before = madeOf(args);
				await run(road(), model, operation, args);
				expect(madeOf(args)).toEqual(before);
				const counts = [...reads.values()].flatMap((members) => [...members.values()]);
				expect(new Set(counts)).toEqual(new Set(shape === 'getters' ? [1] : []));
			},
		);
	});
});

it('the arguments of a fluent call and of a batch are left as they are', async () => {
	const { id, organizationId } = await db.newDestination();
	const parent = deepFreeze({ where: { id: organizationId } });
	const child = deepFreeze({ select: { settings: true as const }, where: { OR: [{ id }] } });
	const update = deepFreeze({ where: { id }, data: { settings: posthogSettings() } });
	await db.prisma.$transaction([
		db.prisma.organization.findUnique(parent).destinations(child),
		db.prisma.destination.update(update),
	]);
	expect(child).toEqual({ select: { settings: true }, where: { OR: [{ id }] } });
	expect(Object.keys(update.data.settings)).not.toContain('ct');
});

it('the same arguments can be used again', async () => {
	const { id, organizationId } = await db.newDestination();
	const args = {
		where: { id },
		data: { settings: posthogSettings() },
		include: { organization: true },
	};
	const nestedArgs = {
		where: { id: organizationId },
		data: {
			destinations: { deleteMany: { name: 'x' }, updateMany: { where: {}, data: { name: 'y' } } },
		},
	};
	for (let round = 0; round < 2; round += 1) {
		const updated = await db.prisma.destination.update(args);
		expect(updated.settings).toEqual(args.data.settings);
		await db.prisma.organization.update(nestedArgs);
	}
});
