import { AsyncLocalStorage } from 'node:async_hooks';
import { uuid } from '../checks.ts';
import { type DestinationsError, ForbiddenError, ValidationError } from '../errors.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../options.ts';
import type { ScopedSql } from './scoped-sql.ts';

/** In whose name statements run: the role they switch to, and the claims that row level security reads. */
export interface Scope {
	readonly role: 'authenticated' | 'service_role';
	/** Set in the scope of one organization. */
	readonly organizationId?: string;
	/** The claims as JSON, sent as a parameter of every statement. */
	readonly claims: string;
}

/** Who acts, for the audit trail. */
export interface ScopeOptions {
	/** UUID of the user. It ends in `created_by`, `updated_by` and the audit log. @defaultValue nobody */
	readonly actorId?: string | undefined;
}

const scopeOptions = optionsOf({ actorId: uuid.optional() } satisfies OptionSchemas<ScopeOptions>);

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function organizationScope(organizationId: string, options: ScopeOptions): Scope {
	const organization = checkUuid('organizationId', organizationId);
	const { actorId } = checkOptions(scopeOptions, options);
	return {
		role: 'authenticated',
		organizationId: organization,
		claims: claims({ role: 'authenticated', organization_id: organization, sub: actorId }),
	};
}

export function serviceScope(options: ScopeOptions): Scope {
	const { actorId } = checkOptions(scopeOptions, options);
	return {
		role: 'service_role',
		claims: claims({ role: 'service_role', sub: actorId }),
	};
}

function claims(members: Record<string, string | undefined>): string {
	return JSON.stringify(members);
}

export function checkUuid(name: string, value: unknown): string {
	if (typeof value === 'string' && uuidPattern.test(value)) return value.toLowerCase();
	throw new ValidationError([{ path: [name], message: 'must be a UUID' }]);
}

/** What a connection is taken from the pool for. */
export interface Errand {
	readonly scope: Scope;
	/** Whether SQL of the caller's own ran, which may leave settings or temporary tables behind. */
	ranRawSql: boolean;
	/** How long it may take, in milliseconds, if it is a transaction. */
	readonly timeout?: number | undefined;
	/** The connection, once there is one: that of the transaction, if the errand is one. */
	connection?: ScopedSql;
	/** Why this package refused a statement; Prisma would tell it as an error of its own. */
	refusal?: DestinationsError;
}

const currentErrand = new AsyncLocalStorage<Errand>();

/** Runs `start`, and lets the statements that it sends know their scope. */
export function runInScope<T>(errand: Errand, start: () => T): T {
	return currentErrand.run(errand, start);
}

/** The scope of the statement that is about to be sent. Without one nothing is sent. */
export function requireErrand(): Errand {
	const errand = currentErrand.getStore();
	if (errand === undefined) {
		throw new ForbiddenError(
			'A statement was about to run outside any scope. Use a client of forOrganization() or asService().',
		);
	}
	return errand;
}

/** The connection of the transaction that is under way. */
export function requireConnection(): ScopedSql {
	const { connection } = requireErrand();
	if (connection === undefined) throw new Error('No transaction has begun');
	return connection;
}

/** Has the caller told why this package refused, and gives the error to throw. */
export function refuse<E extends DestinationsError>(refusal: E, errand = requireErrand()): E {
	errand.refusal = refusal;
	return refusal;
}
