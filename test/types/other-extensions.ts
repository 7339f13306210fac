/**
 * What TypeScript knows of a client with other extensions beside this package's, and with the option `omit`.
 * There is nothing to run: `npm run types` checks it, and an expected error that does not come is an error.
 */

import type { PrismaClient } from '../../src/generated/prisma/client.ts';
import type { Destination } from '../../src/index.ts';
import { destinationsExtension } from '../../src/prisma/extension/destinations-extension.ts';

declare const base: PrismaClient;
declare const omittingBase: PrismaClient<
	never,
	{ destination: { name: true }; organization: { id: true } }
>;
/** Takes a value of exactly this type. */
declare function expectType<T>(): <U>(
	value: U,
	...same: (<X>() => X extends T ? 1 : 2) extends <X>() => X extends U ? 1 : 2 ? [] : [never]
) => void;

const where = { id: '' };
const ours = destinationsExtension({ keys: '' });
const before = base
	.$extends({
		result: {
			destination: {
				label: { needs: { name: true }, compute: ({ name }) => name.length },
			},
			organization: { short: { needs: { id: true }, compute: ({ id }) => id.slice(0, 8) } },
		},
	})
	.$extends({ model: { destination: { byName: async (name: string) => [name] } } })
	.$extends(ours);
const after = base
	.$extends(ours)
	.$extends({
		result: {
			destination: {
				label: {
					needs: { settings: true },
					compute: ({ settings }) => ('apiKey' in settings ? settings.apiKey.length : 0),
				},
			},
			organization: { short: { needs: { id: true }, compute: ({ id }) => id.slice(0, 8) } },
		},
	})
	.$extends({ model: { destination: { byName: async (name: string) => [name] } } });

export async function computedFieldsStay(): Promise<void> {
	for (const prisma of [before, after] as const) {
		expectType<string[]>()(await prisma.destination.byName(''));
	}
	const row = await before.destination.findFirstOrThrow();
	expectType<number>()(row.label);
	if (row.type === 'posthog') expectType<string>()(row.settings.apiKey);
	const later = await after.destination.findFirstOrThrow({ include: { organization: true } });
	expectType<number>()(later.label);
	expectType<string>()(later.organization.short);
	if (later.type === 'console') expectType<boolean>()(later.settings.prettyPrint);
	const [made] = await after.destination.createManyAndReturn({ data: [], select: { label: true } });
	expectType<{ label: number } | undefined>()(made);
	const deleted = await after.destination.onlyDeleted().findFirst({ select: { label: true } });
	expectType<{ label: number } | null>()(deleted);
	const organization = await after.destination.findUniqueOrThrow({ where }).organization();
	expectType<string>()(organization.short);
	const updated = await before.destination.update({ where, data: {}, omit: { label: true } });
	// @ts-expect-error: it was left out.
	updated.label;
	// @ts-expect-error: no extension has such a field.
	await after.destination.findFirst({ select: { nothing: true } });
}

export async function whatTheClientOmitsIsMissing(): Promise<void> {
	const prisma = omittingBase.$extends(ours).$extends({ query: {} });
	const row = await prisma.destination.findFirstOrThrow();
	expectType<boolean>()(row.enabled);
	// @ts-expect-error: the client leaves it out.
	row.name;
	const deleted = await prisma.destination.withDeleted().findFirstOrThrow();
	// @ts-expect-error: here as well.
	deleted.name;
	const whole = await prisma.destination.findFirstOrThrow({ omit: { name: false } });
	expectType<Destination>()(whole);
	const related = await prisma.destination.findFirstOrThrow({ include: { organization: true } });
	// @ts-expect-error: the client leaves it out of organizations.
	related.organization.id;
	const followed = await prisma.destination.findUniqueOrThrow({ where }).organization();
	// @ts-expect-error: here as well.
	followed.id;
}
