/** A column: quoted, or as it is up to the next comma. Marks inside quotes are doubled. */
const column = /"((?:[^"\\]+|""|\\.)*)"|([^",()\\]*)/sy;

/**
 * The columns of a row as Postgres writes one: `(a,"b ""c""",,"")`
 * (https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX). A row without columns looks like one with NULL
 * alone.
 *
 * @throws if the text is not such a row.
 */
export function columnsOf(record: string): (string | null)[] {
	const columns: (string | null)[] = [];
	for (let at = 0; at < record.length - 1; ) {
		if (record[at] !== (at === 0 ? '(' : ',')) break;
		column.lastIndex = at + 1;
		const [, quoted, plain] = column.exec(record) ?? [];
		// Empty is NULL; an empty text is quoted.
		columns.push(quoted === undefined ? plain || null : quoted.replace(/["\\](["\\])/g, '$1'));
		at = column.lastIndex;
		if (at === record.length - 1 && record[at] === ')') return columns;
	}
	throw new Error('What should be a row of Postgres is not one');
}
