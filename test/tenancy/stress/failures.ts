import { newRow, type Operation, own, pick, sessionChanges } from './step.ts';

/** What must fail, and change nothing. */
export const failures: Operation[] = [
	(organization, { id }) =>
		organization.fail('NOT_FOUND', () =>
			organization.client.destinations.update(id, { name: 'Foreign' }),
		),
	(organization, { organizationId }) =>
		organization.fail('P2039 42501', () =>
			organization.client.prisma.destination.create({
				data: { organizationId, type: 'console', name: 'Foreign' },
			}),
		),
	async (organization) => {
		const [, known] = (await own(organization)) ?? [];
		if (known === undefined) return;
		const { data } = newRow(organization, known);
		await organization.fail('P2002 23505', () =>
			organization.client.prisma.destination.create({ data }),
		);
	},
	(organization) =>
		organization.fail('P2010 22012', () => organization.client.prisma.$queryRaw`SELECT 1 / 0`),
	(organization) =>
		organization.fail('changed my mind', () =>
			organization.client.transaction(async ({ prisma }) => {
				await prisma.destination.updateMany({ data: { name: 'Rolled back' } });
				await prisma.$executeRawUnsafe(pick(sessionChanges) ?? '');
				throw new Error('changed my mind');
			}),
		),
	(organization) =>
		organization.fail('P2039 23514', () =>
			organization.client.transaction(async ({ prisma }) => {
				await prisma.destination.updateMany({ data: { name: 'Rolled back' } });
				await prisma.destination.create({
					data: { organizationId: organization.id, type: 'console', name: ' ' },
				});
			}),
		),
	(organization) =>
		organization.fail('UNSUPPORTED', () =>
			organization.client.transaction(async ({ prisma }) => {
				await prisma.$executeRaw`ROLLBACK`;
				await prisma.destination.updateMany({ data: { name: 'Outside' } });
			}),
		),
];
