import type { z } from 'zod';
import { oneOf } from '../../destinations/fields.ts';
import { ValidationError } from '../../errors.ts';
import { date, uuid } from '../../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../../input/options.ts';
import { type AuditAction, auditActions } from './entry.ts';

/**
 * Which entries to return: those that meet all conditions. In the scope of an organization, only its own entries are
 * returned.
 */
export interface AuditFilter {
	/** UUID. @defaultValue all destinations */
	readonly destinationId?: string | undefined;
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
	/** UUID of the user who acted. @defaultValue any user, and systems */
	readonly actorId?: string | undefined;
	/** What happened. @defaultValue all actions */
	readonly action?: AuditAction | undefined;
	/** Only entries of transactions that began at this time or later. Needs one organization. @defaultValue no limit */
	readonly from?: Date | undefined;
	/** Only entries of transactions that began before this time. Needs one organization. @defaultValue no limit */
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
