const column = (name: string) => `"public"."destinations"."${name}"`;
const pattern = (text: string) => text.replaceAll('.', String.raw`\.`);

/**
 * A statement that finds destinations by their ids and by nothing else: in the midst of an operation Prisma reads again, or changes, rows
 * that it has found or made.
 */
const byIds = new RegExp(
	String.raw`^((?:SELECT .* FROM|UPDATE) .*"destinations".* WHERE \(?${pattern(column('id'))} (?:= \$\d+|IN \(\$\d+(?:, ?\$\d+)*\)))((?: AND 1=1\))?(?: RETURNING .*| LIMIT .*)?)$`,
	's',
);

/** The same statement with the organization, whose value comes behind the others; nothing where it is not one of these. */
export function amongOwn(sql: string, parameters: number): string | undefined {
	const [, found, tail = ''] = byIds.exec(sql) ?? [];
	if (found === undefined) return undefined;
	return `${found} AND ${column('organization_id')} = $${parameters + 1}${tail}`;
}
