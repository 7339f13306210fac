import { z } from 'zod';
import type { Scope } from '../database/scope.ts';
import type { Destination } from '../destinations/destination.ts';
import {
	type DestinationListFilter,
	type DestinationOrder,
	listFilter,
	listQuery,
} from '../destinations/list-query.ts';
import {
	settingsError,
	type UnopenedDestination,
	withoutSettings,
} from '../destinations/unopened.ts';
import { ValidationError } from '../errors.ts';
import { checkOptions, type OptionSchemas } from '../input/options.ts';
import { type Page, type PageOptions, pageOf } from './audit/pages.ts';
import { cursorAt, type Place, placeOf } from './cursor.ts';
import { orderOf } from './list-order.ts';
import { refuseOther } from './organization.ts';
import type { DestinationTable } from './table.ts';

/** Which destinations to return, in which order, and which page of them. */
export interface DestinationPageOptions extends DestinationListFilter, PageOptions {
	/** `changed` and `name` need one organization. @defaultValue `'newest'` */
	readonly order?: DestinationOrder | undefined;
	/**
	 * `mark` returns destinations whose settings do not decrypt as {@link UnopenedDestination}, for a page that shows and
	 * repairs them.
	 *
	 * @defaultValue they are returned as any other, and reading their `settings` throws the reason
	 */
	readonly unopened?: 'mark' | undefined;
}

const pageOptions = listQuery.extend({
	unopened: z.literal('mark', { error: "must be 'mark'" }).optional(),
} satisfies Partial<OptionSchemas<DestinationPageOptions>>);

/**
 * A page of live destinations.
 *
 * @throws ForbiddenError if they are of another organization than the scope's.
 * @throws ValidationError if an option is not valid, or needs an organization.
 */
export async function pageOfDestinations(
	table: DestinationTable,
	scope: Scope,
	options: DestinationPageOptions,
): Promise<Page<Destination | UnopenedDestination>> {
	const wanted = readPageOptions(scope, options);
	const { filter, order, after, limit } = wanted;
	return toPage(await table.page(filter, order, after, limit + 1), wanted);
}

/** Which page is wanted, as it was checked. */
export interface WantedPage {
	readonly filter: DestinationListFilter;
	readonly order: DestinationOrder;
	readonly after: Place | undefined;
	readonly limit: number;
	readonly unopened: 'mark' | undefined;
}

/** @throws as {@link pageOfDestinations}. */
export function readPageOptions(scope: Scope, options: DestinationPageOptions): WantedPage {
	const { cursor, limit, order, unopened, ...filter } = checkOptions(pageOptions, options);
	const narrowed = inScope(filter, scope, orderOf(order).everywhere ? [] : ['order']);
	const after = cursor === undefined ? undefined : placeOf(cursor, order, orderOf(order));
	return { filter: narrowed, order, after, limit, unopened };
}

/** @param rows one more than its limit, where there are more. */
export function toPage(
	rows: readonly { readonly destination: Destination; readonly place: Place }[],
	{ limit, order, unopened }: WantedPage,
): Page<Destination | UnopenedDestination> {
	return pageOf(
		rows,
		limit,
		({ place }) => cursorAt(order, place),
		({ destination }) => (unopened === 'mark' ? markedAsData(destination) : destination),
	);
}

/** How many live destinations a filter finds. @throws as {@link pageOfDestinations}. */
export async function countOfDestinations(
	table: DestinationTable,
	scope: Scope,
	filter: DestinationListFilter,
): Promise<number> {
	return table.count(inScope(checkOptions(listFilter, filter), scope));
}

/** What no index has: every change of it, and every connection test, would write to each index of the table. */
const ofOneOrganization = ['enabled', 'connectionStatus', 'name'] as const;

/**
 * A filter with the organization of the scope. Of an organization there are few live destinations, whatever is asked of
 * them. Across organizations only what an index has costs what it returns.
 */
function inScope(
	filter: DestinationListFilter,
	scope: Scope,
	needing: readonly string[] = [],
): DestinationListFilter {
	refuseOther(scope, filter.organizationId);
	const organizationId = scope.organizationId ?? filter.organizationId;
	if (organizationId !== undefined) return { ...filter, organizationId };
	const given = [...ofOneOrganization.filter((name) => filter[name] !== undefined), ...needing];
	if (given.length === 0) return filter;
	const message = 'is for the destinations of one organization: name `organizationId` as well';
	throw new ValidationError(given.map((name) => ({ path: [name], message })));
}

function markedAsData(destination: Destination): Destination | UnopenedDestination {
	const error = settingsError(destination);
	if (error === undefined) return destination;
	const marked = { ...withoutSettings(destination), settings: null, settingsError: error };
	return marked as UnopenedDestination; // the destination's fields, but for its settings
}
