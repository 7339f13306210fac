import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/extension/uuid.ts';
import {
	environments,
	type Known,
	newToken,
	type Organization,
	settingsOf,
	types,
} from './stress-organization.ts';

/** One step of an organization, near others of which `foreign` is a row. */
export type Operation = (
	organization: Organization,
	foreign: { readonly id: string; readonly organizationId: string },
) => Promise<void>;

const pick = <T>(list: readonly T[]): T | undefined =>
	list[Math.floor(Math.random() * list.length)];

const newName = () => `Name ${newToken().slice(0, 6)}`;

/** A kind of which the organization has no live destination. */
function freeKind(organization: Organization): Pick<Known, 'type' | 'environment'> | undefined {
	const taken = new Set(
		organization.live().map(([, { type, environment }]) => `${type} ${environment}`),
	);
	return pick(
		types
			.flatMap((type) => environments.map((environment) => ({ type, environment })))
			.filter(({ type, environment }) => !taken.has(`${type} ${environment}`)),
	);
}

function newRow(organization: Organization, kind: Pick<Known, 'type' | 'environment'>) {
	const known: Known = { ...kind, name: newName(), token: newToken(), deleted: false };
	const id = uuidv7();
	const { type, environment, name } = known;
	const settings = settingsOf(type, known.token);
	const data = { id, organizationId: organization.id, type, environment, name, settings };
	return { id, known, data };
}

const sessionChanges = [
	'SET ROLE service_role',
	'RESET ROLE',
	`SET request.jwt.claims = '{"organization_id": "00000000-0000-0000-0000-000000000000"}'`,
	"SET search_path = 'pg_temp'",
	'CREATE TEMP TABLE destinations AS SELECT 1 AS id',
	'SELECT pg_advisory_lock_shared(1)::text',
	'DEALLOCATE ALL',
];

const own = async (organization: Organization) => pick(organization.live());

const reads: Operation[] = [
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
	// In one tick, with everybody else's.
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

const writes: Operation[] = [
	async (organization) => {
		const kind = freeKind(organization);
		if (kind === undefined) return;
		const { id, known, data } = newRow(organization, kind);
		await organization.write([[id, known]], () =>
			organization.client.prisma.destination.create({ data }),
		);
	},
	async (organization) => {
		const row = await own(organization);
		if (row === undefined) return;
		const [id, known] = row;
		const after = { ...known, name: newName() };
		await organization.write([[id, after]], () =>
			organization.client.destinations.update(id, { name: after.name }),
		);
	},
	async (organization) => {
		const row = await own(organization);
		if (row === undefined) return;
		const [id, known] = row;
		const after = { ...known, token: newToken() };
		const settings = settingsOf(known.type, after.token);
		const { destinations, prisma } = organization.client;
		await organization.write([[id, after]], () =>
			Math.random() < 0.5
				? destinations.patchSettings(id, settings)
				: prisma.destination.update({ where: { id }, data: { settings } }),
		);
	},
	async (organization) => {
		const row = await own(organization);
		if (row === undefined) return;
		const [id, known] = row;
		await organization.write([[id, { ...known, deleted: true }]], () =>
			organization.client.destinations.softDelete(id),
		);
	},
	async (organization) => {
		const kind = freeKind(organization);
		const row = pick(
			organization
				.deleted()
				.filter(
					([, { type, environment }]) => type === kind?.type && environment === kind.environment,
				),
		);
		if (row === undefined) return;
		const [id, known] = row;
		await organization.write([[id, { ...known, deleted: false }]], () =>
			organization.client.destinations.restore(id),
		);
	},
	async (organization) => {
		const name = newName();
		const changes = organization
			.live()
			.map(([id, known]): [string, Known] => [id, { ...known, name }]);
		await organization.write(changes, () =>
			organization.client.prisma.destination.updateMany({ data: { name } }),
		);
	},
	async (organization) => {
		const name = newName();
		const changes = [...organization.memory].map(([id, known]): [string, Known] => [
			id,
			{ ...known, name },
		]);
		await organization.write(
			changes,
			() => organization.client.prisma.$executeRaw`UPDATE public.destinations SET name = ${name}`,
		);
	},
	// All or nothing, over three statements.
	async (organization) => {
		const [row, kind] = [await own(organization), freeKind(organization)];
		if (row === undefined || kind === undefined) return;
		const [id, known] = row;
		const made = newRow(organization, kind);
		const after = { ...known, name: newName(), token: newToken() };
		await organization.write(
			[
				[id, after],
				[made.id, made.known],
			],
			() =>
				organization.client.transaction(async ({ destinations, prisma }) => {
					await destinations.update(id, { name: after.name });
					await prisma.destination.create({ data: made.data });
					const settings = settingsOf(known.type, after.token);
					await prisma.destination.update({ where: { id }, data: { settings } });
				}),
		);
	},
	async (organization) => {
		const [row, kind] = [await own(organization), freeKind(organization)];
		if (row === undefined || kind === undefined) return;
		const [id, known] = row;
		const made = newRow(organization, kind);
		const after = { ...known, name: newName() };
		const { prisma } = organization.client;
		await organization.write(
			[
				[id, after],
				[made.id, made.known],
			],
			() =>
				prisma.$transaction([
					prisma.destination.update({ where: { id }, data: { name: after.name } }),
					prisma.destination.create({ data: made.data }),
				]),
		);
	},
];

/** What must fail, and change nothing. */
const failures: Operation[] = [
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

/** Reads half of the time, writes a third, failures the rest. */
export function pickOperation(): Operation {
	const dice = Math.random();
	const operation = pick(dice < 0.5 ? reads : dice < 0.85 ? writes : failures);
	if (operation === undefined) throw new Error('there are no operations');
	return operation;
}
