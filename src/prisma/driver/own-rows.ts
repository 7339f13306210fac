const column = (name: string) => `"public"."destinations"."${name}"`;
const pattern = (text: string) => text.replaceAll('.', String.raw`\.`);

/**
 * The last condition of a statement that finds destinations by their ids and by nothing else: in the midst of an operation Prisma reads again, or changes, rows
 * that it has found or made.
 */
const byIds = new RegExp(
	String.raw`^( WHERE \(?${pattern(column('id'))} (?:= \$\d+|IN \(\$\d+(?:, ?\$\d+)*\)))((?: AND 1=1\))?(?: RETURNING .*| LIMIT .*)?)$`,
	's',
);

/** The same statement with the organization, whose value comes behind the others; nothing where it is not one of these. */
export function amongOwn(sql: string, parameters: number): string | undefined {
	if (!sql.startsWith('SELECT ') && !sql.startsWith('UPDATE ')) return undefined;
	// Looked for by itself: a pattern for all of the statement would try each of its columns as the table.
	const at = sql.lastIndexOf(' WHERE ');
	const [, found, tail = ''] = byIds.exec(sql.slice(at)) ?? [];
	if (found === undefined) return undefined;
	return `${sql.slice(0, at)}${found} AND ${column('organization_id')} = $${parameters + 1}${tail}`;
}
