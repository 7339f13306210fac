import { checkLimit, type Page, type PageOptions, pageOf } from './audit/pages.ts';
import { toDestination } from './destination-writer.ts';
import type { Destination } from './destinations/destination.ts';
import type { DestinationType } from './destinations/registry.ts';
import type { Environment } from './destinations/vocabulary.ts';
import { NotFoundError } from './errors.ts';
import type { ScopedPrismaClient } from './prisma.ts';
import { checkUuid, type Scope } from './tenancy/scope.ts';

/** Which destinations are wanted, and which part of them. */
export interface DestinationPageOptions extends PageOptions {
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** Those of this type alone. @defaultValue all types */
	readonly type?: DestinationType | undefined;
	/** Those of this environment alone. @defaultValue all environments */
	readonly environment?: Environment | undefined;
}

/**
 * A page of live destinations. The cursor is an id, whose place Postgres looks up: a JavaScript date has
 * milliseconds only, so pages that begin at one would lose rows or show them twice.
 */
export async function pageOfDestinations(
	prisma: ScopedPrismaClient,
	scope: Scope,
	{ cursor, limit: wanted, type, environment, ...options }: DestinationPageOptions,
): Promise<Page<Destination>> {
	const limit = checkLimit(wanted);
	const organizationId = scope.organizationId ?? options.organizationId;
	const after = cursor === undefined ? undefined : checkUuid('cursor', cursor);
	const bound = after === undefined ? {} : await boundOf(prisma, after);
	const found = await prisma.destination.findMany({
		where: {
			...bound,
			...(organizationId === undefined ? {} : { organizationId }),
			...(type === undefined ? {} : { type }),
			...(environment === undefined ? {} : { environment }),
		},
		orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
		take: limit + 2,
		...(after === undefined ? {} : { cursor: { id: after } }),
	});
	// Not by `skip`, which would pass over another row where that of the cursor was deleted meanwhile.
	const rows = found.filter(({ id }) => id !== after);
	// Behind a row that was purged meanwhile Postgres finds nothing, which must not look like the end.
	if (rows.length === 0 && after !== undefined) await boundOf(prisma, after);
	return pageOf(rows, limit, ({ id }) => id, toDestination);
}

/**
 * Where the index is entered. What Prisma makes of a cursor alone is no range to Postgres, which then reads
 * everything newer than the cursor as well. A JavaScript date has no microseconds, hence one millisecond more.
 */
async function boundOf(prisma: ScopedPrismaClient, id: string) {
	const row = await prisma.destination
		.withDeleted()
		.findFirst({ where: { id }, select: { createdAt: true } });
	if (row !== null) return { createdAt: { lte: new Date(row.createdAt.getTime() + 1) } };
	throw new NotFoundError(
		'The destination at the cursor is gone. Begin with the first page again.',
	);
}
