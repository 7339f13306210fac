import { createHash } from 'node:crypto';

/** How many statements are kept prepared on each connection; Postgres holds some 10 to 50 KB for one. */
const capacity = 300;

/**
 * The name of a text's prepared statement. It comes from the text, so that one name is one statement for all
 * processes: where a pooler hands a session on, a statement that another process prepared is the same, or is not
 * there and fails. Half of SHA-256, which leaves no two texts with one name.
 */
export function statementName(sql: string): string {
	return `consent_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`;
}

/**
 * Names each SQL text, by which pg prepares it once a connection. The first texts keep their names
 * permanently, because a name that is given up stays prepared on the server: a service's frequent statements
 * come first, and what comes later (lists of every length) goes unnamed.
 */
export function nameStatements(): (statement: { readonly sql: string }) => string {
	const names = new Map<string, string>();
	return ({ sql }) => {
		const known = names.get(sql);
		if (known !== undefined) return known;
		// pg takes an empty name for no name.
		if (names.size >= capacity) return '';
		const name = statementName(sql);
		names.set(sql, name);
		return name;
	};
}
