import { DatabaseError } from 'pg';
import {
	type DestinationsClient,
	DestinationsError,
	ForbiddenError,
	isDatabaseUnavailable,
	isRetryable,
	RetryError,
	type ScopedClient,
	type ScopedTransaction,
	UnavailableError,
} from '../../src/index.ts';
import { Deployment, type Tenant } from '../tenancy/deployment.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { everyCall, outsideTransactions, unlisted } from './every-call.ts';

// What the database reports has one class for each meaning, by whatever call it was met.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
});

let letGo: () => void = () => {};
const held = new Promise<void>((resolve) => {
	letGo = resolve;
});

afterAll(() => {
	letGo();
	return deployment.close();
});

const errorOf = (work: PromiseLike<unknown>): Promise<unknown> =>
	Promise.resolve(work).then(
		() => undefined,
		(error: unknown) => error,
	);

const subject = () => ({ id: a.own.id, organizationId: a.id });
const calls = Object.entries(everyCall);
const inTransactions = calls.filter(([name]) => !outsideTransactions.has(name));

test('no call is left out', () => {
	expect(unlisted(a.client)).toEqual([]);
});

function expectRetry(error: unknown, code: string): void {
	expect(error).toBeInstanceOf(RetryError);
	expect(error).toMatchObject({ code: 'RETRY', retryable: true });
	expect(codesOf((error as Error).cause)).toContain(code);
	expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([true, false]);
}

describe.each([
	['a lock that is not free in time', 'lock_timeout', '55P03'],
	['a statement that takes too long', 'statement_timeout', '57014'],
])('%s is RETRY', (_name, setting, sqlState) => {
	let hasty: ScopedClient;
	let release: () => Promise<unknown>;

	beforeAll(async () => {
		hasty = deployment.open({ pool: { [setting]: 30 } }).asService({ actorId: a.actorId });
		await hasty.prisma.$queryRaw`SELECT 1`;
		const holder = await deployment.connect();
		await holder.query(
			'BEGIN; LOCK TABLE destinations, destination_audit_log, destination_settings_history',
		);
		release = () => holder.query('ROLLBACK');
	});

	afterAll(() => release());

	test.each(calls)('%s', async (_, call) => {
		expectRetry(await errorOf(call(hasty, subject())), sqlState);
	});

	test.each(inTransactions)('%s, in a transaction', async (_, call) => {
		expectRetry(await errorOf(hasty.transaction((tx) => call(tx, subject()))), sqlState);
	});

	test('from Prisma inside transaction() too, and nowhere else', async () => {
		const byPrisma: ((scope: ScopedTransaction) => PromiseLike<unknown>)[] = [
			({ prisma }) => prisma.destination.findMany(),
			({ prisma }) => prisma.destination.updateMany({ data: { name: 'x' } }),
			({ prisma }) => prisma.$queryRaw`SELECT id FROM destinations`,
			({ prisma }) => prisma.$executeRaw`UPDATE destinations SET name = 'x'`,
		];
		for (const call of byPrisma) {
			expectRetry(await errorOf(hasty.transaction(async (tx) => call(tx))), sqlState);
			const outside = await errorOf(call(hasty));
			expect(outside).not.toBeInstanceOf(DestinationsError);
			expect(codesOf(outside)).toMatch(new RegExp(`^P\\d{4} ${sqlState}$`));
			expect([isRetryable(outside), isDatabaseUnavailable(outside)]).toEqual([true, false]);
		}
	});
});

/** Ways to change a row inside a transaction. */
const roads: Readonly<
	Record<string, (scope: ScopedTransaction, id: string) => PromiseLike<unknown>>
> = {
	'the repository': ({ destinations }, id) =>
		destinations.update(id, { enabled: true, name: newest() }),
	'patched settings': ({ destinations }, id) =>
		destinations.patchSettings(id, { apiKey: newest() }),
	'a deletion': ({ destinations }, id) => destinations.softDelete(id),
	'a model': ({ prisma }, id) =>
		prisma.destination.update({ where: { id }, data: { name: newest() } }),
	'raw SQL': ({ prisma }, id) =>
		prisma.$executeRaw`UPDATE destinations SET name = ${newest()} WHERE id = ${id}::uuid`,
};
let named = 0;
const newest = () => `phc_${++named}`;

describe.each(Object.entries(roads))('in a transaction that changes a row by %s', (_, change) => {
	test('a serialization failure is RETRY', async () => {
		const { client, own } = await deployment.newTenant(db);
		const failed = client.transaction(
			async (tx) => {
				await tx.destinations.findById(own.id);
				await client.destinations.update(own.id, { name: newest() });
				await change(tx, own.id);
			},
			{ isolationLevel: 'RepeatableRead' },
		);
		// What was read is no longer so: of Postgres, or of the version that is compared.
		expectRetry(await errorOf(failed), '40001');
	});

	test('a deadlock is RETRY', async () => {
		const [one, two] = [await deployment.newTenant(db), await deployment.newTenant(db)];
		const other = await deployment.connect();
		// Whoever looks first is the victim.
		await other.query("SET deadlock_timeout = '60s'");
		const service = db.asService();
		const update = 'UPDATE destinations SET description = $2 WHERE id = $1';
		const failed = errorOf(
			service.transaction(async (tx) => {
				await change(tx, one.own.id);
				await other.query('BEGIN');
				await other.query(update, [two.own.id, 'x']);
				const blocked = other.query(update, [one.own.id, 'x']);
				try {
					await change(tx, two.own.id);
				} finally {
					blocked.then(() => other.query('ROLLBACK')).catch(() => {});
				}
			}),
		);
		expectRetry(await failed, '40P01');
	});
});

test('a serialization failure at COMMIT is RETRY', async () => {
	const { client, own } = await deployment.newTenant(db);
	const second = await client.destinations.create({
		organizationId: own.organizationId,
		type: 'console',
		name: 'Second',
		environment: 'staging',
		settings: {},
	});
	const serializable = { isolationLevel: 'Serializable' } as const;
	// Each writes what the other has read, and none waits for the other.
	let bothWrote: () => void = () => {};
	const wrote = new Promise<void>((resolve) => {
		bothWrote = resolve;
	});
	let count = 0;
	const skew = (id: string) =>
		client.transaction(async (tx) => {
			await tx.prisma.destination.findMany();
			await tx.destinations.update(id, { name: newest() });
			count += 1;
			if (count === 2) bothWrote();
			await wrote;
		}, serializable);
	const errors = await Promise.all([errorOf(skew(own.id)), errorOf(skew(second.id))]);
	const failed = errors.filter((error) => error !== undefined);
	expect(failed).toHaveLength(1);
	expect(failed[0]).toBeInstanceOf(RetryError);
	expect(isRetryable((failed[0] as Error).cause)).toBe(true);
});

function expectUnavailable(error: unknown, code: RegExp): void {
	expect(error).toBeInstanceOf(UnavailableError);
	expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
	expect(codesOf((error as Error).cause)).toMatch(code);
	expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([true, true]);
}

describe('a database that cannot be used is UNAVAILABLE', () => {
	// What keeps a session from beginning is tried by test/database/no-session.test.ts.
	describe('no connection is free', () => {
		let scope: ScopedClient;

		beforeAll(async () => {
			const busy = deployment.open({ pool: { max: 1, connectionTimeoutMillis: 200 } });
			// Its only connection is held until all is over. To open it may take longer than to wait for it.
			const hold = (): Promise<void> =>
				new Promise((resolve, reject) => {
					const work = async () => {
						resolve();
						await held;
					};
					const holding = busy.asService().transaction(work, { timeout: 600_000 });
					holding.catch((error: unknown) => {
						// Anything else, such as a client that was closed, would fail for ever.
						if (error instanceof UnavailableError) resolve(hold());
						else reject(error);
					});
				});
			await hold();
			scope = busy.asService();
		});

		test.each(calls)('%s', async (_, call) => {
			expectUnavailable(await errorOf(call(scope, subject())), /^timeout exceeded/);
		});

		test('transaction(), and Prisma with an error of its own', async () => {
			const error = await errorOf(scope.transaction(async () => {}, { maxWait: 500 }));
			expect(error).toBeInstanceOf(UnavailableError);
			const byPrisma = await errorOf(scope.prisma.destination.findMany());
			expect(byPrisma).not.toBeInstanceOf(DestinationsError);
			expect([isRetryable(byPrisma), isDatabaseUnavailable(byPrisma)]).toEqual([true, true]);
		});
	});

	test('it is read-only', async () => {
		const readOnly = deployment.open({ pool: { options: '-c default_transaction_read_only=on' } });
		const scope = readOnly.asService();
		expect(await scope.destinations.findById(a.own.id)).toEqual(a.own);
		for (const name of ['create', 'update', 'patchSettings', 'softDelete', 'purgeDeleted']) {
			expectUnavailable(
				await errorOf(Promise.resolve(everyCall[name]?.(scope, subject()))),
				/^25006$/,
			);
			const inside = scope.transaction(async (tx) => everyCall[name]?.(tx, subject()));
			expectUnavailable(await errorOf(inside), /^25006$/);
		}
	});
});

describe('what the database does not let a scope do is FORBIDDEN', () => {
	let revoked: Deployment;
	let scope: ScopedClient;

	beforeAll(async () => {
		revoked = await Deployment.open();
		scope = revoked.open().asService();
		await revoked.rows('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM service_role');
	});

	afterAll(() => revoked.close());

	test.each(calls)('%s', async (_, call) => {
		const error = await errorOf(call(scope, subject()));
		expect(error).toBeInstanceOf(ForbiddenError);
		expect((error as Error).cause).toBeInstanceOf(DatabaseError);
		expect(codesOf((error as Error).cause)).toBe('42501');
		expect(isRetryable(error)).toBe(false);
	});

	test.each(inTransactions)('%s, in a transaction', async (_, call) => {
		const inside = scope.transaction((tx) => call(tx, subject()));
		expect(await errorOf(inside)).toBeInstanceOf(ForbiddenError);
	});
});
