import type { PoolConfig } from 'pg';
import {
	DestinationsError,
	isDatabaseUnavailable,
	isRetryable,
	RetryError,
	type ScopedClient,
	type ScopedTransaction,
	toProblem,
	UnavailableError,
} from '../../src/index.ts';
import { Deployment, type Tenant } from '../tenancy/deployment.ts';
import { codesOf } from '../tenancy/refusal.ts';

// The SQLSTATEs that a caller may meet and is not to blame for, each by what really causes it. What all calls make of codes
// that are raised is tried by one-error.test.ts.

let deployment: Deployment;
let a: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	a = await deployment.newTenant(deployment.open());
	await deployment.rows(`
		CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			PERFORM pg_terminate_backend(pg_backend_pid());
			RETURN NEW;
		END $$`);
});

afterAll(() => deployment.close());

type Write = (scope: ScopedTransaction, name: string) => PromiseLike<unknown>;

/** Both ways to the database. */
const roads: Readonly<Record<'repository' | 'prisma' | 'raw SQL', Write>> = {
	repository: ({ destinations }, name) => destinations.update(a.own.id, { name }),
	prisma: ({ prisma }, name) =>
		prisma.destination.update({ where: { id: a.own.id }, data: { name } }),
	'raw SQL': ({ prisma }, name) =>
		prisma.$executeRaw`UPDATE destinations SET name = ${name} WHERE id = ${a.own.id}::uuid`,
};
let written = 0;
const newName = () => `name ${++written}`;

interface Cause {
	readonly state: string;
	readonly type: typeof RetryError | typeof UnavailableError;
	readonly pool?: PoolConfig;
	/** Lets it happen; returns what ends it. */
	readonly begin?: () => Promise<() => Promise<unknown>>;
	/** Where it happens inside transactions alone, what comes before the write there. */
	readonly inside?: () => Promise<unknown>;
	readonly isolationLevel?: 'RepeatableRead';
	/** Another login than that of the deployment, with which no session may begin. */
	readonly login?: () => Promise<string>;
}

const locked = async () => {
	const holder = await deployment.connect();
	await holder.query('BEGIN; LOCK TABLE destinations IN SHARE ROW EXCLUSIVE MODE');
	return () => holder.query('ROLLBACK');
};
const ended = (when: string) => async () => {
	await deployment.rows(
		`CREATE CONSTRAINT TRIGGER ended AFTER UPDATE ON destinations ${when} FOR EACH ROW EXECUTE FUNCTION end_session()`,
	);
	return () => deployment.rows('DROP TRIGGER ended ON destinations');
};
const pause = () => new Promise((resolve) => setTimeout(resolve, 60));

const causes: Readonly<Record<string, Cause>> = {
	'a server that is read-only': {
		...{ state: '25006', type: UnavailableError },
		pool: { options: '-c default_transaction_read_only=on' },
	},
	'a lock that is not free in time': {
		...{ state: '55P03', type: RetryError, pool: { lock_timeout: 30 }, begin: locked },
	},
	'a statement that takes too long': {
		...{ state: '57014', type: RetryError, pool: { statement_timeout: 30 }, begin: locked },
	},
	'a session that is ended': {
		...{ state: '57P01', type: UnavailableError, begin: ended('') },
	},
	'a session that is ended within COMMIT': {
		...{ state: '57P01', type: UnavailableError, begin: ended('DEFERRABLE INITIALLY DEFERRED') },
	},
	'a transaction that was idle for too long': {
		...{ state: '25P03', type: UnavailableError, inside: pause },
		pool: { idle_in_transaction_session_timeout: 20 },
	},
	'a login without a connection left': {
		...{ state: '53300', type: UnavailableError },
		login: async () => {
			const url = await deployment.newLogin('authenticated');
			await deployment.rows(`ALTER ROLE ${new URL(url).username} CONNECTION LIMIT 0`);
			return url;
		},
	},
	'a row that was changed meanwhile': {
		...{ state: '40001', type: RetryError, isolationLevel: 'RepeatableRead' },
		inside: () =>
			deployment.rows('UPDATE destinations SET name = $2 WHERE id = $1', [a.own.id, newName()]),
	},
};

const errorOf = (work: PromiseLike<unknown>): Promise<unknown> =>
	Promise.resolve(work).then(
		() => 'no error',
		(error: unknown) => error,
	);

describe.each(Object.entries(causes))('%s', (_, cause) => {
	const { state, type, pool, begin, inside, isolationLevel, login } = cause;
	let scope: ScopedClient;
	let end: (() => Promise<unknown>) | undefined;

	beforeAll(async () => {
		const connectionString = await login?.();
		scope = deployment
			.open({ ...(pool && { pool }), ...(connectionString && { connectionString }) })
			.forOrganization(a.id, { actorId: a.actorId });
		// Prisma and a connection are there before anything is limited.
		if (login === undefined) await scope.prisma.destination.count();
		end = await begin?.();
	});

	afterAll(() => end?.());

	function expectTyped(error: unknown): void {
		expect(error).toBeInstanceOf(type);
		expect(codesOf((error as Error).cause)).toContain(state);
		expectAgreed(error);
	}

	function expectAgreed(error: unknown): void {
		expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([
			true,
			type === UnavailableError,
		]);
		expect(toProblem(error)).toMatchObject({ status: 503, retryable: true });
	}

	test.each(Object.entries(roads))('in a transaction, by %s', async (_road, write) => {
		const work = async (tx: ScopedTransaction) => {
			await tx.destinations.findById(a.own.id);
			await inside?.();
			await write(tx, newName());
		};
		const options = { timeout: 20_000, ...(isolationLevel && { isolationLevel }) };
		expectTyped(await errorOf(scope.transaction(work, options)));
		const byPrisma = scope.prisma.$transaction(
			// A view of Prisma's transaction, without the repository.
			async (prisma) => {
				await prisma.destination.count();
				await inside?.();
				await prisma.destination.updateMany({ data: { name: newName() } });
			},
			options,
		);
		const error = await errorOf(byPrisma);
		expect(error).toBeInstanceOf(Error);
		expectAgreed(error);
	});

	if (inside !== undefined) return;

	test.each(Object.entries(roads))('outside transactions, by %s', async (road, write) => {
		const error = await errorOf(write(scope, newName()));
		if (road === 'repository') {
			expectTyped(error);
			return;
		}
		expect(error).not.toBeInstanceOf(DestinationsError);
		expect(codesOf(error)).toContain(state);
		expectAgreed(error);
	});
});
