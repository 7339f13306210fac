import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type DestinationsClient, ValidationError } from '../../src/index.ts';
import { Deployment } from './deployment.ts';

let deployment: Deployment;
let db: DestinationsClient;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
});

afterAll(() => deployment.close());

const uuid = randomUUID();

const notUuids: [string, unknown][] = [
	['missing', undefined],
	['null', null],
	['empty', ''],
	['blank', ' '],
	['a word', 'acme'],
	['a number', 1],
	['an object', {}],
	['a list of one', [uuid]],
	['a String object', Object(uuid)],
	['an object that prints as one', { toString: () => uuid, toJSON: () => uuid }],
	['cut short', uuid.slice(1)],
	['too long', `${uuid}0`],
	['without hyphens', uuid.replaceAll('-', '')],
	['in braces', `{${uuid}}`],
	['as a URN', `urn:uuid:${uuid}`],
	['with a space before', ` ${uuid}`],
	['with a line break after', `${uuid}\n`],
	['with a NUL', `${uuid}\0`],
	['with another digit', uuid.replace(/^./, 'g')],
	['with fullwidth digits', uuid.replace(/^./, '１')],
	['SQL', `${uuid}' OR true --`],
	['JSON', `${uuid}","organization_id":"${uuid}`],
	['a wildcard', '%'],
];

describe('a scope is not made', () => {
	test.each(notUuids)('for an organization id that is %s', (_, id) => {
		const make = () => db.forOrganization(id as string);
		expect(make).toThrow(ValidationError);
		expect(make).toThrow(
			expect.objectContaining({
				issues: [{ path: ['organizationId'], code: 'not_valid', message: 'must be a UUID' }],
			}),
		);
	});

	test.each(notUuids.slice(1))('for an actor id that is %s', (_, actorId) => {
		const options = { actorId: actorId as string };
		for (const make of [() => db.forOrganization(uuid, options), () => db.asService(options)]) {
			expect(make).toThrow(ValidationError);
			expect(make).toThrow(
				expect.objectContaining({
					issues: [
						expect.objectContaining({
							path: ['actorId'],
							message: 'must be a UUID',
						}),
					],
				}),
			);
		}
	});

	test('with the value in the message', () => {
		expect(() => db.forOrganization('secret')).toThrow(/^organizationId: must be a UUID$/);
	});
});

test('the id of a scope may be in capitals', async () => {
	const { id, own } = await deployment.newTenant(db);
	const { destinations } = db.forOrganization(id.toUpperCase());
	expect(await destinations.findByOrganization(id)).toMatchObject([{ id: own.id }]);
	expect(await destinations.findByOrganization(id.toUpperCase())).toHaveLength(1);
});

test('nobody acts where no actor is named', async () => {
	const id = await deployment.newOrganization();
	const { destinations } = db.forOrganization(id, { actorId: undefined });
	const made = await destinations.create({
		organizationId: id,
		type: 'console',
		name: 'Console',
		settings: {},
	});
	expect(made).toMatchObject({ createdBy: null, updatedBy: null });
});

test('printing a client tells nothing of the connection or the keys', async () => {
	const { client } = await deployment.newTenant(db);
	const password = new URL(deployment.url).password;
	await client.prisma.$transaction(async (transaction) => {
		for (const value of [
			db,
			client,
			client.prisma,
			client.prisma.destination,
			client.prisma.destination.findMany(),
			client.destinations,
			transaction,
			transaction.destination,
		]) {
			const printed = inspect(value, {
				depth: 12,
				showHidden: true,
				showProxy: true,
				getters: true,
			});
			expect(printed).not.toContain(password);
			expect(printed).not.toContain('2026-11:');
			expect(JSON.stringify(value) ?? '').not.toContain(password);
		}
	});
});

describe('making scopes', () => {
	const many = 10_000;

	test('takes less than 100 µs of the processor each, and no connection', async () => {
		await db.connect();
		const connections = () =>
			deployment.rows<{ count: number }>(
				`SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()`,
			);
		const before = await connections();
		let method: unknown;
		const batches = Array.from({ length: many / 100 }, () => {
			const start = process.hrtime.bigint();
			for (let made = 0; made < 100; made += 1) {
				// The delegates are made when they are first asked for.
				method = db.forOrganization(uuid).prisma.destination.findMany;
			}
			return Number(process.hrtime.bigint() - start) / 1000 / 100;
		});
		expect(typeof method).toBe('function');
		// The fastest, which no other process has interrupted.
		expect(Math.min(...batches)).toBeLessThan(100);
		expect(await connections()).toEqual(before);
	});

	test('gives their memory back, also of those that were used', async () => {
		setFlagsFromString('--expose-gc');
		const collect: () => void = runInNewContext('gc');
		const used = () => {
			collect();
			return process.memoryUsage().heapUsed;
		};
		const make = async (count: number) => {
			for (let made = 0; made < count; made += 1) {
				const { prisma, destinations } = db.forOrganization(randomUUID());
				prisma.destination.findMany();
				if (made % 20 === 0) await destinations.findById(uuid);
			}
		};
		await make(1000);
		const before = used();
		await make(many);
		expect((used() - before) / many).toBeLessThan(100);
	});
});
