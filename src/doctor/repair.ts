import { type CatalogObject, type FoundObject, switchedTo } from './catalog.ts';

/** Statements that make an object what it should be, or take away one that should not be. */
export function repair(
	expected: CatalogObject | undefined,
	found: CatalogObject | undefined,
	owner: string,
): string {
	if (expected === undefined) return found === undefined ? '' : removal(found);
	switch (expected.kind) {
		case 'role':
			return `CREATE ROLE ${expected.name} NOLOGIN NOINHERIT;`;
		case 'storage':
			return `ALTER TABLE ${expected.of} SET (${expected.definition});`;
		case 'row level security':
			return `ALTER TABLE ${expected.of} ENABLE ROW LEVEL SECURITY;\nALTER TABLE ${expected.of} FORCE ROW LEVEL SECURITY;`;
		case 'column':
			return columnRepair(expected, found);
		case 'constraint':
			return constraintRepair(expected, found);
		case 'index':
			return `${found === undefined ? '' : `${removal(found)}\n`}${expected.definition.replace(' INDEX ', ' INDEX CONCURRENTLY ')};`;
		case 'trigger':
			if (found !== undefined && switchedTo(expected, found) !== undefined) {
				return `ALTER TABLE ${expected.of} ENABLE TRIGGER ${expected.name};`;
			}
			return `${found === undefined ? '' : `${removal(found)}\n`}${expected.definition};`;
		case 'policy':
			return `DROP POLICY IF EXISTS ${expected.name} ON ${expected.of};\nCREATE POLICY ${expected.name} ON ${expected.of} ${expected.definition.replace(' TO OWNER ', ` TO ${owner} `)};`;
		case 'function':
			return `${expected.definition.trimEnd()};`;
		default:
			return '';
	}
}

function removal({ kind, of, name }: CatalogObject): string {
	switch (kind) {
		case 'index':
			return `DROP INDEX CONCURRENTLY ${schemaOf(of)}.${name};`;
		case 'constraint':
			return `ALTER TABLE ${of} DROP CONSTRAINT ${name};`;
		case 'trigger':
		case 'rule':
		case 'policy':
			return `DROP ${kind.toUpperCase()} ${name} ON ${of};`;
		case 'function':
			return `DROP FUNCTION ${of};`;
		default:
			return '';
	}
}

function columnRepair({ of, name, definition }: CatalogObject, found?: CatalogObject): string {
	const alter = `ALTER TABLE ${of}`;
	if (found === undefined) return `${alter} ADD COLUMN ${name} ${definition};`;
	const wanted = columnParts(definition);
	const is = columnParts(found.definition);
	const changes: string[] = [];
	if (wanted.type !== is.type) changes.push(`TYPE ${wanted.type}`);
	if (wanted.notNull !== is.notNull) changes.push(`${wanted.notNull ? 'SET' : 'DROP'} NOT NULL`);
	if (wanted.value !== is.value) {
		changes.push(wanted.value === undefined ? 'DROP DEFAULT' : `SET DEFAULT ${wanted.value}`);
	}
	return changes.map((change) => `${alter} ALTER COLUMN ${name} ${change};`).join('\n');
}

function columnParts(definition: string) {
	const [, type, notNull, value] =
		/^(.*?)( NOT NULL)?(?: GENERATED .*| DEFAULT (.*))?$/.exec(definition) ?? [];
	return { type, notNull: notNull !== undefined, value };
}

function constraintRepair({ of, name, definition }: CatalogObject, found?: CatalogObject): string {
	if (found?.definition === `${definition} NOT VALID`) {
		return `ALTER TABLE ${of} VALIDATE CONSTRAINT ${name};`;
	}
	if (found?.definition === `${definition} DISABLED`) {
		const [, other] = /REFERENCES ([^(]+)\(/.exec(definition) ?? [];
		return [of, other].map((table) => `ALTER TABLE ${table} ENABLE TRIGGER ALL;`).join('\n');
	}
	const drop = found === undefined ? '' : `ALTER TABLE ${of} DROP CONSTRAINT ${name};\n`;
	return `${drop}ALTER TABLE ${of} ADD CONSTRAINT ${name} ${definition};`;
}

function schemaOf(table: string): string {
	return table.slice(0, table.lastIndexOf('.'));
}

/** Who owns the objects, as SQL writes the name: whoever owns the table of destinations. */
export function ownerOf(found: readonly FoundObject[]): string | undefined {
	const table = found.find(({ kind, of }) => kind === 'table' && of === 'public.destinations');
	return table?.owner ?? undefined;
}
