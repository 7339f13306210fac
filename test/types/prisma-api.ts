/**
 * What TypeScript knows of the extended Prisma client. There is nothing to run: `npm run types` checks it,
 * and an expected error that does not come is an error.
 */

import type { PrismaClient } from '../../src/generated/prisma/client.ts';
import type { Destination, ScopedPrismaClient } from '../../src/index.ts';
import { destinationsExtension } from '../../src/prisma/extension/destinations-extension.ts';

declare const base: PrismaClient;
declare const scope: ScopedPrismaClient;
/** Takes a value of exactly this type. */
declare function expectType<T>(): <U>(
	value: U,
	...same: (<X>() => X extends T ? 1 : 2) extends <X>() => X extends U ? 1 : 2 ? [] : [never]
) => void;

const prisma = base.$extends(destinationsExtension({ keys: '' }));
const where = { id: '' };

export async function settingsAreTypedByType(): Promise<void> {
	const row = await prisma.destination.findUniqueOrThrow({ where });
	if (row.type === 'posthog') expectType<string>()(row.settings.host);
	// @ts-expect-error: before the type is known, so is no setting.
	row.settings.host;
	const rows = await prisma.destination.findMany({ include: { organization: true } });
	for (const { type, settings, organization } of rows) {
		if (type === 'meta-pixel') expectType<string>()(settings.pixelId);
		expectType<string>()(organization.id);
	}
}

export async function writesAreTypedToo(): Promise<void> {
	const data = { organizationId: '', type: 'console', name: '', settings: {} };
	const select = { type: true, settings: true } as const;
	const made = await prisma.destination.create({ data, select });
	if (made.type === 'console') {
		expectType<'debug' | 'info' | 'warn' | 'error'>()(made.settings.logLevel);
	}
	const deleted = await prisma.destination.delete({ where });
	if (deleted.type === 'mixpanel') expectType<'us' | 'eu' | 'in'>()(deleted.settings.dataResidency);
	const restored = await prisma.destination.restore({ where, select: { name: true } });
	expectType<{ name: string }>()(restored);
	expectType<number>()(await prisma.destination.purge({ where }));
}

export async function selectionsStay(): Promise<void> {
	const [named] = await prisma.destination.findMany({ select: { name: true } });
	expectType<{ name: string } | undefined>()(named);
	const organization = await prisma.destination.findUnique({ where }).organization();
	expectType<{ id: string } | null>()(organization);
	// @ts-expect-error: there is no such field.
	await prisma.destination.findMany({ where: { nothing: 1 } });
}

export async function transactionsAreTyped(): Promise<void> {
	const [rows] = await prisma.$transaction([prisma.destination.findMany()]);
	if (rows[0]?.type === 'amplitude') expectType<'us' | 'eu'>()(rows[0].settings.dataResidency);
	const row = await prisma.$transaction((tx) => tx.destination.onlyDeleted().findFirst());
	if (row?.type === 'posthog') expectType<string>()(row.settings.apiKey);
}

export async function wholeRowsAreDestinations(): Promise<void> {
	expectType<Destination[]>()(await prisma.destination.findMany());
	expectType<Destination[]>()(await scope.destination.findMany({ where: { id: { in: [''] } } }));
	expectType<Destination | null>()(await scope.destination.findUnique({ where }));
	await scope.$transaction(async (tx) => {
		expectType<Destination>()(await tx.destination.restore({ where }));
	});
	const [rows, count] = await scope.$transaction([
		scope.destination.findMany(),
		scope.destination.count(),
	]);
	expectType<Destination[]>()(rows);
	expectType<number>()(count);
}

export async function argumentsAreChecked(): Promise<void> {
	for (const { destination } of [prisma, scope]) {
		const read = await destination.findMany({
			where: { id: { in: [''] }, AND: [{ name: { equals: '', mode: 'insensitive' } }] },
			orderBy: { createdAt: 'desc' },
			distinct: ['type'],
			select: {
				settings: true,
				organization: { include: { destinations: { orderBy: { environment: 'asc' } } } },
			},
		});
		expectType<string | undefined>()(read[0]?.organization.destinations[0]?.name);
		const related = await destination.findUnique({ where }).organization().destinations();
		expectType<string | undefined>()(related?.[0]?.name);
		const data = {
			name: { set: '' },
			settings: { nested: [1, { of: null }] },
			lastTestedAt: new Date(),
		};
		await destination.update({ where, data });
		const { enabled, ...named } = await destination.findFirstOrThrow({ omit: { name: true } });
		expectType<boolean>()(enabled);
		// @ts-expect-error: it was left out.
		named.name;
		const some = await destination.findFirstOrThrow({ select: { id: true, name: false } });
		expectType<{ id: string }>()(some);
		// @ts-expect-error: there is no such order.
		await destination.findMany({ orderBy: { createdAt: 'wrong' } });
		// @ts-expect-error: there is no such column.
		await destination.findMany({ where: { AND: [{ nothing: 1 }] } });
		// @ts-expect-error: there is no such argument.
		await destination.findMany({ nothing: 1 });
		// @ts-expect-error: there is nothing of this name to select.
		await destination.findMany({ select: { nothing: true } });
		// @ts-expect-error: it is true or false.
		await destination.findMany({ where: { enabled: '' } });
		// @ts-expect-error: columns are missing.
		await destination.create({ data: { organizationId: '' } });
		// @ts-expect-error: the changes are missing.
		await destination.update({ where });
		// @ts-expect-error: it must say which one.
		await destination.findUnique({ where: {} });
		// @ts-expect-error: it must say which one.
		await destination.findUnique();
		// @ts-expect-error: what it writes is said.
		await destination.restore({ where, data: {} });
		// @ts-expect-error: it is known by its id alone.
		await destination.purge({ where: { name: '' } });
	}
}
