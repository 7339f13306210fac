import type { z } from 'zod';
import { oneOf } from '../../destinations/fields.ts';
import { ValidationError } from '../../errors.ts';
import { date, uuid } from '../../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../../input/options.ts';
import { type AuditAction, auditActions } from './entry.ts';

/** Which entries are wanted; all conditions hold together. In the scope of an organization they are its own in any case. */
export interface AuditFilter {
	/** UUID. @defaultValue all destinations */
	readonly destinationId?: string | undefined;
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** UUID of the user who acted. @defaultValue whoever acted, systems too */
	readonly actorId?: string | undefined;
	/** What happened. @defaultValue all actions */
	readonly action?: AuditAction | undefined;
	/** Those of transactions that began then or later. Of one organization. @defaultValue since ever */
	readonly from?: Date | undefined;
	/** Those of transactions that began earlier. Of one organization. @defaultValue until now */
	readonly to?: Date | undefined;
}

export const auditFilter = optionsOf({
	destinationId: uuid.optional(),
	organizationId: uuid.optional(),
	actorId: uuid.optional(),
	action: oneOf(auditActions).optional(),
	from: date.optional(),
	to: date.optional(),
} satisfies OptionSchemas<AuditFilter>);

/** By what entries are ordered: when they were written, or when their transactions began. */
export type LogOrder = 'written' | 'recorded';

/** As {@link auditFilter} returns it. */
export type CheckedFilter = z.output<typeof auditFilter>;

/**
 * The order that a filter is read in: where it names a time, that of time.
 *
 * @throws ValidationError if it names a time of the log of all organizations, which no index has in that order.
 */
export function orderOf(filter: CheckedFilter, own: string | undefined): LogOrder {
	const named = (['from', 'to'] as const).filter((name) => filter[name] !== undefined);
	if (named.length === 0) return 'written';
	if ((own ?? filter.organizationId) !== undefined) return 'recorded';
	const message = 'is for the log of one organization: name `organizationId` as well';
	throw new ValidationError(named.map((name) => ({ path: [name], message })));
}
