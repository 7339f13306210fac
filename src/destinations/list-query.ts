import { flag, uuid } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';
import { cursorText, pageLimit } from '../input/page.ts';
import { oneOf } from './fields.ts';
import { environmentName, nameText, typeName } from './input-schemas.ts';
import type { DestinationType } from './registry.ts';
import { ConnectionStatus, type Environment } from './vocabulary.ts';

/** Which live destinations are wanted; all conditions hold together. */
export interface DestinationListFilter {
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** Those of this type alone. @defaultValue all types */
	readonly type?: DestinationType | undefined;
	/** Those of this environment alone. @defaultValue all environments */
	readonly environment?: Environment | undefined;
	/** Those that are switched on, or off. Of one organization. @defaultValue both */
	readonly enabled?: boolean | undefined;
	/** Those whose last connection test found this. Of one organization. @defaultValue all */
	readonly connectionStatus?: ConnectionStatus | undefined;
	/**
	 * Those whose name contains this text, in either case; no character stands for others. 1 to 255 characters after
	 * trimming. Of one organization.
	 *
	 * @defaultValue all names
	 */
	readonly name?: string | undefined;
}

/**
 * How destinations are ordered: `newest` and `oldest` by when they were created, `changed` by their last change, the latest
 * first, `name` by name in either case, in the database's collation. Where these are equal, by id.
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
