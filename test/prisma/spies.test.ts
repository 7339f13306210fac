import { type Service, startService } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

const data = (organizationId: string) => ({
	organizationId,
	type: 'console' as const,
	name: 'spied',
	settings: {},
});

const stored = async () =>
	(await service.admin.query("SELECT FROM destinations WHERE name = 'spied'")).rows.length;

it('a spy stands in the place of an operation of a scope until it is restored', async () => {
	const { organizationId, prisma } = await service.tenant();
	const spy = jest.spyOn(prisma.destination, 'create').mockResolvedValue({ id: 'x' } as never);
	const args = { data: data(organizationId) };
	expect(await prisma.destination.create(args)).toEqual({ id: 'x' });
	expect(prisma.destination.create).toHaveBeenCalledWith(args);
	expect(await stored()).toBe(0);
	spy.mockRestore();
	await prisma.destination.create(args);
	expect(await stored()).toBe(1);
});

it('a spy sees the calls, which are made', async () => {
	const { organizationId, prisma } = await service.tenant();
	const spy = jest.spyOn(prisma.destination, 'count');
	const where = { organizationId };
	expect(await prisma.destination.count({ where })).toBe(0);
	expect(spy).toHaveBeenCalledWith({ where });
	const begin = jest.spyOn(prisma, '$transaction');
	await prisma.$transaction(async (tx) => {
		const inside = jest.spyOn(tx.destination, 'create').mockRejectedValue(new Error('no'));
		await expect(tx.destination.create({ data: data(organizationId) })).rejects.toThrow('no');
		inside.mockRestore();
		await tx.destination.create({ data: data(organizationId) });
	});
	expect(begin).toHaveBeenCalledTimes(1);
	expect(await prisma.destination.count({ where })).toBe(1);
});

it('a spy of one scope is none of another', async () => {
	const { organizationId, prisma } = await service.tenant();
	jest.spyOn(prisma.destination, 'count').mockResolvedValue(5 as never);
	expect(await prisma.destination.count()).toBe(5);
	expect(await service.db.forOrganization(organizationId).prisma.destination.count()).toBe(0);
});
