import { randomUUID } from 'node:crypto';
import { types } from './organization.ts';
import { type Operation, own, pick, sessionChanges } from './step.ts';

export const reads: Operation[] = [
	async (organization) => {
		const row = await own(organization);
		const id = row?.[0] ?? randomUUID();
		await organization.read(row ? [row] : [], () => organization.client.destinations.findById(id));
	},
	async (organization, { id }) => {
		await organization.read([], () => organization.client.destinations.findById(id));
	},
	async (organization) => {
		const { prisma } = organization.client;
		await organization.read(organization.live(), () => prisma.destination.findMany());
	},
	async (organization) => {
		const { prisma } = organization.client;
		await organization.read([...organization.memory], () =>
			prisma.destination.withDeleted().findMany(),
		);
	},
	async (organization, { organizationId }) => {
		const { prisma } = organization.client;
		await organization.read([], () => prisma.destination.findMany({ where: { organizationId } }));
	},
	async (organization) => {
		const type = pick(types) ?? 'posthog';
		const expected = organization.live().filter(([, known]) => known.type === type);
		await organization.read(expected, () => organization.client.destinations.findByType(type));
	},
	async (organization) => {
		const { organization: delegate } = organization.client.prisma;
		await organization.read(organization.live(), () =>
			delegate.findUnique({ where: { id: organization.id } }).destinations(),
		);
	},
	async (organization, { id }) => {
		const { prisma } = organization.client;
		const rows = organization.live();
		const count = (where: object) => prisma.destination.count({ where });
		await organization.ask(() => count({}), rows.length);
		await organization.ask(() => count({ id }), 0);
		await organization.ask(
			() => prisma.$queryRaw`SELECT count(*)::int AS rows FROM public.destinations`,
			[{ rows: organization.memory.size }],
		);
	},
	// In one tick, several of its own.
	async (organization, { id }) => {
		const { prisma } = organization.client;
		const row = await own(organization);
		const find = (wanted: string) => () => prisma.destination.findUnique({ where: { id: wanted } });
		await Promise.all([
			organization.read([], find(id)),
			...(row ? [organization.read([row], find(row[0]))] : []),
			organization.read([], find(id)),
			...(row ? [organization.read([row], find(row[0]))] : []),
		]);
	},
	// In one tick, with others: each asks for its own organization and for the next one's.
	async (_, __, all) => {
		const asking = all.filter(() => Math.random() < 0.3);
		await Promise.all(
			asking.flatMap((asker, index) => {
				const next = asking[index + 1]?.id ?? randomUUID();
				const find = (id: string) => () =>
					asker.client.prisma.organization.findUnique({ where: { id } });
				return [asker.find(find(next), 0), asker.find(find(asker.id), 1)];
			}),
		);
	},
	async (organization, { id }) => {
		const { prisma } = organization.client;
		const rows = organization.live();
		await organization.read(rows, async () => {
			const [all, foreign, count] = await prisma.$transaction([
				prisma.destination.findMany(),
				prisma.destination.findUnique({ where: { id } }),
				prisma.destination.count(),
			]);
			if (foreign !== null || count !== rows.length) throw new Error('another batch was answered');
			return all;
		});
	},
	async (organization, { id }) => {
		const row = await own(organization);
		await organization.read(row ? [row] : [], () =>
			organization.client.transaction(async ({ prisma, destinations }) => {
				if ((await destinations.findById(id)) !== null) throw new Error('a foreign row');
				await prisma.$executeRawUnsafe(pick(sessionChanges) ?? '');
				return prisma.destination.findMany({ where: { id: row?.[0] ?? id } });
			}),
		);
	},
];
