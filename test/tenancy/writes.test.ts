import { randomUUID } from 'node:crypto';
import type { DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { codesOf, refusal } from './refusal.ts';
import { destinationWrites, refusedWrites, type Write } from './writes.ts';

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

/** Everything there is of an organization. */
function everythingOf({ id, actorId }: Tenant) {
	return deployment.rows(
		`SELECT to_jsonb(d) AS row FROM destinations d WHERE organization_id = $1
		 UNION ALL SELECT to_jsonb(l) FROM destination_audit_log l WHERE organization_id = $1
		 UNION ALL SELECT to_jsonb(h) FROM destination_settings_history h WHERE organization_id = $1
		 UNION ALL SELECT to_jsonb(o) FROM organizations o WHERE id = $1
		 UNION ALL SELECT to_jsonb(u) FROM users u WHERE id = $2 ORDER BY row`,
		[id, actorId],
	);
}

/** What a write gives, or the codes of its error. */
async function outcome(work: PromiseLike<unknown>): Promise<unknown> {
	try {
		return await work;
	} catch (error) {
		return codesOf(error);
	}
}

const ways: Record<string, (write: Write, writer: Tenant, target: Tenant) => PromiseLike<unknown>> =
	{
		alone: (write, writer, target) => write(writer.client.prisma, target, writer),
		'in a transaction': (write, writer, target) =>
			writer.client.transaction(async ({ prisma }) => write(prisma, target, writer)),
		'in a batch': (write, writer, target) =>
			writer.client.prisma
				.$transaction([write(writer.client.prisma, target, writer)])
				.then(([result]) => result),
	};

const writes = Object.entries(destinationWrites);

describe.each(Object.entries(ways))('a write %s', (_, run) => {
	test.each(writes)('changes nothing of another organization: %s', async (_, [write, foreign]) => {
		const before = await everythingOf(b);
		expect(await outcome(run(write, a, b))).toEqual(foreign);
		expect(await everythingOf(b)).toEqual(before);
	});

	test.each(writes)('changes the own rows: %s', async (name, [write]) => {
		const own = await deployment.newTenant(db);
		// The kind of what is restored must be free.
		if (name === 'restore') await own.client.destinations.softDelete(own.own.id);
		const before = await everythingOf(own);
		await run(write, own, own);
		// What is connected already stays so.
		if (name !== 'organization.update of the own one, connecting') {
			expect(await everythingOf(own)).not.toEqual(before);
		}
	});
});

test.each(Object.entries(refusedWrites))(
	'refused to every tenant, at its own rows and at others: %s',
	async (_, [write, code]) => {
		const before = [await everythingOf(a), await everythingOf(b)];
		for (const target of [a, b]) {
			expect(await refusal(write(a.client.prisma, target, a))).toBe(code);
		}
		expect([await everythingOf(a), await everythingOf(b)]).toEqual(before);
	},
);

test('a write to everything there is changes the own rows', async () => {
	const before = [await everythingOf(a), await everythingOf(b)];
	const { prisma } = (await deployment.newTenant(db)).client;
	expect(await prisma.destination.updateMany({ data: { enabled: false } })).toEqual({ count: 1 });
	expect(await prisma.$executeRaw`UPDATE destinations SET test_mode = true`).toBe(2);
	expect(await prisma.destination.deleteMany()).toEqual({ count: 1 });
	expect([await everythingOf(a), await everythingOf(b)]).toEqual(before);
});

describe('a write names its actor, and is refused where its data names another user', () => {
	const forged = (author: object) => ({
		...{ organizationId: a.id, type: 'console', environment: 'staging', name: 'Forged' },
		...author,
	});
	const authors: [string, () => object][] = [
		['createdBy', () => ({ createdBy: b.actorId })],
		['updatedBy', () => ({ updatedBy: b.actorId })],
		['a user who does not exist', () => ({ createdBy: randomUUID() })],
	];

	test.each(authors)('%s', async (_, author) => {
		const before = await everythingOf(a);
		const { prisma } = a.client;
		const { createdBy, updatedBy } = author() as { createdBy?: string; updatedBy?: string };
		const data = forged(author()) as never;
		await expect(prisma.destination.create({ data })).rejects.toMatchObject({ code: 'VALIDATION' });
		await expect(prisma.destination.createMany({ data: [data] })).rejects.toMatchObject({
			code: 'VALIDATION',
		});
		// What is no road of this package's, the database refuses.
		const sql = prisma.$executeRaw`INSERT INTO destinations (organization_id, type, name, environment, created_by, updated_by)
			VALUES (${a.id}::uuid, 'console', 'Forged', 'staging', ${createdBy ?? null}::uuid, ${updatedBy ?? null}::uuid)`;
		await expect(sql).rejects.toThrow('are the actor of the claims');
		expect(await everythingOf(a)).toEqual(before);
	});

	test('an update', async () => {
		const before = await everythingOf(a);
		const { prisma } = a.client;
		for (const updatedBy of [b.actorId, null]) {
			const data = { name: 'Forged', updatedBy };
			await expect(prisma.destination.update({ where: { id: a.own.id }, data })).rejects.toThrow();
		}
		expect(await everythingOf(a)).toEqual(before);
	});

	test('the actor may be named, in capitals too', async () => {
		const { client, id, actorId } = await deployment.newTenant(db);
		const data = { ...forged({}), organizationId: id, createdBy: actorId.toUpperCase() };
		const made = await client.prisma.destination.create({ data: data as never });
		expect(made).toMatchObject({ createdBy: actorId, updatedBy: actorId });
	});
});

describe('a row moves to no other organization', () => {
	const moves: Record<string, [Write, string]> = {
		update: [
			({ destination }, { id }, { own }) =>
				destination.update({ where: { id: own.id }, data: { organizationId: id } }),
			'P2039 23514',
		],
		'update, connecting': [
			({ destination }, { id }, { own }) =>
				destination.update({
					where: { id: own.id },
					data: { organization: { connect: { id } } },
				}),
			'P2025',
		],
		updateMany: [
			({ destination }, { id }) => destination.updateMany({ data: { organizationId: id } }),
			'P2039 23514',
		],
		$executeRaw: [
			({ $executeRaw }, { id }) =>
				$executeRaw`UPDATE destinations SET organization_id = ${id}::uuid`,
			'P2010 23514',
		],
	};
	test.each(Object.entries(moves))('by %s', async (_, [move, code]) => {
		const before = [await everythingOf(a), await everythingOf(b)];
		expect(await refusal(move(a.client.prisma, b, a))).toBe(code);
		expect([await everythingOf(a), await everythingOf(b)]).toEqual(before);
	});

	test('by the service neither', async () => {
		const { prisma } = db.asService();
		const move = prisma.destination.update({
			where: { id: a.own.id },
			data: { organizationId: b.id },
		});
		expect(await refusal(move)).toBe('P2039 23514');
	});
});
