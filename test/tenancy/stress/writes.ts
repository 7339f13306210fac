import { type Known, newToken, settingsOf } from './organization.ts';
import { freeKind, newName, newRow, type Operation, own, pick } from './step.ts';

/** Writes, each of which happens whole or not at all. */
export const writes: Operation[] = [
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
