import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import {
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsClient,
	purgeExpired,
	rotateKeys,
	type ScopedClient,
	type ScopedTransaction,
	verifySettings,
} from '../../src/index.ts';
import { operationNames } from '../../src/prisma/extension/operations.ts';
import { withClient } from '../../src/testing/databases.ts';
import { everyCall, outsideTransactions, unlisted } from '../repository/every-call.ts';
import { newKeys } from '../support/encryption.ts';
import { modelsByDelegate } from '../support/own-models.ts';
import { type Service, startService } from '../support/service.ts';
import { Exporters } from './exporters.ts';

/** In settings, names and errors: in nothing that comes out. */
const canary = 'phc_Canary0Nobody1May2Read3This';

let exporters: Exporters;
let service: Service;
let db: DestinationsClient;
let system: ScopedClient;
let organizationId: string;
const keys = newKeys();

beforeAll(async () => {
	exporters = new Exporters();
	service = await startService();
	db = createDestinationsClient({
		...service.logins,
		keys,
		onOperation: exporters.onOperation,
	});
	system = db.asService();
	organizationId = await service.createOrganization();
});

afterAll(async () => {
	await db?.close();
	await service?.stop();
	exporters?.stop();
});

async function subject(type: 'posthog' | 'console' = 'posthog') {
	const organizationId = await service.createOrganization();
	const shared = { organizationId, name: `Shop ${canary}`, environment: 'production' as const };
	const made = await system.destinations.create(
		type === 'posthog'
			? { ...shared, type, settings: { apiKey: canary } }
			: { ...shared, type, settings: {} },
	);
	return { id: made.id, organizationId };
}

/** What came out of one call, whether it failed or not. */
async function observe(call: () => unknown) {
	exporters.clear();
	const result = await Promise.resolve()
		.then(call)
		.then(
			(value) => ({ value, failed: false }),
			(error: unknown) => ({ value: error, failed: true }),
		);
	return { ...result, spans: exporters.spans(), reports: [...exporters.reports] };
}

function expectOperation(
	name: string,
	{ failed, spans, reports }: Awaited<ReturnType<typeof observe>>,
): ReadableSpan {
	expect(reports.map((report) => report.name)).toEqual([name]);
	expect(spans.map((span) => span.name)).toEqual([name]);
	const [[report], [span]] = [reports, spans];
	if (report === undefined || span === undefined) throw new Error('nothing was observed');
	expect(report).toEqual({
		...{ name, durationMillis: expect.any(Number), outcome: failed ? 'error' : 'ok' },
		...(failed ? { code: expect.stringMatching(/^\w+$/) } : {}),
		rows: span.attributes['db.response.returned_rows'],
	});
	expect(report.durationMillis).toBeGreaterThan(0);
	expect(span.kind).toBe(SpanKind.CLIENT);
	expect(span.status).toEqual({
		code: failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET,
	});
	expect(span.events).toEqual([]);
	const { port, pathname, hostname } = new URL(service.connectionString);
	expect(span.attributes).toMatchObject({
		'db.system.name': 'postgresql',
		'db.operation.name': name.slice(name.lastIndexOf('.') + 1),
		'db.namespace': pathname.slice(1),
		'server.address': hostname,
		'server.port': Number(port),
		...(failed ? { 'error.type': report.code } : {}),
	});
	return span;
}

const noStatement = new Set(['destinations.testSettings']);

function expectStatement(span: ReadableSpan, prepared: boolean): void {
	if (noStatement.has(span.name)) return;
	const text = String(span.attributes['db.query.text']);
	// The statement itself, and not what sets its scope.
	expect(text).toMatch(/^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|SET|MERGE)\b/i);
	expect(text).not.toMatch(/set_config\('role'|reset role|BEGIN|COMMIT/);
	if (prepared) expect(text).toMatch(/public["]?\.["]?(destination|organizations|users)/);
}

test('every method of the repository and the log stands in the list of calls', () => {
	expect(unlisted(system)).toEqual([]);
});

const calls: typeof everyCall = {
	...everyCall,
	testSettings: ({ destinations }: ScopedTransaction) => destinations.testSettings('console', {}),
};

function nameOf(call: string): string {
	const [method = ''] = call.split(' ');
	return method.includes('.') ? method : `destinations.${method}`;
}

test.each(Object.entries(calls))('%s is one operation, with its statement', async (name, call) => {
	const of = await subject(name.startsWith('testConnection') ? 'console' : 'posthog');
	if (name === 'restore' || name === 'purge') await system.destinations.softDelete(of.id);
	const observed = await observe(() => call(system, of));
	expect(observed.failed).toBe(false);
	const span = expectOperation(nameOf(name), observed);
	expectStatement(span, true);
	expect(span.attributes['db.collection.name']).toBe(
		name.startsWith('audit.') ? 'destination_audit_log' : 'destinations',
	);
});

test.each(Object.entries(calls).filter(([name]) => !outsideTransactions.has(name)))(
	'%s in a transaction is an operation inside that one',
	async (name, call) => {
		const of = await subject();
		if (name === 'restore' || name === 'purge') await system.destinations.softDelete(of.id);
		const { spans, reports } = await observe(() => system.transaction((tx) => call(tx, of)));
		const names = [nameOf(name), 'transaction'];
		expect(reports.map((report) => report.name)).toEqual(names);
		const [inner, outer] = spans;
		expect(spans.map((span) => span.name)).toEqual(names);
		expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
	},
);

test.each(Object.entries(calls).filter(([name]) => !outsideTransactions.has(name)))(
	"%s in a transaction of the service's own is one operation, with its statement",
	async (name, call) => {
		const of = await subject();
		if (name === 'restore' || name === 'purge') await system.destinations.softDelete(of.id);
		await withClient(service.connectionString, async (client) => {
			await client.query('BEGIN');
			const joined = db.asService({ transaction: client });
			const observed = await observe(() => call(joined as ScopedTransaction, of));
			const span = expectOperation(nameOf(name), observed);
			await client.query('ROLLBACK; BEGIN');
			const inOurs = await observe(() =>
				system
					.transaction(async (tx) => {
						await call(tx, of);
						throw new Error('undone');
					})
					.catch(() => {}),
			);
			expect([name, observed.reports[0]?.rows]).toEqual([name, inOurs.reports[0]?.rows]);
			// A connection test of settings waits for a provider, and is refused.
			if (name !== 'testSettings') {
				expect(observed.failed).toBe(false);
				expectStatement(span, true);
			}
			await client.query('ROLLBACK');
		});
	},
);

const delegates = [...modelsByDelegate.keys()].map(String);
const ownMethods = ['restore', 'purge'];
/** Arguments with which each operation of Prisma sends a statement, or is refused. */
const argumentsOf = (id: string): Record<string, unknown> => ({
	count: {},
	findMany: { where: { id } },
	findFirst: { where: { id } },
	findFirstOrThrow: { where: { id } },
	aggregate: { _count: true },
	groupBy: { by: ['id'], where: { id } },
	deleteMany: { where: { id } },
	updateMany: { where: { id }, data: { name: canary } },
	updateManyAndReturn: { where: { id }, data: { name: canary } },
	create: { data: { name: canary } },
	createMany: { data: [{ name: canary }] },
	createManyAndReturn: { data: [{ name: canary }] },
	upsert: { where: { id }, create: { name: canary }, update: { name: canary } },
	update: { where: { id }, data: { name: canary, settings: { apiKey: `${canary}2` } } },
	purge: { where: { id } },
	restore: { where: { id } },
});

const prismaCalls = delegates.flatMap((delegate) =>
	[...operationNames, ...(delegate === 'destination' ? ownMethods : [])].map((operation) => ({
		delegate,
		operation,
	})),
);

type Loose = Record<string, Record<string, (args: unknown) => Promise<unknown>>>;

test.each(prismaCalls)('prisma.$delegate.$operation is one operation', async (call) => {
	const { delegate, operation } = call;
	const { id } = await subject();
	// As a caller without types has it.
	const run = (prisma: unknown) =>
		(prisma as Loose)[delegate]?.[operation]?.(argumentsOf(id)[operation] ?? { where: { id } });
	const alone = await observe(() => run(system.prisma));
	const span = expectOperation(`prisma.${delegate}.${operation}`, alone);
	if (!alone.failed) expectStatement(span, true);
	const inside = await observe(() => system.prisma.$transaction((tx) => Promise.resolve(run(tx))));
	expect(inside.reports.map(({ name }) => name)).toEqual([
		`prisma.${delegate}.${operation}`,
		'prisma.$transaction',
	]);
});

test('new settings by Prisma are one operation that succeeds, also where others changed the row since', async () => {
	const { id } = await subject();
	const settings = (apiKey: string) =>
		system.prisma.destination.update({ where: { id }, data: { settings: { apiKey } } });
	const known = await observe(() => settings(`${canary}2`));
	const [text, ...others] = String(
		expectOperation('prisma.destination.update', known).attributes['db.query.text'],
	).split('; ');
	expect(others).toEqual([]);
	expect(text).toMatch(/^UPDATE "public"\."destinations" SET [^;]+ RETURNING [^;]+$/);
	expect(known.reports).toMatchObject([{ outcome: 'ok', rows: 1 }]);
	await service.admin.query('UPDATE destinations SET name = $1 WHERE id = $2', [canary, id]);
	const changed = await observe(() => settings(`${canary}3`));
	expectOperation('prisma.destination.update', changed);
	// The one that is looked up, and the one that is written.
	expect(changed.reports).toMatchObject([{ outcome: 'ok', rows: 2 }]);
});

test.each(['withDeleted', 'onlyDeleted'] as const)(
	'a read of %s() is an operation of that name',
	async (name) => {
		const { id } = await subject();
		const read = () => system.prisma.destination[name]().findMany({ where: { id } });
		expectStatement(expectOperation(`prisma.destination.${name}`, await observe(read)), true);
	},
);

test('a relation that is followed is one operation', async () => {
	const { id } = await subject();
	const follow = () => system.prisma.destination.findUnique({ where: { id } }).organization();
	expectOperation('prisma.destination.findUnique', await observe(follow));
});

test('raw SQL is an operation, with placeholders in the place of values; a text that may hold values is kept from all', async () => {
	const { prisma } = system;
	const tagged = await observe(() => prisma.$queryRaw`SELECT ${canary}::text AS found`);
	const span = expectOperation('prisma.$queryRaw', tagged);
	expect(span.attributes['db.query.text']).toBe('SELECT $1::text AS found');
	expect(span.attributes['db.response.returned_rows']).toBe(1);
	const executed = await observe(() => prisma.$executeRaw`SELECT ${canary}::text AS found`);
	expectOperation('prisma.$executeRaw', executed);
	for (const method of ['$queryRawUnsafe', '$executeRawUnsafe'] as const) {
		for (const sql of [`SELECT '${canary}' AS found`, `SELEC '${canary}'`]) {
			const unsafe = await observe(() => prisma[method](sql));
			expect(
				expectOperation(`prisma.${method}`, unsafe).attributes['db.query.text'],
			).toBeUndefined();
			const inside = await observe(() => prisma.$transaction((tx) => tx[method](sql)));
			expect(inside.spans.map(({ name }) => name)).toEqual([
				`prisma.${method}`,
				'prisma.$transaction',
			]);
			expect(inside.spans[0]?.attributes['db.query.text']).toBeUndefined();
			const batch = () => prisma.$transaction([prisma.user.count(), prisma[method](sql)]);
			const together = expectOperation('prisma.$transaction', await observe(batch));
			expect(together.attributes['db.query.text']).toBeUndefined();
		}
	}
});

test('a batch of Prisma promises is one operation, and a nested transaction one inside another', async () => {
	const { prisma } = system;
	const batch = () => prisma.$transaction([prisma.destination.count(), prisma.user.count()]);
	expectStatement(expectOperation('prisma.$transaction', await observe(batch)), true);
	const nested = await observe(() =>
		prisma.$transaction((tx) => tx.$transaction((inner) => inner.destination.count())),
	);
	expect(nested.reports.map(({ name }) => name)).toEqual([
		...['prisma.destination.count', 'prisma.$transaction', 'prisma.$transaction'],
	]);
});

test('connect() is an operation of each login', async () => {
	const { reports } = await observe(() => db.connect());
	expect(reports.map(({ name }) => name)).toEqual(['connect', 'connect']);
});

test('a loader polls and reads by operations, and answers from memory without one', async () => {
	await subject();
	exporters.clear();
	await using loader = createDestinationsLoader({
		connectionString: service.logins.loaderConnectionString,
		...{ keys, preload: true, pollIntervalMillis: 3_600_000, maxStalenessMillis: 7_200_000 },
		onOperation: exporters.onOperation,
	});
	await loader.start();
	const namesOf = () => [...new Set(exporters.reports.map(({ name }) => name))].sort();
	expect(namesOf()).toEqual(['loader.poll', 'loader.read']);
	const spans = exporters.spans();
	for (const span of spans) expectStatement(span, true);
	const poll = spans.find(({ name }) => name === 'loader.poll');
	expect(poll?.attributes['db.collection.name']).toBe('destination_audit_log');
	const id = (await subject()).organizationId;
	await loader.resync();
	await loader.findEnabled(id, 'production');
	exporters.clear();
	await loader.findEnabled(id, 'production');
	loader.peek(id, 'production');
	expect([exporters.reports, exporters.spans()]).toEqual([[], []]);
});

test('rotation, verification and a purge are an operation each', async () => {
	const { id } = await subject();
	const connection = { connectionString: service.logins.serviceConnectionString };
	const rotated = `${newKeys('2026-12')},${keys}`;
	const purged = () => purgeExpired({ ...connection, settingsKeep: 1000 });
	for (const [name, run] of Object.entries({
		rotateKeys: () => rotateKeys({ ...connection, keys: rotated }),
		verifySettings: () => verifySettings({ ...connection, keys: rotated }),
		purgeExpired: purged,
	})) {
		const { spans, value } = await observe(run);
		expect(value).toMatchObject({ failed: 0 });
		expect(spans.map((span) => span.name)).toEqual([name]);
		for (const span of spans) expectStatement(span, true);
	}
	// Nothing else in this file has the new key.
	await rotateKeys({ ...connection, keys: `${keys},${rotated.split(',')[0]}` });
	expect(await system.destinations.findById(id)).toMatchObject({ settings: { apiKey: canary } });
});

describe('a call that fails', () => {
	test.each([
		[
			'VALIDATION',
			'destinations.create',
			() => system.destinations.create({ organizationId, type: canary } as never),
		],
		[
			'NOT_FOUND',
			'destinations.update',
			() => system.destinations.update(organizationId, { name: canary }),
		],
		[
			'FORBIDDEN',
			'destinations.purge',
			() => db.forOrganization(organizationId).destinations.purge(organizationId),
		],
		['P2010', 'prisma.$queryRaw', () => system.prisma.$queryRaw`SELECT ${canary}::int`],
		[
			'PrismaClientValidationError',
			'prisma.user.findMany',
			() => system.prisma.user.findMany({ where: { [canary]: canary } } as never),
		],
		[
			'_OTHER',
			'transaction',
			() =>
				system.transaction(() =>
					Promise.reject(Object.assign(new Error(canary), { code: canary, name: canary })),
				),
		],
		[
			'_OTHER',
			'transaction',
			() =>
				system.transaction(() => {
					throw canary;
				}),
		],
		['_OTHER', 'transaction', () => system.transaction(() => Promise.reject(undefined))],
	])('tells the class of its error: %s of %s', async (code, name, call) => {
		const observed = await observe(call);
		expect(observed.reports).toMatchObject([{ name, outcome: 'error', code }]);
		expect(expectOperation(name, observed).attributes['error.type']).toBe(code);
	});

	test("of a refused statement has Postgres's SQLSTATE too", async () => {
		const { id, organizationId } = await subject();
		const twice = {
			...{
				organizationId,
				type: 'posthog' as const,
				name: canary,
				environment: 'production' as const,
			},
			settings: { apiKey: canary },
		};
		const observed = await observe(() => system.destinations.create(twice));
		const { attributes } = expectOperation('destinations.create', observed);
		expect(attributes).toMatchObject({
			'error.type': 'ALREADY_EXISTS',
			'db.response.status_code': '23505',
		});
		expect(id).toBeDefined();
	});
});

test('spans are inside the span that is active, and operations of one tick are told apart', async () => {
	const of = await subject();
	exporters.clear();
	const tracer = trace.getTracer('a service');
	await tracer.startActiveSpan('request', async (request) => {
		await Promise.all([
			system.destinations.findById(of.id),
			system.prisma.destination.findMany({ where: { id: of.id } }),
			system.audit.list({ limit: 1 }),
		]);
		request.end();
	});
	const spans = exporters.spans();
	const request = spans.find(({ name }) => name === 'request');
	const others = spans.filter((span) => span !== request);
	expect(others.map(({ name }) => name).sort()).toEqual([
		...['audit.list', 'destinations.findById', 'prisma.destination.findMany'],
	]);
	for (const { name, attributes, parentSpanContext } of others) {
		expect(parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
		const table = name === 'audit.list' ? 'destination_audit_log' : 'destinations';
		expect(attributes['db.query.text']).toMatch(new RegExp(`\\b${table}\\b`));
	}
});

test('what onOperation throws, at once or later, reaches nobody', async () => {
	const of = await subject();
	const rejected: unknown[] = [];
	const note = (reason: unknown) => rejected.push(reason);
	process.on('unhandledRejection', note);
	const hooks = [
		() => {
			throw new Error(canary);
		},
		async () => {
			throw new Error(canary);
		},
	];
	for (const onOperation of hooks) {
		await using other = createDestinationsClient({ ...service.logins, keys, onOperation });
		const { destinations } = other.asService();
		expect(await destinations.findById(of.id)).toMatchObject({ id: of.id });
		await expect(destinations.findById('no id')).rejects.toMatchObject({ code: 'VALIDATION' });
	}
	await new Promise((resolve) => setTimeout(resolve, 20));
	process.off('unhandledRejection', note);
	expect(rejected).toEqual([]);
});

test('an export that is left early is over, and told as one that returned', async () => {
	const left = async () => {
		for await (const _ of system.audit.export()) break;
	};
	const observed = await observe(left);
	expectOperation('audit.export', observed);
	expect(observed.reports).toMatchObject([{ outcome: 'ok' }]);
});

test('durations and connections are metrics by the conventions', async () => {
	await system.destinations.count();
	const all = await exporters.metrics();
	const durations = all.get('db.client.operation.duration');
	expect(durations?.descriptor).toMatchObject({ unit: 's', type: 'HISTOGRAM' });
	expect(durations?.dataPoints.map(({ attributes }) => attributes)).toContainEqual(
		expect.objectContaining({
			...{ 'db.operation.name': 'count', 'db.collection.name': 'destinations' },
			'db.system.name': 'postgresql',
		}),
	);
	for (const { attributes } of durations?.dataPoints ?? []) {
		expect(attributes['db.query.text']).toBeUndefined();
	}
	const stats = db.stats();
	const { host } = new URL(service.connectionString);
	const points = all.get('db.client.connection.count')?.dataPoints ?? [];
	const database = new URL(service.connectionString).pathname;
	for (const login of ['tenants', 'service'] as const) {
		const ofPool = points.filter(
			({ attributes }) =>
				attributes['db.client.connection.pool.name'] === `${host}${database} (${login})`,
		);
		const inState = (state: string) =>
			ofPool.find(({ attributes }) => attributes['db.client.connection.state'] === state)?.value;
		expect(inState('idle')).toBe(stats[login].idle);
		expect(inState('used')).toBe(stats[login].total - stats[login].idle);
	}
	expect(all.get('db.client.connection.pending_requests')?.dataPoints.length).toBeGreaterThan(1);
	expect(all.get('db.client.connection.max')?.dataPoints[0]?.value).toBe(10);
});

test('a client that is closed is observed no more', async () => {
	const pools = async () =>
		(await exporters.metrics()).get('db.client.connection.max')?.dataPoints.length ?? 0;
	const before = await pools();
	const other = createDestinationsClient({ ...service.logins, keys, pool: { max: 3 } });
	await other.close();
	expect(await pools()).toBe(before);
});

test('the pool of a replica is observed as one', async () => {
	const { connectionString } = service.logins;
	await using other = createDestinationsClient({
		...{
			...service.logins,
			keys,
			replicas: [connectionString, connectionString],
			pool: { max: 3 },
		},
	});
	await other.forOrganization(organizationId).destinations.count();
	const points = (await exporters.metrics()).get('db.client.connection.max')?.dataPoints ?? [];
	const names = points.map(({ attributes }) => attributes['db.client.connection.pool.name']);
	expect(names.filter((name) => String(name).endsWith(' (replica)'))).toHaveLength(1);
	expect(other.stats().replicas).toHaveLength(2);
});

test('stats() counts the connections of both logins, and who waits for one', async () => {
	await using other = createDestinationsClient({ ...service.logins, keys, pool: { max: 1 } });
	const none = { total: 0, idle: 0, waiting: 0 };
	expect(other.stats()).toEqual({
		...none,
		tenants: none,
		service: none,
		replicas: [],
		shards: [],
	});
	const tenant = other.forOrganization(organizationId);
	await tenant.transaction(async () => {
		const second = tenant.destinations.count();
		const system = other.asService();
		await system.destinations.count();
		expect(other.stats()).toEqual({
			...{ total: 2, idle: 1, waiting: 1 },
			tenants: { total: 1, idle: 0, waiting: 1 },
			service: { total: 1, idle: 1, waiting: 0 },
			replicas: [],
			shards: [],
		});
		void second;
	});
	await using single = createDestinationsClient({
		...{ connectionString: service.connectionString, keys },
	});
	await single.forOrganization(organizationId).destinations.count();
	const one = { total: 1, idle: 1, waiting: 0 };
	expect(single.stats()).toEqual({
		...one,
		tenants: one,
		service: one,
		replicas: [],
		shards: [],
	});
});

test('no secret, no name and no password is in anything that came out', async () => {
	await exporters.metrics();
	exporters.clear();
	const everything = exporters.everything.join('\n');
	expect(everything).toContain('destinations.create');
	expect(everything).toContain('INSERT INTO public.destinations');
	expect(everything).toContain('db.client.operation.duration');
	const secrets = [canary, keys.split(':')[1] ?? ''];
	for (const url of Object.values(service.logins)) secrets.push(new URL(url).password);
	expect(secrets.filter((secret) => secret === '' || everything.includes(secret))).toEqual([]);
	expect(everything.includes(organizationId)).toBe(false);
});
