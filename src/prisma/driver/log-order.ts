const column = (name: string) => `"public"."destination_audit_log"."${name}"`;
const pattern = (text: string) => text.replaceAll('.', String.raw`\.`);

/** The order by `id` of a page of the log, as Prisma writes it. */
const order = new RegExp(` ORDER BY ${pattern(column('id'))} (ASC|DESC)(?= LIMIT )`);
const ofOrganization = new RegExp(String.raw`${pattern(column('organization_id'))} = \$\d`);
const ofDestination = new RegExp(String.raw`${pattern(column('destination_id'))} = \$\d`);
/** Where there is one, the conditions above may be one of several, of which any is enough. */
const alternative = / OR | NOT /;

/**
 * A statement that reads a page of the log of one organization or destination by `id`, in the order of the index for
 * it: by the primary key Postgres may walk past any number of other entries, and Prisma's `orderBy` cannot say `nulls`
 * of a column without them. Returns nothing for any other statement.
 *
 * @param ofScope whether row level security leaves one organization.
 */
export function inOrderOfLog(sql: string, ofScope: boolean): string | undefined {
	const [all, direction] = order.exec(sql) ?? [];
	if (all === undefined) return undefined;
	const byId = `${column('id')} ${direction} NULLS ${direction === 'DESC' ? 'LAST' : 'FIRST'}`;
	if (ofScope) return sql.replace(all, ` ORDER BY ${byId}`);
	if (alternative.test(sql)) return undefined;
	if (ofOrganization.test(sql)) return sql.replace(all, ` ORDER BY ${byId}`);
	if (!ofDestination.test(sql)) return undefined;
	// All entries of a destination have one organization, so this changes no order.
	const byOrganization = `${column('organization_id')} ${direction === 'DESC' ? 'ASC' : 'DESC'}`;
	return sql.replace(all, ` ORDER BY ${byOrganization}, ${byId}`);
}
