import { randomBytes } from 'node:crypto';
import {
	ExtendedDatabase,
	errorOf,
	loose,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** A query extension that notes the arguments and the result of every operation. */
function recorder() {
	const seen: { operation: string; args: unknown; result: unknown }[] = [];
	const extension = {
		query: {
			$allModels: {
				async $allOperations({ operation, args, query }: Hook) {
					const copy = structuredClone(args);
					const result = await query(args);
					seen.push({ operation, args: copy, result: structuredClone(result) });
					return result;
				},
			},
		},
	};
	return { seen, extension };
}

interface Hook {
	operation: string;
	args: unknown;
	query: (args: unknown) => Promise<unknown>;
}

describe('a query extension', () => {
	it('that was added before sees settings in clear', async () => {
		const { seen, extension } = recorder();
		const prisma = db.extend(loose(db.connectBase()).$extends(extension));
		const { id } = await db.newDestination();
		const settings = posthogSettings();
		await run(prisma, 'destination', 'update', { where: { id }, data: { settings } });
		const update = seen.find(({ operation }) => operation === 'update');
		expect(update).toMatchObject({ args: { data: { settings } }, result: { id, settings } });
	});

	it('that was added later sees what is stored', async () => {
		const { seen, extension } = recorder();
		const prisma = loose(db.prisma).$extends(extension);
		const { id } = await db.newDestination();
		const settings = posthogSettings();
		const updated = await run(prisma, 'destination', 'update', {
			where: { id },
			data: { settings },
		});
		expect(updated).toMatchObject({ id, settings });
		const [update] = seen.filter(({ operation }) => operation === 'update');
		expect(update).toMatchObject({
			args: { where: { id, deletedAt: null }, data: { settings: { ct: expect.any(String) } } },
			result: { id, settings: { ct: expect.any(String) } },
		});
	});

	it('that was added later still runs for what the extension sends as another operation', async () => {
		const { seen, extension } = recorder();
		const prisma = loose(db.prisma).$extends(extension);
		const { id } = await db.newDestination();
		await run(prisma, 'destination', 'delete', { where: { id } });
		await run(prisma, 'destination', 'restore', { where: { id } });
		await run(prisma, 'destination', 'deleteMany', { where: { id } });
		expect(seen.map(({ operation }) => operation)).toEqual(['update', 'update', 'updateMany']);
		await prisma.$transaction(async (tx: object) => {
			await run(tx, 'destination', 'count');
		});
		expect(seen).toHaveLength(4);
	});

	it('can make a batch transaction of each operation', async () => {
		const base = db.connectBase();
		const wrapped = loose(base).$extends({
			query: {
				$allModels: {
					async $allOperations({ args, query }: Hook) {
						const [, result] = (await base.$transaction([
							base.$executeRaw`SELECT 1`,
							query(args) as never,
						])) as unknown[];
						return result;
					},
				},
			},
		});
		const prisma = db.extend(wrapped);
		const { id } = await db.newDestination();
		const settings = posthogSettings();
		await run(prisma, 'destination', 'update', { where: { id }, data: { settings } });
		expect(await run(prisma, 'destination', 'findUnique', { where: { id } })).toMatchObject({
			settings,
		});
		await run(prisma, 'destination', 'delete', { where: { id } });
		expect(await run(prisma, 'destination', 'findUnique', { where: { id } })).toBeNull();
	});
});

describe.each([
	['before', (extension: object) => db.extend(loose(db.connectBase()).$extends(extension))],
	['later', (extension: object) => loose(db.prisma).$extends(extension)],
])('a result extension that was added %s', (_, extend) => {
	const extension = {
		result: {
			destination: {
				host: {
					needs: { settings: true },
					compute: ({ settings }: { settings: { host?: string } }) => settings.host,
				},
				label: {
					needs: { id: true, type: true },
					compute: ({ id, type }: { id: string; type: string }) => `${type} ${id}`,
				},
			},
		},
	};

	it('computes from settings in clear and from what they are bound to', async () => {
		const prisma = extend(extension);
		const { id, organizationId, settings } = await db.newDestination();
		const computed = { host: 'https://eu.i.posthog.com', label: `posthog ${id}` };
		const read = (args: object) =>
			run(prisma, 'destination', 'findUniqueOrThrow', { where: { id }, ...args });
		expect(await read({})).toMatchObject({ settings, ...computed });
		const cases: [object, object][] = [
			[{ select: { host: true } }, { host: computed.host }],
			[{ select: { label: true, settings: true } }, { label: computed.label, settings }],
			[{ select: { host: true, label: true } }, computed],
			[{ select: { name: true } }, { name: 'EU project' }],
		];
		for (const [args, expected] of cases) {
			const row = await read(args);
			expect(JSON.parse(JSON.stringify(row))).toEqual(expected);
			const nested = await run(prisma, 'organization', 'findUnique', {
				where: { id: organizationId },
				select: { destinations: args },
			});
			expect(JSON.parse(JSON.stringify(nested))).toEqual({ destinations: [expected] });
		}
	});

	it('computes from what is omitted', async () => {
		const prisma = extend(extension);
		const { id } = await db.newDestination();
		const omit = { settings: true, id: true, type: true };
		const row = await run(prisma, 'destination', 'findFirst', { where: { id }, omit });
		const plain = JSON.parse(JSON.stringify(row));
		expect(plain).toMatchObject({ host: 'https://eu.i.posthog.com', label: `posthog ${id}` });
		for (const name of Object.keys(omit)) expect(plain).not.toHaveProperty(name);
	});
});

describe('an extension with methods', () => {
	it('has them beside those of the extension, in transactions too', async () => {
		const prisma = db.prisma.$extends({
			model: {
				destination: {
					async named(name: string) {
						return db.prisma.destination.count({ where: { name } });
					},
				},
			},
			client: { hello: () => 'hello' },
		});
		const { id, name } = await db.newDestination({ name: `name of ${Math.random()}` });
		expect(await prisma.destination.named(name)).toBe(1);
		expect(prisma.hello()).toBe('hello');
		await prisma.$transaction(async (tx) => {
			expect(await tx.destination.named(name)).toBe(1);
			await tx.destination.delete({ where: { id } });
			expect(await tx.destination.onlyDeleted().count({ where: { id } })).toBe(1);
		});
		// What such a method takes is its own affair.
		const holder: { self?: object } = {};
		holder.self = holder;
		const odd = loose(db.prisma).$extends({
			model: { destination: { takes: async (value: unknown) => value === holder } },
		});
		expect(await run(odd, 'destination', 'takes', holder)).toBe(true);
	});

	it('can be a function', async () => {
		const prisma = loose(db.prisma).$extends((client: { $extends(extension: object): object }) =>
			client.$extends({ client: { hello: () => 'hello' } }),
		);
		const settings: Record<string, unknown> = posthogSettings();
		settings.self = settings;
		const data = { organizationId: 'x', type: 'posthog', name: 'x', settings };
		const error = await errorOf(() => run(prisma, 'destination', 'create', { data }));
		expect(error.code).toBe('VALIDATION');
		expect(prisma).toHaveProperty('hello');
	});
});

it('two clients on one base keep to their own keys', async () => {
	const base = db.connectBase();
	const [one, two] = [db.extend(base), db.extend(base, `other:${randomBytes(32).toString('hex')}`)];
	const { id, settings } = await db.newDestination();
	expect(await run(one, 'destination', 'findUnique', { where: { id } })).toMatchObject({
		settings,
	});
	const error = await errorOf(() => run(two, 'destination', 'findUnique', { where: { id } }));
	expect(error.code).toBe('UNKNOWN_KEY');
	const next = { settings: posthogSettings() };
	await run(two, 'destination', 'update', { where: { id }, data: next });
	expect((await db.stored(id)).settings).toMatchObject({ kid: 'other' });
	expect((await errorOf(() => run(one, 'destination', 'findUnique', { where: { id } }))).code).toBe(
		'UNKNOWN_KEY',
	);
});

it('the client has the rest of Prisma’s own methods', async () => {
	const prisma = db.extend(db.connectBase()) as unknown as {
		$connect(): Promise<void>;
		$disconnect(): Promise<void>;
		destination: { fields: { name: { name: string } } };
	};
	await prisma.$connect();
	expect(prisma.destination.fields.name.name).toBe('name');
	await prisma.$disconnect();
});
