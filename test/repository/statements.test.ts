import { inspect } from 'node:util';
import { Client, DatabaseError } from 'pg';
import { posthog, posthogKey } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
const organizationLike = '0193a1b2-0000-7000-8000-000000000001';
const queryOf = Client.prototype.query as (...args: unknown[]) => unknown;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

async function tenant(actorId?: string) {
	const organizationId = await service.createOrganization();
	const client = service.db.forOrganization(organizationId, actorId ? { actorId } : {});
	const made = await client.destinations.create(posthog(organizationId));
	return { organizationId, made, ...client };
}

test('the repository gives what Prisma gives, whatever is in the columns', async () => {
	const { destinations, prisma, made, organizationId } = await tenant(await service.createUser());
	expect(await prisma.destination.findUnique({ where: { id: made.id } })).toEqual(made);
	await service.admin.query(
		`UPDATE destinations SET description = '{"a": "\\b\n''"}', required_consent = '{measurement,marketing}',
		 last_tested_at = '2026-01-02 03:04:05.678901+02', last_error = '', connection_status = 'failed',
		 test_mode = true, enabled = false WHERE id = $1`,
		[made.id],
	);
	const expected = await prisma.destination.findUnique({ where: { id: made.id } });
	expect(await destinations.findById(made.id)).toEqual(expected);
	expect(await destinations.findByOrganization(organizationId)).toEqual([expected]);
	expect((await destinations.list()).items).toEqual([expected]);
	expect(await destinations.update(made.id, {})).toEqual(expected);
	expect(await destinations.update(made.id, { name: 'Shop' })).toEqual(
		await prisma.destination.findUnique({ where: { id: made.id } }),
	);
	expect(expected?.lastTestedAt).toEqual(new Date('2026-01-02T01:04:05.678Z'));
});

test('text is text: what would be SQL or JSON in it comes back as it was given', async () => {
	const { destinations, made } = await tenant();
	const name = `'); DROP TABLE destinations; -- {"$1": "\\"}`;
	expect(await destinations.update(made.id, { name, description: name })).toMatchObject({
		name,
		description: name,
	});
	expect(await destinations.findById(made.id)).toMatchObject({ name, description: name });
});

test('a filter of a caller without types is text or refused, and no other field is one', async () => {
	const { destinations, made } = await tenant();
	for (const wrong of [null, 5, 5n, {}, { not: '' }, ['posthog'], true] as never[]) {
		for (const call of [
			() => destinations.findByType(wrong),
			() => destinations.findByType('posthog', wrong),
			() => destinations.list({ type: wrong }),
			() => destinations.list({ environment: wrong }),
		]) {
			await expect(call()).rejects.toMatchObject({ code: 'VALIDATION' });
		}
	}
	await expect(destinations.findByType(undefined as never)).rejects.toMatchObject({
		code: 'VALIDATION',
	});
	const more = { settings: 'x', version: 7, id: organizationLike, '1 = 1 OR id': 'x' };
	for (const [name, value] of Object.entries(more)) {
		const call = destinations.list({ [name]: value });
		await expect(call).rejects.toMatchObject({ code: 'VALIDATION' });
	}
	expect((await destinations.list()).items).toEqual([made]);
});

describe('in a transaction', () => {
	test('the statements of the repository and of Prisma go one by one', async () => {
		const { transaction, made } = await tenant();
		// pg will refuse a query that is sent while another is under way; for now it queues it, and warns.
		const query = jest.spyOn(Client.prototype, 'query');
		const wasReady: unknown[] = [];
		query.mockImplementation(function (this: Client & { readyForQuery?: boolean }, ...args) {
			wasReady.push(this.readyForQuery);
			return queryOf.apply(this, args);
		});
		const changed = await transaction(async ({ destinations, prisma }) => {
			const [first, second, third] = await Promise.all([
				destinations.update(made.id, { name: 'First' }),
				prisma.destination.update({ where: { id: made.id }, data: { name: 'Second' } }),
				destinations.update(made.id, { name: 'Third' }),
				destinations.findById(made.id),
			]);
			return [first, second, third];
		});
		query.mockRestore();
		expect(wasReady.length).toBeGreaterThan(5);
		expect(new Set(wasReady)).toEqual(new Set([true]));
		expect(changed.map(({ name }) => name)).toEqual(['First', 'Second', 'Third']);
		expect(changed.map(({ version }) => version).sort()).toEqual([2, 3, 4]);
	});

	test('a search_path of raw SQL leads the repository nowhere else', async () => {
		const { transaction, made, organizationId } = await tenant();
		await service.admin.query('CREATE SCHEMA elsewhere');
		await service.admin.query('CREATE TABLE elsewhere.destinations (LIKE public.destinations)');
		await service.admin.query(
			'GRANT USAGE ON SCHEMA elsewhere TO authenticated; GRANT ALL ON elsewhere.destinations TO authenticated',
		);
		await transaction(async ({ destinations, prisma }) => {
			await prisma.$executeRaw`SET search_path = elsewhere`;
			expect(await destinations.findByOrganization(organizationId)).toEqual([made]);
			await destinations.update(made.id, { name: 'Here' });
			await destinations.softDelete(made.id);
			await destinations.restore(made.id);
			expect((await destinations.list({ order: 'name' })).items).toHaveLength(1);
			expect(await destinations.count({ name: 'here' })).toBe(1);
		});
		const { rows } = await service.admin.query('SELECT FROM elsewhere.destinations');
		expect(rows).toEqual([]);
	});

	test('the log names the settings that an update changed, and those of that update alone', async () => {
		const { transaction, made, audit } = await tenant();
		await transaction(async ({ destinations }) => {
			await destinations.patchSettings(made.id, { enableClientSide: false });
			await destinations.update(made.id, { name: 'Shop' });
		});
		const { items } = await audit.list({ destinationId: made.id, limit: 2 });
		expect(items).toMatchObject([
			{ action: 'updated', settings: { changed: false, fields: [] } },
			{ action: 'updated', settings: { changed: true, fields: ['enableClientSide'] } },
		]);
	});
});

test('what a CHECK refuses tells its name, and nothing of the row', async () => {
	const { destinations, made } = await tenant();
	await service.admin.query(
		`ALTER TABLE destinations ADD CONSTRAINT no_shops CHECK (name <> 'Shop') NOT VALID`,
	);
	const description = 'not to be told';
	const error: unknown = await destinations
		.update(made.id, { name: 'Shop', description, settings: { apiKey: posthogKey } })
		.catch((reason: unknown) => reason);
	await service.admin.query('ALTER TABLE destinations DROP CONSTRAINT no_shops');
	expect(error).toMatchObject({ code: 'VALIDATION', cause: expect.any(DatabaseError) });
	expect(inspect(error, { depth: 9 })).toContain('no_shops');
	expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(description);
});
