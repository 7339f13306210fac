/** How many statements are kept prepared on each connection; Postgres holds some 10 to 50 KB for one. */
const capacity = 300;

/**
 * Gives each SQL text a name, by which pg prepares it once a connection. The first texts keep their names
 * for good, because a name that is given up stays prepared on the server: a service's frequent statements
 * come first, and what comes later (lists of every length) goes unnamed.
 */
export function nameStatements(): (statement: { readonly sql: string }) => string {
	const names = new Map<string, string>();
	return ({ sql }) => {
		const known = names.get(sql);
		if (known !== undefined) return known;
		// To pg an empty name is none.
		if (names.size >= capacity) return '';
		const name = `consent_${names.size + 1}`;
		names.set(sql, name);
		return name;
	};
}
