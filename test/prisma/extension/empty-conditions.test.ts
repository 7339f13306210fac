import { skip } from '@prisma/client/runtime/client';
import fc from 'fast-check';
import { Prisma } from '../../../src/generated/prisma/client.ts';
import { createDestinationsClient } from '../../../src/index.ts';
import { ExtendedDatabase, type LooseClient, loose, run } from '../../support/extended-client.ts';

// What Prisma makes of empty conditions, and of members that say nothing, is its own. A client with the
// extension, or in a scope, must find what bare Prisma finds where no row is deleted, and refuse what it refuses.

/** The live rows and no others. */
let live: ExtendedDatabase;
/** The same rows, and deleted ones that meet other conditions. */
let mixed: ExtendedDatabase;
let service: ReturnType<typeof createDestinationsClient>;
let clients: { [Name in 'live' | 'mixed' | 'scoped']: LooseClient };

const uuid = (kind: number, number: number) =>
	`00000000-0000-4000-800${kind}-${String(number).padStart(12, '0')}`;
const [organizations, users] = [1, 2].map((kind) => [1, 2, 3, 4].map((n) => uuid(kind, n)));

/** Organization, creator, editor, name and whether it is enabled. */
const liveRows: [number, number | null, number | null, string, boolean][] = [
	[1, 1, null, 'a', true],
	[1, 2, 1, 'b', false],
	[2, null, 2, 'a', true],
	[2, 1, 1, 'b', true],
];
/** Some of owners that have live ones too, some of owners that have none. */
const deletedRows: typeof liveRows = [
	[1, 1, 2, 'a', false],
	[2, 2, 3, 'b', false],
	[3, 3, 1, 'a', true],
	[3, 3, null, 'c', false],
];

async function fill(db: ExtendedDatabase, deleted: typeof liveRows): Promise<void> {
	for (const id of organizations ?? []) await db.sql('INSERT INTO organizations VALUES ($1)', [id]);
	for (const id of users ?? []) await db.sql('INSERT INTO users VALUES ($1)', [id]);
	for (const [index, row] of [...liveRows, ...deleted].entries()) {
		const [organization, creator, editor, name, enabled] = row;
		const isDeleted = index >= liveRows.length;
		await db.sql(
			`INSERT INTO destinations
				(id, organization_id, created_by, updated_by, name, enabled, type, environment, deleted_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'console', $7, CASE WHEN $8 THEN now() END)`,
			[
				uuid(3, index),
				uuid(1, organization),
				creator && uuid(2, creator),
				editor && uuid(2, editor),
				name,
				enabled,
				index % 2 === 0 ? 'production' : 'staging',
				isDeleted,
			],
		);
	}
}

beforeAll(async () => {
	[live, mixed] = await Promise.all([ExtendedDatabase.open(), ExtendedDatabase.open()]);
	await fill(live, []);
	await fill(mixed, deletedRows);
	service = createDestinationsClient({
		connectionString: mixed.connectionString,
		keys: mixed.keys,
	});
	clients = {
		live: loose(live.prisma),
		mixed: loose(mixed.prisma),
		scoped: loose(service.asService().prisma),
	};
});

afterAll(async () => {
	await service.close();
	await Promise.all([live.close(), mixed.close()]);
});

type Model = 'destination' | 'organization' | 'user';

const id = { select: { id: true }, orderBy: { id: 'asc' } };

/** A name, and what is run with a filter. */
type Use = readonly [string, Model, string, (where: unknown) => object];

/** Every way to use a filter on a model. */
const uses: Record<Model, readonly [Use, ...Use[]]> = {
	destination: [
		['findMany', 'destination', 'findMany', (where) => ({ where, ...id })],
		['count', 'destination', 'count', (where) => ({ where })],
		['aggregate', 'destination', 'aggregate', (where) => ({ where, _count: true })],
		['groupBy', 'destination', 'groupBy', (where) => ({ where, by: ['id'], orderBy: id.orderBy })],
		['updateMany', 'destination', 'updateMany', (where) => ({ where, data: { name: 'x' } })],
		['deleteMany', 'destination', 'deleteMany', (where) => ({ where })],
		[
			'an included where',
			'organization',
			'findMany',
			(where) => ({ include: { destinations: { where, ...id } }, orderBy: id.orderBy }),
		],
		[
			'a selected where',
			'user',
			'findMany',
			(where) => ({ select: { createdDestinations: { where, ...id } }, orderBy: id.orderBy }),
		],
		[
			'a where of _count',
			'organization',
			'findMany',
			(where) => ({
				select: { _count: { select: { destinations: { where } } } },
				...{ orderBy: id.orderBy },
			}),
		],
		[
			'a nested updateMany',
			'organization',
			'update',
			(where) => ({
				where: { id: uuid(1, 1) },
				data: { destinations: { updateMany: { where, data: { name: 'x' } } } },
				select: { destinations: { select: { name: true }, orderBy: id.orderBy } },
			}),
		],
		[
			'a nested deleteMany',
			'user',
			'update',
			(where) => ({
				where: { id: uuid(2, 1) },
				data: { createdDestinations: { deleteMany: where } },
				select: { createdDestinations: id },
			}),
		],
	],
	organization: [
		['findMany', 'organization', 'findMany', (where) => ({ where, ...id })],
		['count', 'organization', 'count', (where) => ({ where })],
		['deleteMany', 'organization', 'deleteMany', (where) => ({ where })],
	],
	user: [
		['findMany', 'user', 'findMany', (where) => ({ where, ...id })],
		['count', 'user', 'count', (where) => ({ where })],
		['deleteMany', 'user', 'deleteMany', (where) => ({ where })],
	],
};

class Rollback extends Error {}

/** What comes of an operation, which is undone: its result, or that it is refused. */
async function outcome(
	client: LooseClient,
	model: Model,
	operation: string,
	args: object,
): Promise<string> {
	let result = 'refused';
	try {
		if (/find|count|aggregate|groupBy/.test(operation)) {
			return JSON.stringify(await run(client, model, operation, args));
		}
		await client.$transaction(async (tx: object) => {
			result = JSON.stringify(await run(tx, model, operation, args));
			throw new Rollback();
		});
	} catch (error) {
		if (!(error instanceof Rollback)) {
			const known = ['PrismaClientValidationError', 'ValidationError', 'UnsupportedError'];
			if (!known.includes((error as Error).name)) throw error;
		}
	}
	return result;
}

async function expectSame(
	names: readonly (keyof typeof clients)[],
	[, model, operation, make]: Use,
	where: unknown,
): Promise<void> {
	const args = make(where);
	const expected = await outcome(loose(live.base), model, operation, args);
	for (const name of names) {
		expect([name, await outcome(clients[name], model, operation, args)]).toEqual([name, expected]);
	}
}

const empties: [string, unknown][] = [
	['undefined', undefined],
	['{}', {}],
	['[]', []],
	['[{}]', [{}]],
	['[undefined]', [undefined]],
	['{ AND: [] }', { AND: [] }],
	['{ AND: {} }', { AND: {} }],
	['{ OR: [] }', { OR: [] }],
	['{ OR: [{}] }', { OR: [{}] }],
	['{ NOT: {} }', { NOT: {} }],
	['{ NOT: [] }', { NOT: [] }],
	['null', null],
	['[null]', [null]],
	['Prisma.skip', skip],
	['[Prisma.skip]', [skip]],
	['Prisma.DbNull', Prisma.DbNull],
	['a member that is undefined', { name: undefined }],
	['a member that is Prisma.skip', { name: skip }],
	['a null and an undefined member', { deletedAt: null, name: undefined }],
	['deletedAt', { deletedAt: { not: null } }],
	['an OR with an undefined member', { OR: [{ name: undefined }, { name: 'a' }] }],
	['a condition', { name: 'a' }],
];

/** Where the condition stands. */
const places: [string, Model, (condition: unknown) => unknown][] = [
	['the filter', 'destination', (condition) => condition],
	['the filter', 'organization', (condition) => condition],
	...['AND', 'OR', 'NOT'].map((operator): (typeof places)[number] => [
		operator,
		'destination',
		(condition) => ({ [operator]: condition }),
	]),
	['AND beside deletedAt', 'destination', (AND) => ({ deletedAt: null, AND })],
	['a to-one relation', 'destination', (organization) => ({ organization })],
	['a nullable to-one relation', 'destination', (createdByUser) => ({ createdByUser })],
	['is', 'destination', (is) => ({ createdByUser: { is } })],
	['isNot', 'destination', (isNot) => ({ updatedByUser: { isNot } })],
	['a to-many relation', 'organization', (destinations) => ({ destinations })],
	...['some', 'every', 'none'].flatMap((quantifier): typeof places => [
		[quantifier, 'organization', (c) => ({ destinations: { [quantifier]: c } })],
		[`NOT ${quantifier}`, 'user', (c) => ({ NOT: { createdDestinations: { [quantifier]: c } } })],
		[
			`OR of ${quantifier}`,
			'user',
			(c) => ({ OR: [{ createdDestinations: { [quantifier]: c } }, { id: uuid(2, 4) }] }),
		],
		[
			`${quantifier} behind a relation`,
			'destination',
			(c) => ({ createdByUser: { updatedDestinations: { [quantifier]: c } } }),
		],
	]),
];

describe.each(places)('%s of a filter on %s', (_, model, place) => {
	it.each(empties)('with %s finds what bare Prisma finds', async (__, condition) => {
		await expectSame(['live', 'mixed'], uses[model][0], place(condition));
	});
});

const around: Record<Model, (condition: unknown) => unknown> = {
	destination: (condition) => condition,
	organization: (every) => ({ destinations: { every } }),
	user: (every) => ({ NOT: { createdDestinations: { every } } }),
};

describe.each(['destination', 'organization', 'user'] as const)('with a filter on %s', (model) => {
	describe.each(uses[model].map((use) => [use[0], use] as const))('%s', (_, use) => {
		it.each(empties)('with %s does what bare Prisma does', async (__, condition) => {
			await expectSame(['mixed', 'scoped'], use, around[model](condition));
		});
	});
});

/** Any filter: conditions that say something, and those that say nothing, at any depth. */
const { destination, organization, user } = fc.letrec((tie) => {
	const empty = fc.constantFrom(...empties.map(([, value]) => value));
	const one = (name: string) =>
		fc.oneof(
			{ weight: 1, arbitrary: empty },
			{ weight: 3, arbitrary: tie(name) },
			{ weight: 1, arbitrary: fc.record({ is: tie(name) }) },
			{ weight: 1, arbitrary: fc.record({ isNot: tie(name) }) },
		);
	const many = fc.record(
		{ some: tie('destination'), every: tie('destination'), none: tie('destination') },
		{ requiredKeys: [] },
	);
	const combined = (name: string) => {
		const part = fc.oneof({ weight: 1, arbitrary: empty }, { weight: 3, arbitrary: tie(name) });
		return { AND: part, OR: fc.array(tie(name), { maxLength: 2 }), NOT: part };
	};
	const sparse = { requiredKeys: [], noNullPrototype: true };
	const filterOf = (leaf: Record<string, fc.Arbitrary<unknown>>, nested: typeof leaf) =>
		fc.oneof(
			{ depthSize: 'small', withCrossShrink: true },
			fc.record(leaf, sparse),
			fc.record({ ...leaf, ...nested }, sparse),
		);
	const nothing = fc.constantFrom<unknown>(undefined, skip);
	return {
		destination: filterOf(
			{
				name: fc.oneof(nothing, fc.constantFrom('a', 'b', { not: 'a' }, { in: [] }, {})),
				enabled: fc.oneof(nothing, fc.boolean()),
				createdBy: fc.oneof(nothing, fc.constantFrom(null, uuid(2, 1), { not: uuid(2, 1) })),
				deletedAt: fc.oneof(nothing, fc.constantFrom(null, { not: null }, {})),
			},
			{
				organization: one('organization'),
				createdByUser: one('user'),
				updatedByUser: one('user'),
				...combined('destination'),
			},
		),
		organization: filterOf(
			{ id: fc.oneof(nothing, fc.constantFrom(...(organizations ?? []))) },
			{ destinations: many, ...combined('organization') },
		),
		user: filterOf(
			{ id: fc.oneof(nothing, fc.constantFrom(...(users ?? []))) },
			{ createdDestinations: many, updatedDestinations: many, ...combined('user') },
		),
	};
});

it.each([
	['destination', destination],
	['organization', organization],
	['user', user],
] as const)('any filter on a %s finds what bare Prisma finds', async (model, filters) => {
	await fc.assert(
		fc.asyncProperty(filters, fc.nat(), async (where, number) => {
			const use = uses[model][number % uses[model].length];
			await expectSame(['mixed', 'scoped'], uses[model][0], where);
			if (use !== undefined) await expectSame(['mixed', 'scoped'], use, where);
		}),
		{ numRuns: 60, endOnFailure: true },
	);
});
