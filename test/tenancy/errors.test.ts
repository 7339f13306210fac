import { randomUUID } from 'node:crypto';
import { Prisma } from '../../src/generated/prisma/client.ts';
import {
	AlreadyExistsError,
	type DestinationsClient,
	DestinationsError,
	ForbiddenError,
	NotFoundError,
	ValidationError,
} from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { codesOf, refusal } from './refusal.ts';

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = deployment.open();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

const posthog = (organizationId: string) =>
	({
		organizationId,
		type: 'posthog',
		name: 'Second',
		environment: 'production',
		settings: { apiKey: 'phc_example' },
	}) as const;

describe('the repository gives errors of this package', () => {
	test('nothing is found of another organization, nor of none', async () => {
		const { destinations } = a.client;
		for (const id of [b.own.id, b.gone.id, randomUUID()]) {
			expect(await destinations.findById(id)).toBeNull();
			for (const call of [
				() => destinations.update(id, { name: 'x' }),
				() => destinations.patchSettings(id, { apiKey: 'phc_x' }),
				() => destinations.softDelete(id),
				() => destinations.restore(id),
			]) {
				await expect(call()).rejects.toThrow(NotFoundError);
			}
		}
	});

	test('naming another organization is forbidden', async () => {
		const { destinations } = a.client;
		for (const id of [b.id, randomUUID()]) {
			await expect(destinations.create(posthog(id))).rejects.toThrow(ForbiddenError);
			await expect(destinations.findByOrganization(id)).rejects.toThrow(ForbiddenError);
		}
	});

	test('the service may name every organization, but must name one that is there', async () => {
		const { destinations } = db.asService();
		for (const { id, own } of [a, b]) {
			expect(await destinations.findByOrganization(id)).toMatchObject([{ id: own.id }]);
		}
		await expect(destinations.create(posthog(randomUUID()))).rejects.toThrow(NotFoundError);
	});

	test('an organization that is gone is not found', async () => {
		const id = randomUUID();
		const { destinations } = db.forOrganization(id);
		await expect(destinations.create(posthog(id))).rejects.toThrow(NotFoundError);
		expect(await destinations.findByOrganization(id)).toEqual([]);
	});

	test('a second live destination of a kind is one too many', async () => {
		const { destinations } = a.client;
		await expect(destinations.create(posthog(a.id))).rejects.toThrow(AlreadyExistsError);
		await expect(destinations.restore(a.gone.id)).rejects.toThrow(AlreadyExistsError);
		// Another organization's is none of it.
		expect(await refusal(db.forOrganization(b.id).destinations.create(posthog(b.id)))).toBe(
			'ALREADY_EXISTS',
		);
	});

	test('what is no id is not valid', async () => {
		const { destinations } = a.client;
		for (const id of ['', 'x', `${a.own.id}'`, undefined, null, {}, [a.own.id]] as string[]) {
			for (const call of [
				() => destinations.findById(id),
				() => destinations.findByOrganization(id),
				() => destinations.update(id, { name: 'x' }),
				() => destinations.softDelete(id),
				() => destinations.restore(id),
			]) {
				await expect(call()).rejects.toThrow(ValidationError);
			}
		}
	});

	test('in a transaction as well, which they end', async () => {
		const ended = a.client.transaction(async ({ destinations }) => {
			await destinations.update(a.own.id, { name: 'Not saved' });
			await destinations.update(b.own.id, { name: 'Not saved' });
		});
		await expect(ended).rejects.toThrow(NotFoundError);
		expect(await a.client.destinations.findById(a.own.id)).toEqual(a.own);
	});

	test('with what Postgres said as their cause', async () => {
		const error: unknown = await a.client.destinations.create(posthog(a.id)).then(
			() => undefined,
			(reason: unknown) => reason,
		);
		expect(error).toBeInstanceOf(DestinationsError);
		expect(codesOf((error as Error).cause)).toBe('23505');
	});
});

describe('the Prisma API gives errors of Prisma, with the SQLSTATE', () => {
	const calls: Record<string, [() => PromiseLike<unknown>, string]> = {
		'a row of another organization': [
			() => a.client.prisma.destination.findUniqueOrThrow({ where: { id: b.own.id } }),
			'P2025',
		],
		'a denied row': [
			() =>
				a.client.prisma.destination.create({
					data: { organizationId: b.id, type: 'console', name: 'x' },
				}),
			'P2039 42501',
		],
		'a denied row, by raw SQL': [
			() =>
				a.client.prisma.$executeRaw`INSERT INTO destinations (organization_id, type, name)
					VALUES (${b.id}::uuid, 'console', 'x')`,
			'P2010 42501',
		],
		'a duplicate': [
			() => a.client.prisma.destination.create({ data: posthog(a.id) }),
			'P2002 23505',
		],
		'a CHECK': [
			() => a.client.prisma.destination.updateMany({ data: { name: ' ' } }),
			'P2039 23514',
		],
		'a foreign key': [
			() =>
				db.asService().prisma.destination.create({
					data: { organizationId: randomUUID(), type: 'console', name: 'x' },
				}),
			'P2003 23503',
		],
		'an id that Postgres cannot read': [
			() => a.client.prisma.destination.findUnique({ where: { id: 'x' } }),
			'P2007 22P02',
		],
	};
	test.each(Object.entries(calls))('%s', async (_, [call, codes]) => {
		const error: unknown = await Promise.resolve(call()).catch((reason: unknown) => reason);
		expect(error).toBeInstanceOf(Prisma.PrismaClientKnownRequestError);
		expect(codesOf(error)).toBe(codes);
	});

	test('a unique read without an id is refused, so that it finds no arbitrary row', async () => {
		const { destination } = a.client.prisma;
		for (const where of [{}, { id: undefined }, { organizationId: b.id }, { id: { not: '' } }]) {
			const find = async () => destination.findUnique({ where: where as { id: string } });
			expect(await refusal(find())).toBe('VALIDATION');
		}
	});

	test('a function that throws gives its own error', async () => {
		class Changed extends Error {}
		await expect(
			a.client.transaction(async () => {
				throw new Changed();
			}),
		).rejects.toThrow(Changed);
	});
});
