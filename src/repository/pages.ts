import { checkLimit, type Page, type PageOptions, pageOf } from '../audit/pages.ts';
import type { Destination } from '../destinations/destination.ts';
import type { DestinationType } from '../destinations/registry.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import { NotFoundError } from '../errors.ts';
import { checkUuid, type Scope } from '../tenancy/scope.ts';
import type { DestinationTable } from './table.ts';

/** Which destinations are wanted, and which part of them. */
export interface DestinationPageOptions extends PageOptions {
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** Those of this type alone. @defaultValue all types */
	readonly type?: DestinationType | undefined;
	/** Those of this environment alone. @defaultValue all environments */
	readonly environment?: Environment | undefined;
}

/** A page of live destinations. The cursor is the id of its last one. */
export async function pageOfDestinations(
	table: DestinationTable,
	scope: Scope,
	{ cursor, limit: wanted, type, environment, ...options }: DestinationPageOptions,
): Promise<Page<Destination>> {
	const limit = checkLimit(wanted);
	const after = cursor === undefined ? undefined : checkUuid('cursor', cursor);
	const organizationId = scope.organizationId ?? options.organizationId;
	const rows = await table.page({ organizationId, type, environment }, after, limit + 1);
	// Behind a row that was purged Postgres finds nothing, which must not look like the end.
	if (rows.length === 0 && after !== undefined) {
		if ((await table.identify(after, { withDeleted: true })) === undefined) {
			throw new NotFoundError(
				'The destination at the cursor is gone. Begin with the first page again.',
			);
		}
	}
	return pageOf(
		rows,
		limit,
		({ id }) => id,
		(row) => row,
	);
}
