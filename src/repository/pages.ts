import { z } from 'zod';
import type { Scope } from '../database/scope.ts';
import type { Destination } from '../destinations/destination.ts';
import { environmentName, typeName } from '../destinations/input-schemas.ts';
import type { DestinationType } from '../destinations/registry.ts';
import {
	settingsError,
	type UnopenedDestination,
	withoutSettings,
} from '../destinations/unopened.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import { NotFoundError } from '../errors.ts';
import { uuid } from '../input/checks.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { type Page, type PageOptions, pageLimit, pageOf } from './audit/pages.ts';
import type { DestinationTable } from './table.ts';

/** Which destinations are wanted, and which part of them. */
export interface DestinationPageOptions extends PageOptions {
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** Those of this type alone. @defaultValue all types */
	readonly type?: DestinationType | undefined;
	/** Those of this environment alone. @defaultValue all environments */
	readonly environment?: Environment | undefined;
	/**
	 * `mark` returns destinations whose settings do not open as {@link UnopenedDestination}, for a page that
	 * shows and repairs them.
	 *
	 * @defaultValue they come back as any other, and reading their `settings` throws the reason
	 */
	readonly unopened?: 'mark' | undefined;
}

const pageOptions = optionsOf({
	cursor: uuid.optional(),
	limit: pageLimit,
	organizationId: uuid.optional(),
	type: typeName.optional(),
	environment: environmentName.optional(),
	unopened: z.literal('mark', { error: "must be 'mark'" }).optional(),
} satisfies OptionSchemas<DestinationPageOptions>);

/** Options of a page, checked. */
export type CheckedPageOptions = ReturnType<typeof checkPageOptions>;

export function checkPageOptions(options: DestinationPageOptions | undefined) {
	return checkOptions(pageOptions, options);
}

/** A page of live destinations. The cursor is the id of its last one. */
export async function pageOfDestinations(
	table: DestinationTable,
	scope: Scope,
	{ cursor: after, limit, type, environment, unopened, ...options }: CheckedPageOptions,
): Promise<Page<Destination | UnopenedDestination>> {
	const organizationId = scope.organizationId ?? options.organizationId;
	const rows = await table.page({ organizationId, type, environment }, after, limit + 1);
	// Behind a row that was purged Postgres finds nothing, which must not look like the end.
	if (rows.length === 0 && after !== undefined) {
		if ((await table.identify(after, { rows: 'all' })) === undefined) {
			throw new NotFoundError(
				'The destination at the cursor is gone. Begin with the first page again.',
			);
		}
	}
	return pageOf(
		rows,
		limit,
		({ id }) => id,
		(row) => (unopened === 'mark' ? markedAsData(row) : row),
	);
}

function markedAsData(destination: Destination): Destination | UnopenedDestination {
	const error = settingsError(destination);
	if (error === undefined) return destination;
	const marked = { ...withoutSettings(destination), settings: null, settingsError: error };
	return marked as UnopenedDestination; // the destination's fields, but for its settings
}
