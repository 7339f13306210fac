/**
 * What TypeScript knows of the extended Prisma client. There is nothing to run: `npm run types` checks it,
 * and an expected error that does not come is an error.
 */
import { destinationsExtension } from '../../src/extension/destinations-extension.ts';
import type { PrismaClient } from '../../src/generated/prisma/client.ts';

declare const base: PrismaClient;
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
		if (type === 'meta-pixel') expectType<string>()(settings.accessToken);
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
