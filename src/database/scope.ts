import { z } from 'zod';
import { ValidationError } from '../errors.ts';
import { canonicalId } from '../ids/canonical-id.ts';
import { uuidPattern } from '../ids/uuid-pattern.ts';
import { text, uuid } from '../input/checks.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { type HostTransaction, isHostTransaction } from './host/host-handle.ts';

/** For whom statements run: the role they switch to, and the claims that row level security reads. */
export interface Scope {
	readonly role: 'authenticated' | 'service_role' | 'destinations_loader';
	/** Set in the scope of one organization. */
	readonly organizationId?: string;
	/** Who acts, if it is said. */
	readonly actorId?: string;
	/** The claims as JSON, sent as a parameter of every statement. */
	readonly claims: string;
}

/** Options of a scope: who acts, for the audit log. */
export interface ScopeOptions {
	/** UUID of the user who acts. It is recorded in `created_by`, `updated_by` and the audit log. @defaultValue no user */
	readonly actorId?: string | undefined;
}

/** Options of `asService()`. */
export interface ServiceScopeOptions extends ScopeOptions {
	/**
	 * If the client has several databases: the URL of the one that the scope works on, as in `shards`. Prisma, transactions
	 * and raw SQL need it, because they work on one database.
	 *
	 * @defaultValue all databases
	 */
	readonly shard?: string | undefined;
}

/** Options of a scope in a transaction of your own. */
export interface JoinedScopeOptions extends ScopeOptions {
	/**
	 * The client of a transaction that has begun, on the database of destinations: a client of `pg`, what
	 * `prisma.$transaction()` passes to its function, or any object with `query(text, values)` that resolves to `{ rows }`.
	 */
	readonly transaction: HostTransaction;
}

const expected =
	'must be the client of a transaction that has begun: of pg, of Prisma, or with query(text, values)';

const scopeOptions = optionsOf({
	actorId: uuid.optional(),
	transaction: z.custom<HostTransaction>(isHostTransaction, { error: expected }).optional(),
} satisfies OptionSchemas<ScopeOptions & Partial<JoinedScopeOptions>>);
const serviceScopeOptions = scopeOptions.extend({
	shard: text.optional(),
} satisfies Partial<OptionSchemas<ServiceScopeOptions>>);

/**
 * The transaction that a scope takes part in, if it is to.
 *
 * @param options that were checked.
 * @throws ValidationError if it is named and missing: what was meant to be undone with it would not be.
 */
export function transactionOf(
	options: ScopeOptions & { readonly transaction?: HostTransaction },
): HostTransaction | undefined {
	const { transaction } = options;
	if (transaction === undefined && Object.hasOwn(options, 'transaction')) {
		throw new ValidationError([{ path: ['transaction'], message: `${expected}; or leave it out` }]);
	}
	return transaction;
}

export function organizationScope(organizationId: string, options: ScopeOptions): Scope {
	const organization = checkUuid('organizationId', organizationId);
	const { actorId } = checkOptions(scopeOptions, options);
	return {
		role: 'authenticated',
		organizationId: organization,
		...(actorId === undefined ? {} : { actorId }),
		claims: claims({ role: 'authenticated', organization_id: organization, sub: actorId }),
	};
}

export function serviceScope(options: ServiceScopeOptions): Scope {
	const { actorId } = checkOptions(serviceScopeOptions, options);
	return {
		role: 'service_role',
		...(actorId === undefined ? {} : { actorId }),
		claims: claims({ role: 'service_role', sub: actorId }),
	};
}

/** Of a process that loads: the rows of every organization that are live and switched on, and no writes. */
export const loaderScope: Scope = {
	role: 'destinations_loader',
	claims: claims({ role: 'destinations_loader' }),
};

function claims(members: Record<string, string | undefined>): string {
	return JSON.stringify(members);
}

/**
 * Whom a write names as its author: the actor, whom the database writes by itself. Only a service without an actor
 * may name anybody.
 *
 * @throws ValidationError for anybody else, whether there is such a user or not.
 */
export function checkAuthor({ role, actorId }: Scope, field: string, named: unknown): void {
	if (named === undefined || named === null) return;
	if (actorId === undefined && role === 'service_role') return;
	if (typeof named === 'string' && canonicalId(named) === actorId) return;
	const message =
		actorId === undefined
			? 'needs an actor: name the user as `actorId` of forOrganization() and leave this out'
			: 'must be the actor of the scope; leave it out';
	throw new ValidationError([{ path: [field], message }]);
}

export function checkUuid(name: string, value: unknown): string {
	if (typeof value === 'string' && uuidPattern.test(value)) return value.toLowerCase();
	throw new ValidationError([{ path: [name], message: 'must be a UUID' }]);
}
