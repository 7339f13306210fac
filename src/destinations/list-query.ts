import { flag, uuid } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';
import { cursorText, pageLimit } from '../input/page.ts';
import { oneOf } from './fields.ts';
import { environmentName, nameText, typeName } from './input-schemas.ts';
import type { DestinationType } from './registry.ts';
import { ConnectionStatus, type Environment } from './vocabulary.ts';

/** Which live destinations to return: those that meet all conditions. */
export interface DestinationListFilter {
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** Only destinations of this type. @defaultValue all types */
	readonly type?: DestinationType | undefined;
	/** Only destinations in this environment. @defaultValue all environments */
	readonly environment?: Environment | undefined;
	/** Only destinations that are enabled, or disabled. Needs one organization. @defaultValue both */
	readonly enabled?: boolean | undefined;
	/** Only destinations with this result of the last connection test. Needs one organization. @defaultValue all */
	readonly connectionStatus?: ConnectionStatus | undefined;
	/**
	 * Only destinations whose name contains this text, ignoring case. There are no wildcards. 1 to 255 characters after
	 * trimming. Needs one organization.
	 *
	 * @defaultValue all names
	 */
	readonly name?: string | undefined;
}

/**
 * The order of destinations: `newest` and `oldest` by their creation, `changed` by their last change, the latest first,
 * `name` by name, ignoring case, in the collation of the database. Equal ones are in the order of their ids.
 */
export type DestinationOrder = (typeof orders)[number];

const orders = ['newest', 'oldest', 'changed', 'name'] as const;

export const listFilter = optionsOf({
	organizationId: uuid.optional(),
	type: typeName.optional(),
	environment: environmentName.optional(),
	enabled: flag.optional(),
	connectionStatus: oneOf(Object.values(ConnectionStatus)).optional(),
	name: nameText.optional(),
} satisfies OptionSchemas<DestinationListFilter>);

/** What a page is asked for with. */
export const listQuery = listFilter.extend({
	order: oneOf(orders).default('newest'),
	cursor: cursorText.optional(),
	limit: pageLimit,
});
