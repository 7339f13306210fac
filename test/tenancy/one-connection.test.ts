import { setTimeout } from 'node:timers/promises';
import type { ScopedTransaction } from '../../src/index.ts';
import { Deployment, newName, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';
import {
	expectClean,
	openSingle,
	type Session,
	type SingleConnection,
} from './single-connection.ts';

// What goes wrong in one scope on the only connection there is must not reach the next one on it.

let deployment: Deployment;
let single: SingleConnection;
let a: Tenant;
let b: Tenant;
let untouched: Session;

beforeAll(async () => {
	deployment = await Deployment.open();
	single = openSingle(deployment);
	a = await deployment.newTenant(single.db);
	b = await deployment.newTenant(single.db);
	untouched = await single.rest();
});

afterAll(() => deployment.close());

const stranger = '00000000-0000-0000-0000-000000000000';

/** Fails, after it has changed what it can of the session and of rows. */
type Failure = (scope: ScopedTransaction) => PromiseLike<unknown>;

const failures: Record<string, [Failure, code: string]> = {
	'a constraint': [
		({ prisma }) =>
			prisma.destination.create({
				data: {
					organizationId: a.id,
					type: 'posthog',
					name: 'Twice',
					settings: { apiKey: 'phc_x' },
				},
			}),
		'P2002 23505',
	],
	'a CHECK': [
		({ prisma }) => prisma.destination.updateMany({ data: { connectionStatus: 'unheard of' } }),
		'P2039 23514',
	],
	'row level security': [
		({ prisma }) =>
			prisma.destination.create({
				data: { organizationId: b.id, type: 'console', name: 'Forged' },
			}),
		'P2039 42501',
	],
	'a row that is not there': [
		({ prisma }) => prisma.destination.update({ where: { id: stranger }, data: { name: 'x' } }),
		'P2025',
	],
	'the repository': [({ destinations }) => destinations.softDelete(b.own.id), 'NOT_FOUND'],
	'settings that are not valid': [
		({ prisma }) =>
			prisma.destination.update({ where: { id: a.own.id }, data: { settings: { apiKey: '' } } }),
		'VALIDATION',
	],
	'a syntax error': [({ prisma }) => prisma.$executeRaw`SELEC`, 'P2010 42601'],
	'a value that Postgres cannot read': [
		({ prisma }) => prisma.$queryRaw`SELECT ${'x'}::uuid`,
		'P2010 22P02',
	],
	'raw SQL that failed after it changed the session': [
		({ prisma }) =>
			prisma.$queryRaw`SELECT set_config('search_path', 'mine', false), pg_advisory_lock(1)::text,
				set_config('role', 'service_role', false), 1 / (SELECT count(*) FROM destinations WHERE false)`,
		'P2010 22012',
	],
	statement_timeout: [
		({ prisma }) =>
			prisma.$queryRaw`SELECT pg_sleep(600)::text, set_config('statement_timeout', '1', true)`,
		'P2010 57014',
	],
};

describe.each(Object.entries(failures))('after %s', (name, [fail, code]) => {
	const timed = name === 'statement_timeout';
	let client: SingleConnection;
	let before: Session;

	beforeAll(async () => {
		client = timed ? openSingle(deployment, { pool: { statement_timeout: 1500 } }) : single;
		before = timed ? { ...untouched, statement_timeout: '1500ms' } : untouched;
	});

	const scope = () => client.db.forOrganization(a.id, { actorId: a.actorId });
	const tenants = () =>
		[a, b].map((tenant) => ({
			...tenant,
			client: client.db.forOrganization(tenant.id, { actorId: tenant.actorId }),
		}));

	test('alone, the same backend goes on, clean', async () => {
		const pid = await client.pid();
		expect(await refusal(fail(scope()))).toBe(code);
		expect(await client.pid()).toBe(pid);
		await expectClean(client, before, tenants());
	});

	test('in a transaction, which leaves nothing behind', async () => {
		const pid = await client.pid();
		const failed = scope().transaction(async (transaction) => {
			await transaction.prisma.$executeRaw`SET ROLE service_role`;
			await transaction.prisma.$executeRaw`CREATE TEMP TABLE destinations (id int)`;
			await transaction.prisma.destination.updateMany({ data: { name: 'Not saved' } });
			await fail(transaction);
		});
		// A transaction of the package's own says by its own error what may succeed when it is run again.
		expect(await refusal(failed)).toBe(timed ? 'RETRY' : code);
		expect(await client.pid()).toBe(pid);
		await expectClean(client, before, tenants());
	});

	test('in a transaction that catches it, which does not pretend to be saved', async () => {
		const [result] = await Promise.allSettled([
			scope().transaction(async (transaction) => {
				await transaction.prisma.destination.updateMany({ data: { testMode: false } });
				await Promise.resolve(fail(transaction)).catch(() => {});
			}),
		]);
		// What the database did not see fail does not end the transaction.
		const harmless = ['P2025', 'NOT_FOUND', 'VALIDATION'].includes(code);
		expect(result.status).toBe(harmless ? 'fulfilled' : 'rejected');
		await expectClean(client, before, tenants());
	});
});

describe('after a transaction', () => {
	afterEach(() => expectClean(single, untouched, [a, b]));

	test('whose function throws', async () => {
		const pid = await single.pid();
		const failed = a.client.transaction(async ({ prisma, destinations }) => {
			await prisma.$executeRawUnsafe(`SET request.jwt.claims = '{"organization_id": "${b.id}"}'`);
			await destinations.softDelete(a.own.id);
			throw new Error('changed my mind');
		});
		await expect(failed).rejects.toThrow('changed my mind');
		expect(await single.pid()).toBe(pid);
	});

	test('that took too long', async () => {
		const failed = a.client.prisma.$transaction(
			async (transaction) => {
				await transaction.destination.updateMany({ data: { name: 'Not saved' } });
				await setTimeout(200);
				await transaction.destination.findMany();
			},
			{ timeout: 100 },
		);
		expect(await refusal(failed)).toBe('P2028');
	});

	test('that took too long in the middle of a statement', async () => {
		const failed = a.client.prisma.$transaction(
			async (transaction) => {
				await transaction.$executeRaw`SET ROLE service_role`;
				await transaction.$queryRaw`SELECT pg_sleep(0.3)::text`;
				await transaction.destination.findMany();
			},
			{ timeout: 100 },
		);
		expect(await refusal(failed)).toBe('P2028');
	});

	test('that never got the connection', async () => {
		const waiting = () => b.client.prisma.$transaction(async () => {}, { maxWait: 100 });
		const code = await a.client.transaction(async () => refusal(waiting()), { timeout: 60_000 });
		expect(code).toBe('P2028');
	});

	test('whose client is used after it', async () => {
		const escaped = await a.client.transaction(async (transaction) => ({ transaction }));
		const { prisma, destinations } = escaped.transaction;
		await b.client.transaction(async (own) => {
			for (const late of [
				() => prisma.destination.findMany(),
				() => prisma.destination.findUnique({ where: { id: a.own.id } }),
				() => prisma.$queryRaw`SELECT 1`,
			]) {
				expect(await refusal(late())).toBe('P2028');
			}
			expect(await refusal(destinations.findByType('posthog'))).toBe('UNSUPPORTED');
			expect(await refusal(destinations.update(a.own.id, { name: 'Late' }))).toBe('UNSUPPORTED');
			await expect(prisma.$transaction(async () => {})).rejects.toThrow();
			expect(await own.destinations.findByType('posthog')).toEqual([b.own]);
		});
	});

	test('that left a statement running', async () => {
		const left: PromiseLike<unknown>[] = [];
		await a.client.transaction(async ({ prisma }) => {
			left.push(prisma.$queryRaw`SELECT current_user::text, pg_sleep(0.1)::text`);
			left.push(prisma.destination.findMany());
			for (const promise of left) promise.then(null, () => {});
		});
		await Promise.allSettled(left);
	});
});

test('connections are closed after so many uses, or so much time, and the next one is in scope too', async () => {
	const worn = openSingle(deployment, { pool: { maxUses: 2, application_name: newName() } });
	const client = worn.db.forOrganization(a.id);
	for (let use = 0; use < 6; use += 1) {
		expect(await client.prisma.destination.findMany()).toMatchObject([{ id: a.own.id }]);
		expect(await client.prisma.$queryRaw`SELECT current_user::text AS user`).toEqual([
			{ user: 'authenticated' },
		]);
	}
});
