import { Prisma } from '../../src/generated/prisma/client.ts';
import type { DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';

// Whatever a service gets hold of, by any property, must be in a scope.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

/** Names that lead from one object to another in Prisma Client, its extensions, pg, or JavaScript. */
const names = [
	...[
		'$parent',
		'$extends',
		'$connect',
		'$disconnect',
		'$on',
		'$use',
		'$metrics',
		'$name',
		'$rows',
	],
	...[
		'_originalClient',
		'_appliedParent',
		'_engine',
		'_engineConfig',
		'_requestHandler',
		'_request',
	],
	...['_extensions', '_createItxClient', '_createPrismaPromise', '_runtimeDataModel', '_client'],
	...['_executeRequest', '_transactionWithCallback', '_transactionWithArray', '$queryRawInternal'],
	...['client', 'prisma', 'pool', 'adapter', 'driver', 'connection', 'options', 'config', 'scope'],
	...[
		'context',
		'target',
		'methods',
		'extended',
		'tenants',
		'service',
		'spec',
		'args',
		'name',
		'fields',
	],
	...['destination', 'organization', 'user', 'destinations', 'withDeleted', 'onlyDeleted'],
	...['constructor', '__proto__', 'prototype', 'valueOf', 'toString', '__lookupGetter__', 'caller'],
	...[
		'callee',
		'arguments',
		'bind',
		'call',
		'apply',
		'findMany',
		'findUnique',
		'create',
		'$transaction',
	],
	...['$queryRaw', 'createdByUser', 'requestTransaction', 'then', 'catch', 'finally', 'toJSON'],
	...['cause', 'meta', 'query', 'underlyingDriver', 'errorFormat', 'clientVersion', 'stack'],
];

const ownSymbols = [
	Symbol.toStringTag,
	Symbol.iterator,
	Symbol.for('prisma.client.transaction.scope_context'),
	Symbol.for('nodejs.util.inspect.custom'),
];

/** Whether it can send a statement without a scope: Prisma's client, its engine, pg's pool or client. */
function isUnscoped(value: object): boolean {
	const marks = ['_engine', '_originalClient', '_requestHandler', 'totalCount', 'processID'];
	return marks.some((mark) => {
		const member = (value as Record<string, unknown>)[mark];
		return member !== undefined && member !== null;
	});
}

/** Everything that can be reached from an object by properties, descriptors and prototypes. */
function walk(root: unknown): { path: string; value: object }[] {
	const found: { path: string; value: object }[] = [];
	const seen = new Set<unknown>();
	const queue: { path: string; value: unknown; depth: number }[] = [
		{ path: 'root', value: root, depth: 0 },
	];
	for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
		const { path, value, depth } = next;
		if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue;
		if (seen.has(value)) continue;
		seen.add(value);
		found.push({ path, value });
		// A scoped client is four steps deep; JavaScript's own functions would lead on for ever.
		if (depth === 6) continue;
		const own = Reflect.ownKeys(value);
		for (const key of new Set([...own, ...names, ...ownSymbols])) {
			let member: unknown;
			try {
				member = Reflect.get(value, key);
			} catch {
				continue; // Such as `arguments` of a strict function.
			}
			queue.push({ path: `${path}.${String(key)}`, value: member, depth: depth + 1 });
		}
		queue.push({
			path: `${path}.[[Prototype]]`,
			value: Reflect.getPrototypeOf(value),
			depth: depth + 1,
		});
	}
	return found;
}

function expectNoWayOut(root: unknown): void {
	const found = walk(root);
	expect(found.filter(({ value }) => isUnscoped(value)).map(({ path }) => path)).toEqual([]);
}

test('the walk finds a Prisma client where there is one', () => {
	expect(walk({ a: { $parent: { _engine: {} } } }).some(({ value }) => isUnscoped(value))).toBe(
		true,
	);
});

test('from the database client', () => {
	expectNoWayOut(db);
});

test('from a scoped client', () => {
	expectNoWayOut(a.client);
	expectNoWayOut(db.asService());
});

test('from a model, however it is reached', () => {
	const { destination, organization, user } = a.client.prisma;
	for (const delegate of [
		destination,
		organization,
		user,
		destination.withDeleted(),
		destination.onlyDeleted(),
	]) {
		expectNoWayOut(delegate);
		expect(Reflect.get(delegate, '$parent')).toBeUndefined();
	}
	const context: object = Prisma.getExtensionContext(destination);
	expect(Reflect.get(context, '$parent')).toBeUndefined();
});

test('from what every object inherits', () => {
	const { prisma } = a.client;
	for (const object of [prisma, prisma.destination, prisma.destination.findMany()]) {
		for (const name of Object.getOwnPropertyNames(Object.prototype)) {
			expect(Reflect.get(object, name)).toBeUndefined();
		}
	}
});

test('from a promise and the fluent calls on it', async () => {
	const { destination, organization, $queryRaw } = a.client.prisma;
	const find = () => destination.findUnique({ where: { id: a.own.id } });
	for (const promise of [
		find(),
		find().organization(),
		find().createdByUser().updatedDestinations(),
		organization.findUnique({ where: { id: a.id } }).destinations(),
		destination.withDeleted().findMany(),
		destination.count(),
		$queryRaw`SELECT 1`,
	]) {
		expectNoWayOut(promise);
		expect(Object.prototype.toString.call(promise)).toBe('[object PrismaPromise]');
		expectNoWayOut(await promise);
	}
});

test('from the client of a transaction, and a nested one', async () => {
	const walkTransaction = (transaction: typeof a.client.prisma) => {
		expectNoWayOut(transaction);
		for (const delegate of [
			transaction.destination,
			transaction.organization,
			transaction.destination.withDeleted(),
		]) {
			expectNoWayOut(delegate);
		}
		expectNoWayOut(transaction.destination.findUnique({ where: { id: a.own.id } }).organization());
	};
	await a.client.prisma.$transaction(async (outer) => {
		walkTransaction(outer);
		await outer.$transaction(async (inner) => walkTransaction(inner));
	});
	await a.client.transaction(async (transaction) => {
		expectNoWayOut(transaction);
		walkTransaction(transaction.prisma);
	});
});

test('from the errors', async () => {
	const { prisma, destinations } = a.client;
	for (const work of [
		() => prisma.$queryRaw`SELECT 1 / 0`,
		() => prisma.organization.create({ data: {} }),
		() => prisma.destination.findUniqueOrThrow({ where: { id: a.id } }),
		() => destinations.softDelete(a.id),
		() => prisma.$transaction(async (transaction) => transaction.$executeRaw`COMMIT`),
	]) {
		const error: unknown = await work().then(
			() => undefined,
			(reason: unknown) => reason,
		);
		expect(error).toBeInstanceOf(Error);
		expectNoWayOut(error);
	}
});

test('what is put on a view, as spies are, is that view’s alone and leads nowhere', async () => {
	const organizationId = a.own.organizationId;
	const { prisma } = db.forOrganization(organizationId);
	const stolen = () => Promise.resolve('stolen');
	Reflect.set(prisma, '$queryRaw', stolen);
	Reflect.defineProperty(prisma.destination, 'findMany', { value: stolen, configurable: true });
	Reflect.setPrototypeOf(prisma, { $parent: stolen });
	expect(await prisma.$queryRaw`SELECT 1 AS one`).toBe('stolen');
	expect(await prisma.destination.findMany()).toBe('stolen');
	expect(Reflect.get(prisma, '$parent')).toBeUndefined();
	await prisma.$transaction(async (tx) => {
		expect(await tx.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
		expect(await tx.destination.findMany()).toMatchObject([{ id: a.own.id }]);
	});
	for (const [on, name] of [
		[prisma, '$queryRaw'],
		[prisma.destination, 'findMany'],
	] as const) {
		Reflect.deleteProperty(on, name);
	}
	expect(await prisma.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
	expect(await prisma.destination.findMany()).toMatchObject([{ id: a.own.id }]);
	// Nor does one view's touch another's, of the same organization or of another.
	Reflect.set(prisma.destination, 'findMany', stolen);
	const { prisma: second } = db.forOrganization(organizationId);
	expect(await second.destination.findMany()).toMatchObject([{ id: a.own.id }]);
	const b = await deployment.newTenant(db);
	expect(await b.client.prisma.destination.findMany()).toMatchObject([{ id: b.own.id }]);
});
