import { columnName, fields } from '../destinations/columns.ts';
import { manifest } from '../doctor/manifest.ts';

const ofTable = manifest.objects.filter(({ of }) => of === 'public.destinations');
const ofKind = (kind: string) => ofTable.filter((object) => object.kind === kind);

/** Columns that the table of before cannot have, or has in another form, and what they are filled with. */
const filled: Readonly<Record<string, string>> = {
	settings: 'page.settings',
	settings_encrypted: 'true',
	version: '1',
	connection_status: `coalesce(d.connection_status, 'unknown')`,
};

const names = fields.map(columnName);

/** Columns that the table has to have, with their types as Postgres names them. */
export const wantedColumns = ofKind('column')
	.filter(({ name }) => name !== 'version')
	.map(({ name, definition }) => ({
		name,
		type: definition.replace(/ (NOT NULL|DEFAULT).*$/, ''),
	}));

/** What belongs to the new table, and how it is read from `d`, the row of before, and `page`. */
export const insertedColumns = names.join(', ');
export const insertedValues = names.map((name) => filled[name] ?? `d.${name}`).join(', ');

/** SQL that lists what of a row `d` the new table would refuse, settings aside: names of columns and constraints. */
export const refusedParts = `array_remove(ARRAY[${[
	...ofKind('column')
		.filter(({ name, definition }) => filled[name] === undefined && definition.includes('NOT NULL'))
		.map(({ name }) => `CASE WHEN d.${name} IS NULL THEN '${name} is null' END`),
	...ofKind('constraint')
		.filter(({ name, definition }) => definition.startsWith('CHECK ') && !name.includes('settings'))
		.map(
			({ name, definition }) =>
				`CASE WHEN NOT ${definition.slice('CHECK '.length)} THEN 'the constraint ${name} refuses it' END`,
		),
	...ofKind('column')
		.filter(({ definition }) => definition.startsWith('character varying('))
		.map(({ name, definition }) => {
			const limit = /\d+/.exec(definition)?.[0];
			return `CASE WHEN char_length(d.${name}) > ${limit} THEN '${name} is longer than ${limit} characters' END`;
		}),
	...ofKind('constraint').flatMap(({ definition }) => {
		const [, column, table] =
			/^FOREIGN KEY \((\w+)\) REFERENCES ([\w.]+)\(id\)/.exec(definition) ?? [];
		return column === undefined
			? []
			: [
					`CASE WHEN d.${column} IS NOT NULL AND NOT EXISTS (SELECT FROM ${table} AS o WHERE o.id = d.${column})
						THEN '${column} is not in ${table}' END`,
				];
	}),
].join(', ')}]::text[], NULL)`;
