import { randomUUID } from 'node:crypto';
import {
	ExtendedDatabase,
	errorOf,
	type LooseClient,
	loose,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';

let db: ExtendedDatabase;
let organizationId: string;
let userId: string;
let id: string;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	organizationId = await db.newOrganization();
	userId = await db.newUser();
	({ id } = await db.newDestination({ organizationId, createdBy: userId }));
});

afterAll(() => db.close());

/** Every write that takes settings, with some. None of them may change anything. */
const writes: [
	string,
	'destination' | 'organization' | 'user',
	string,
	(settings: unknown) => object,
][] = [
	['create', 'destination', 'create', (settings) => ({ data: newData(settings) })],
	['createMany', 'destination', 'createMany', (settings) => ({ data: [newData(settings)] })],
	[
		'createManyAndReturn',
		'destination',
		'createManyAndReturn',
		(settings) => ({ data: newData(settings) }),
	],
	['update', 'destination', 'update', (settings) => ({ where: { id }, data: { settings } })],
	[
		'the create of an upsert',
		'destination',
		'upsert',
		(settings) => ({ where: { id: randomUUID() }, create: newData(settings), update: {} }),
	],
	[
		'the update of an upsert',
		'destination',
		'upsert',
		(settings) => ({ where: { id }, create: newData(posthogSettings()), update: { settings } }),
	],
	[
		'a nested create',
		'organization',
		'update',
		(settings) => ofOrganization({ create: nestedData(settings) }),
	],
	[
		'a nested createMany',
		'organization',
		'update',
		(settings) => ofOrganization({ createMany: { data: [nestedData(settings)] } }),
	],
	[
		'a nested update',
		'organization',
		'update',
		(settings) => ofOrganization({ update: { where: { id }, data: { settings } } }),
	],
	[
		'a nested upsert',
		'organization',
		'update',
		(settings) =>
			ofOrganization({
				upsert: { where: { id }, create: nestedData(settings), update: { settings } },
			}),
	],
	[
		'a nested update of a user',
		'user',
		'update',
		(settings) => ({
			where: { id: userId },
			data: { createdDestinations: { update: { where: { id }, data: { settings } } } },
		}),
	],
];

function nestedData(settings: unknown) {
	return { type: 'posthog', name: 'new', environment: 'staging', settings };
}

function newData(settings: unknown) {
	return { ...nestedData(settings), organizationId };
}

function ofOrganization(destinations: object) {
	return { where: { id: organizationId }, data: { destinations } };
}

const secret = 'phc_s3cr3tThatNobodyMaySee';

/** Settings that are fine, but for one member. */
function withMember(name: string, value: unknown): object {
	return Object.defineProperty({ apiKey: secret } as object, name, {
		value,
		enumerable: true,
		configurable: true,
		writable: true,
	});
}

function cyclic(): object {
	const settings: Record<string, unknown> = { apiKey: secret };
	settings.self = settings;
	return settings;
}

function deep(levels: number): object {
	let value: object = { apiKey: secret };
	for (let level = 0; level < levels; level += 1) value = { value };
	return value;
}

const bad: [string, () => unknown][] = [
	['more than 64 KiB', () => ({ apiKey: secret, host: `https://${'a'.repeat(70_000)}.example` })],
	['a key of 70,000 characters', () => ({ apiKey: `phc_${'a'.repeat(70_000)}` })],
	['__proto__ from parsed JSON', () => JSON.parse(`{"apiKey":"${secret}","__proto__":{"x":1}}`)],
	['a lone surrogate', () => ({ apiKey: `${secret}\ud800` })],
	['half a pair, the other way', () => ({ apiKey: secret, host: 'https://\udc00.example' })],
	['U+0000', () => ({ apiKey: `${secret}\u0000` })],
	['itself inside', cyclic],
	['itself in a list', () => withMember('list', [cyclic()])],
	['300 levels', () => deep(300)],
	['100,000 levels', () => deep(100_000)],
	['a bigint', () => withMember('host', 1n)],
	['a date', () => withMember('host', new Date(0))],
	['NaN', () => withMember('enableServerSide', Number.NaN)],
	['a function', () => withMember('host', () => 'https://eu.i.posthog.com')],
	['a symbol', () => withMember('host', Symbol(secret))],
	['a toJSON of its own', () => withMember('toJSON', () => ({ apiKey: secret }))],
	['a map', () => new Map([['apiKey', secret]])],
	['a set', () => new Set([secret])],
	['a promise', () => Promise.resolve({ apiKey: secret })],
	[
		'an instance of a class',
		() =>
			new (class Settings {
				apiKey = secret;
			})(),
	],
	['an error', () => Object.assign(new Error(secret), { apiKey: secret })],
	['a list', () => [{ apiKey: secret }]],
	['a text', () => secret],
	['a regular expression inside', () => withMember('host', /x/)],
	['bytes', () => Buffer.from(secret)],
	[
		'a getter that throws',
		() =>
			Object.defineProperty({}, 'apiKey', {
				enumerable: true,
				get() {
					throw new Error(secret);
				},
			}),
	],
	[
		'a proxy that throws',
		() =>
			new Proxy(
				{},
				{
					ownKeys() {
						throw new Error(secret);
					},
				},
			),
	],
	['another type’s settings', () => ({ pixelId: '1', accessToken: secret })],
	['an envelope', () => ({ v: 1, alg: 'A256GCM', kid: 'x', kc: secret, iv: 'x', ct: 'x' })],
	[
		'an envelope beside settings',
		() => ({ apiKey: secret, v: 1, alg: 'A256GCM', kid: 'x', kc: 'x', iv: 'x', ct: 'x' }),
	],
];

describe.each(writes)('%s', (_, model, operation, makeArguments) => {
	it.each(bad)('refuses settings with %s, before anything is sent', async (__, makeSettings) => {
		const args = makeArguments(makeSettings());
		let error = new Error();
		const statements = await db.statementsOf(async () => {
			error = await errorOf(() => run(db.prisma, model, operation, args));
		});
		expect(error).toMatchObject({ code: 'VALIDATION', issues: expect.any(Array) });
		const issues = (error as { issues?: { path: unknown[] }[] }).issues ?? [];
		for (const { path } of issues) expect(path[0]).toBe('settings');
		expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain('s3cr3t');
		// What settings are sealed to may be looked up before.
		expect(statements.filter((sql) => !sql.startsWith('SELECT'))).toEqual([]);
	});
});

it('settings of the largest size are read back', async () => {
	// Each type limits its own members further; the cap of 64 KiB is one of sealing.
	const settings = { apiKey: `phc_${'a'.repeat(60)}`, host: `https://${'a.'.repeat(120)}example` };
	const made = await db.newDestination({ settings });
	expect(made.settings).toMatchObject(settings);
});

it('what contains itself is refused in every argument', async () => {
	const where: Record<string, unknown> = {};
	where.AND = [where];
	for (const operation of [
		'findMany',
		'findFirst',
		'count',
		'updateMany',
		'deleteMany',
		'delete',
	]) {
		const args = { where, data: {} };
		const error = await errorOf(() => run(db.prisma, 'destination', operation, args));
		expect(error).toMatchObject({ code: 'VALIDATION', issues: [{ path: ['where', 'AND', '0'] }] });
	}
	const reads = db.prisma.destination.withDeleted();
	const error = await errorOf(() =>
		run({ destination: reads }, 'destination', 'findMany', { where }),
	);
	expect(error.code).toBe('VALIDATION');
});

it.each([250, 100_000])('%i levels are refused as what they are', async (levels) => {
	const args = { where: { id }, data: { settings: deep(levels) } };
	const error = await errorOf(() => run(db.prisma, 'destination', 'update', args));
	const message = 'must not be nested more than 200 levels deep';
	expect(error.issues).toEqual([{ path: ['settings'], code: 'not_valid', message }]);
});

it('what contains itself is refused in transactions and by every client that is made of this one', async () => {
	const args = { where: { id }, data: { settings: cyclic() } };
	const later = loose(db.prisma).$extends({ client: { hello: () => 'hello' } });
	const made = later.$extends((client: LooseClient) => client.$extends({ name: 'nothing' }));
	for (const client of [db.prisma, later, made]) {
		const error = await errorOf(() => run(client, 'destination', 'update', args));
		expect(error.code).toBe('VALIDATION');
		const inside = await errorOf(() =>
			loose(client).$transaction((tx: object) => run(tx, 'destination', 'update', args)),
		);
		expect(inside.code).toBe('VALIDATION');
	}
});

it('the same object in two places is no cycle', async () => {
	const settings = posthogSettings();
	const data = [
		{ organizationId: await db.newOrganization(), type: 'posthog', name: 'one', settings },
		{ organizationId: await db.newOrganization(), type: 'posthog', name: 'two', settings },
	];
	expect(await db.prisma.destination.createMany({ data })).toEqual({ count: 2 });
});
