import { setTimeout } from 'node:timers/promises';
import { contextName } from '../../src/database/scope-steps.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';
import {
	expectClean,
	openSingle,
	type Session,
	type SingleConnection,
} from './single-connection.ts';

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
	// Leaves no prepared statements, so that every test begins alike.
	await expectClean(single, untouched, [a, b]);
});

afterAll(() => deployment.close());

afterEach(() => expectClean(single, untouched, [a, b]));

describe('a transaction that raw SQL ends', () => {
	const ends = [
		'COMMIT',
		'commit',
		'END',
		'ROLLBACK',
		'rollback',
		'ABORT',
		"PREPARE TRANSACTION 'mine'",
	];

	test.each(ends)('is refused every statement from there on: %s', async (sql) => {
		const codes: string[] = [];
		const ended = a.client.transaction(async ({ prisma }) => {
			await prisma.$executeRawUnsafe(sql).catch(() => {});
			// Postgres tells the end of a failed transaction after its error.
			await setTimeout(20);
			for (let attempt = 0; attempt < 2; attempt += 1) {
				codes.push(await refusal(prisma.destination.findMany()));
			}
		});
		expect(await refusal(ended)).toBe('UNSUPPORTED');
		expect(codes).toEqual(['UNSUPPORTED', 'UNSUPPORTED']);
	});

	test.each(['COMMIT', 'COMMIT AND CHAIN'])('keeps what was written before: %s', async (sql) => {
		const { id, client } = await deployment.newTenant(single.db);
		const name = `Kept by ${sql}`;
		const ended = client.transaction(async ({ prisma }) => {
			await prisma.destination.updateMany({ data: { name } });
			await prisma.$executeRawUnsafe(sql);
			throw new Error('too late');
		});
		await expect(ended).rejects.toThrow();
		expect(await client.destinations.findByOrganization(id)).toMatchObject([{ name }]);
	});
});

test('a transaction in which an error was caught does not pretend to be saved', async () => {
	const failed = a.client.transaction(async ({ prisma }) => {
		await prisma.destination.updateMany({ data: { name: 'Not saved' } });
		await prisma.$queryRaw`SELECT 1 / 0`.catch(() => {});
	});
	expect(await refusal(failed)).toBe('UNSUPPORTED');
});

test('a nested transaction may fail in one that goes on', async () => {
	const { client } = await deployment.newTenant(single.db);
	const rows = await client.prisma.$transaction(async (outer) => {
		const failed = outer.$transaction(async (inner) => {
			await inner.destination.updateMany({ data: { name: 'Not saved' } });
			await inner.$executeRaw`SET ROLE service_role`;
			await inner.$queryRaw`SELECT 1 / 0`;
		});
		expect(await refusal(failed)).toBe('P2010 22012');
		await outer.destination.updateMany({ data: { description: 'Saved' } });
		return outer.destination.findMany();
	});
	expect(rows).toMatchObject([{ name: 'EU project', description: 'Saved' }]);
});

test('named statements that raw SQL replaces are not used again in its transaction', async () => {
	const context = `PREPARE ${contextName} (text, text) AS
		SELECT set_config('role', 'service_role', true), set_config('request.jwt.claims', $2, true)`;
	let replaced = 0;
	const rows = await a.client.prisma.$transaction(async (transaction) => {
		await transaction.destination.findMany();
		const names = await transaction.$queryRaw<{ name: string }[]>`
			SELECT name FROM pg_prepared_statements WHERE name <> ${contextName}`;
		await transaction.$executeRaw`DEALLOCATE ALL`;
		await transaction.$executeRawUnsafe(context);
		for (const { name } of names) {
			await transaction.$executeRawUnsafe(`PREPARE ${name} AS SELECT 1`);
			replaced += 1;
		}
		return transaction.destination.findMany();
	});
	expect(rows).toEqual([a.own]);
	expect(replaced).toBeGreaterThan(0);
});

test('times are read right, whatever zone and form raw SQL set before', async () => {
	const times = await a.client.prisma.$transaction(async (transaction) => {
		await transaction.$executeRaw`SET TIME ZONE 'Asia/Tokyo'`;
		return transaction.destination.findMany({ select: { createdAt: true } });
	});
	expect(times).toEqual([{ createdAt: a.own.createdAt }]);
});
