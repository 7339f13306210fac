import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
	DecryptionFailedError,
	type DestinationsClient,
	EnvelopeKeyProvider,
	type Page,
	type PageOptions,
	redact,
	type ScopedClient,
	settingsError,
	UnknownKeyError,
} from '../../src/index.ts';
import { countingProvider } from '../support/encryption.ts';
import type { ExtendedClient } from '../support/extended-client.ts';
import { posthogSettings, run } from '../support/extended-client.ts';
import { readMethods } from './repository-methods.ts';
import { TroubledDatabase } from './troubles.ts';

const environments = ['production', 'staging', 'development'] as const;
const goodSettings = posthogSettings();

let database: TroubledDatabase;
let provider: EnvelopeKeyProvider;
let client: DestinationsClient;
let own: ExtendedClient;
/** Two organizations, and between them one whose keys were shredded. */
let organizations: [string, string, string];
let shredded: string;

/** A key management service in memory. */
function newProvider(connectionString: string): EnvelopeKeyProvider {
	const masterKey = randomBytes(32);
	return new EnvelopeKeyProvider({
		connectionString,
		cacheSeconds: 0,
		async wrap(plaintextKey) {
			const nonce = randomBytes(12);
			const cipher = createCipheriv('aes-256-gcm', masterKey, nonce);
			const wrapped = Buffer.concat([cipher.update(plaintextKey), cipher.final()]);
			return Buffer.concat([nonce, cipher.getAuthTag(), wrapped]);
		},
		async unwrap(wrapped) {
			const decipher = createDecipheriv('aes-256-gcm', masterKey, wrapped.subarray(0, 12));
			decipher.setAuthTag(wrapped.subarray(12, 28));
			return Buffer.concat([decipher.update(wrapped.subarray(28)), decipher.final()]);
		},
	});
}

beforeAll(async () => {
	database = await TroubledDatabase.open();
	const { db } = database;
	provider = newProvider(db.connectionString);
	client = database.serviceWith(provider);
	own = db.connect(provider);
	organizations = [
		await db.newOrganization(),
		await db.newOrganization(),
		await db.newOrganization(),
	];
	shredded = organizations[1];
	for (const organizationId of organizations) {
		for (const environment of environments) {
			await client.forOrganization(organizationId).destinations.create({
				organizationId,
				environment,
				type: 'posthog',
				name: `of ${organizationId}`,
				settings: goodSettings,
			});
		}
	}
	await provider.shred(shredded);
});

afterAll(async () => {
	await provider.close();
	await database.close();
});

type Row = { settings: unknown };

/** Each way to read many rows, whose settings and codes are those of all that a scope sees. */
const reads: Record<
	string,
	(scope: Pick<ScopedClient, 'destinations' | 'prisma'>) => PromiseLike<Row[]>
> = {
	findByType: ({ destinations }) => destinations.findByType('posthog'),
	'list, to the end': ({ destinations }) => all((options) => destinations.list(options)),
	'list of a type, to the end': ({ destinations }) =>
		all((options) => destinations.list({ ...options, type: 'posthog' })),
	'list, the oldest first, to the end': ({ destinations }) =>
		all((options) => destinations.list({ ...options, order: 'oldest' })),
	findMany: ({ prisma }) => prisma.destination.findMany(),
	'findMany of settings': ({ prisma }) =>
		prisma.destination.findMany({ select: { settings: true } }),
	'findMany of all': ({ prisma }) => prisma.destination.withDeleted().findMany(),
	'organizations with theirs': async ({ prisma }) =>
		(await prisma.organization.findMany({ include: { destinations: true } })).flatMap(
			({ destinations }) => destinations,
		),
	'organizations with settings': async ({ prisma }) =>
		(
			await prisma.organization.findMany({
				select: { destinations: { select: { settings: true } } },
			})
		).flatMap(({ destinations }) => destinations),
};

/** All items, a few at a time. */
async function all<T>(read: (options: PageOptions) => Promise<Page<T>>): Promise<T[]> {
	const items: T[] = [];
	let cursor: string | undefined;
	do {
		const page: Page<T> = await read({ limit: 2, cursor });
		items.push(...page.items);
		cursor = page.nextCursor ?? undefined;
	} while (cursor !== undefined);
	return items;
}

function expectMarked(rows: readonly Row[], count: { good: number; bad: number }): void {
	const bad = rows.filter((row) => settingsError(row) !== undefined);
	const good = rows.filter((row) => settingsError(row) === undefined);
	expect(good.map(({ settings }) => settings)).toEqual(Array(count.good).fill(goodSettings));
	expect(bad).toHaveLength(count.bad);
	for (const row of bad) {
		expect(settingsError(row)).toMatchObject({ code: 'UNKNOWN_KEY', organizationId: shredded });
		expect(() => JSON.stringify(row)).toThrow(UnknownKeyError);
	}
	// Each has its own.
	const ids = bad.map((row) => settingsError(row)?.destinationId);
	expect(new Set(ids).size).toBe(count.bad);
}

test('each way of the repository to read many rows is swept', () => {
	const one = ['findById', 'history', 'diff', 'testSettings', 'count'];
	const many = ['findByOrganization', 'findByType', 'list'];
	expect([...readMethods].sort()).toEqual([...one, ...many].sort());
});

describe.each(Object.entries(reads))('%s', (_, read) => {
	test('the service reads the others, and which rows do not open', async () => {
		const system = client.asService();
		expectMarked(await read(system), { good: 6, bad: 3 });
		await system.transaction(async (tx) => expectMarked(await read(tx), { good: 6, bad: 3 }));
	});

	test('an organization reads its own', async () => {
		const [good] = organizations;
		expectMarked(await read(client.forOrganization(good)), { good: 3, bad: 0 });
		const scope = client.forOrganization(shredded);
		expectMarked(await read(scope), { good: 0, bad: 3 });
		await scope.transaction(async (tx) => expectMarked(await read(tx), { good: 0, bad: 3 }));
	});

	test('an own client reads all', async () => {
		// It has no repository; the reads of Prisma are the same.
		const { destinations } = client.asService();
		const scope = { destinations, prisma: own as unknown as ScopedClient['prisma'] };
		expectMarked(await read(scope), { good: 6, bad: 3 });
	});
});

test('findByOrganization, and the fluent API', async () => {
	for (const scope of [client.asService(), client.forOrganization(shredded)]) {
		const where = { id: shredded };
		for (const rows of [
			await scope.destinations.findByOrganization(shredded),
			await scope.prisma.organization.findUnique({ where }).destinations(),
			await own.organization.findUnique({ where }).destinations(),
		]) {
			expectMarked(rows ?? [], { good: 0, bad: 3 });
		}
	}
});

test('one row by itself is refused, on every road', async () => {
	const [row] = await client.asService().destinations.findByOrganization(shredded);
	const where = { id: row?.id ?? '' };
	const refused = { code: 'UNKNOWN_KEY', destinationId: row?.id, organizationId: shredded };
	for (const { destinations, prisma } of [client.asService(), client.forOrganization(shredded)]) {
		await expect(destinations.findById(where.id)).rejects.toMatchObject(refused);
		for (const on of [prisma, own]) {
			for (const operation of [
				'findUnique',
				'findUniqueOrThrow',
				'findFirst',
				'findFirstOrThrow',
			]) {
				for (const args of [{ where }, { where, select: { settings: true } }]) {
					await expect(run(on, 'destination', operation, args)).rejects.toMatchObject(refused);
				}
			}
			await expect(on.destination.withDeleted().findFirst({ where })).rejects.toMatchObject(
				refused,
			);
		}
	}
});

describe("list({ unopened: 'mark' })", () => {
	test('returns such rows as data, to the end', async () => {
		const { destinations } = client.asService();
		const rows = await all((options) => destinations.list({ ...options, unopened: 'mark' }));
		expect(rows).toHaveLength(9);
		const unopened = rows.filter((row) => row.settings === null);
		expect(unopened).toHaveLength(3);
		for (const row of unopened) {
			expect(row).toMatchObject({ organizationId: shredded, type: 'posthog', enabled: true });
			expect(JSON.parse(JSON.stringify(row))).toMatchObject({
				settings: null,
				settingsError: { code: 'UNKNOWN_KEY', destinationId: row.id, organizationId: shredded },
			});
			expect(settingsError(row)).toBe(row.settingsError);
			expect(redact(row)).toEqual({ ...row, settingsError: 'UNKNOWN_KEY' });
		}
		const opened = rows.filter((row) => row.settings !== null);
		const listed = await all((options) => destinations.list(options));
		expect(opened).toEqual(listed.filter((row) => row.organizationId !== shredded));
	});

	test('is for an organization too, and nothing else is asked for by it', async () => {
		const { destinations } = client.forOrganization(shredded);
		const { items } = await destinations.list({ unopened: 'mark' });
		expect(items.map(({ settings }) => settings)).toEqual([null, null, null]);
		for (const unopened of ['throw', true, null]) {
			await expect(destinations.list({ unopened } as never)).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['unopened'], message: "must be 'mark'" }],
			});
		}
	});
});

test('one altered row costs its organization no other row, nor the page after it', async () => {
	const { db } = database;
	const { id, organizationId } = await db.newDestination();
	for (const environment of ['staging', 'development'])
		await db.newDestination({ organizationId, environment });
	await database.tamper(id);
	const { destinations } = database.serviceWith(db.keys).forOrganization(organizationId);
	const rows = await all((options) => destinations.list(options));
	expect(rows).toHaveLength(3);
	const [bad, ...others] = rows.filter((row) => settingsError(row) !== undefined);
	expect(others).toEqual([]);
	expect(() => bad?.settings).toThrow(DecryptionFailedError);
});

test.each([
	['fails', 'mixpanel', () => Promise.reject(new Error('away'))],
	['does not answer', 'console', () => new Promise<never>(() => {})],
] as const)(
	'a provider that %s is asked once for each key of a page, and has no part in the others',
	async (_, type, failing) => {
		const { db } = database;
		const counting = countingProvider({ cacheSeconds: 0, timeoutSeconds: 0.2 });
		const away = new Set<string>();
		const service = database.serviceWith({
			...counting.provider,
			getKey: (keyId, organizationId) => {
				const key = counting.provider.getKey(keyId, organizationId);
				return away.has(organizationId) ? failing() : key;
			},
		});
		const ids = [
			await db.newOrganization(),
			await db.newOrganization(),
			await db.newOrganization(),
		];
		for (const organizationId of ids) {
			const { destinations } = service.forOrganization(organizationId);
			for (const environment of environments) {
				await destinations.create({
					organizationId,
					environment,
					name: 'asked once',
					...(type === 'console'
						? { type, settings: {} }
						: { type, settings: { projectToken: 'a'.repeat(32) } }),
				});
			}
		}
		away.add(ids[0] ?? '').add(ids[2] ?? '');
		counting.asked.length = 0;
		const { items } = await service.asService().destinations.list({ type, unopened: 'mark' });
		expect(counting.asked.sort()).toEqual(ids.map((id) => `one/${id}`).sort());
		for (const row of items) {
			const expected = away.has(row.organizationId)
				? { code: 'KEY_UNAVAILABLE', destinationId: row.id, organizationId: row.organizationId }
				: undefined;
			expect(settingsError(row)?.toJSON()).toEqual(expected && expect.objectContaining(expected));
		}
		expect(items).toHaveLength(9);
	},
);
