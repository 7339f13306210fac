import type { Scope } from '../database/scope.ts';
import { ForbiddenError } from '../errors.ts';
import { uuid } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';
import type { RepositoryTools } from './tools.ts';

/** The organization of a destination that a call names by its id. */
export interface OrganizationOptions {
	/**
	 * UUID of the organization that the destination belongs to. Use it with `asService()`: a destination of another
	 * organization then counts as one that does not exist, and every statement names the organization, so that it is sent to
	 * one shard and one partition. In the scope of an organization, no other one is accepted.
	 *
	 * @defaultValue any organization of the scope
	 */
	readonly organizationId?: string | undefined;
}

export const organizationOptions = optionsOf({
	organizationId: uuid.optional(),
} satisfies OptionSchemas<OrganizationOptions>);

/**
 * The same tools, whose statements name an organization.
 *
 * @throws ForbiddenError as {@link refuseOther}.
 */
export function toolsFor(
	tools: RepositoryTools,
	{ organizationId }: OrganizationOptions,
): RepositoryTools {
	refuseOther(tools.scope, organizationId);
	if (organizationId === undefined) return tools;
	return {
		...tools,
		table: tools.table.of(organizationId),
		reads: tools.reads.of(organizationId),
		statements: tools.statements.of(organizationId),
	};
}

/**
 * @throws ForbiddenError if a call in the scope of an organization names another one.
 */
export function refuseOther({ organizationId: own }: Scope, named: string | undefined): void {
	if (own === undefined || named === undefined || own === named) return;
	throw new ForbiddenError(
		'The call names another organization than that of its scope. Use forOrganization() with that organization, or asService().',
	);
}
