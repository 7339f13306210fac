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
	readonly type?: DestinationType | undefined;
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
	const found = await prisma.destination.findMany({
		where: {
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
	if (rows.length === 0 && after !== undefined) await refuseLostCursor(prisma, after);
	return pageOf(rows, limit, ({ id }) => id, toDestination);
}

/** Behind a row that is gone Postgres finds nothing, which must not look like the end. */
async function refuseLostCursor(prisma: ScopedPrismaClient, id: string): Promise<void> {
	if ((await prisma.destination.withDeleted().count({ where: { id } })) > 0) return;
	throw new NotFoundError(
		'The destination at the cursor is gone. Begin with the first page again.',
	);
}
