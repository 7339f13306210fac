import {
	type ColumnKind,
	columnKinds,
	columnName,
	fieldName,
	fields,
} from '../../src/destinations/columns.ts';
import { changeableFields, fixedFields } from '../../src/destinations/input-schemas.ts';
import { manifest } from '../../src/doctor/manifest.ts';

const ofTable = manifest.objects.filter(
	({ kind, of }) => kind === 'column' && of === 'public.destinations',
);

const types: readonly (readonly [RegExp, ColumnKind])[] = [
	[/^(uuid|text|character varying\(\d+\))(?!\[)/, 'text'],
	[/^boolean/, 'boolean'],
	[/^integer/, 'integer'],
	[/^timestamp with time zone/, 'time'],
	[/^jsonb/, 'json'],
	[/^text\[\]/, 'list'],
];

test('the list of columns is that of the table, each read as its type is', () => {
	const found = ofTable.map(({ name, definition }) => [
		name,
		types.find(([pattern]) => pattern.test(definition))?.[1],
	]);
	const listed = fields.map((field) => [columnName(field), columnKinds[field]]);
	expect(new Map(listed as [string, string][])).toEqual(new Map(found as [string, string][]));
});

test('a column has one field, and a field one column', () => {
	for (const field of fields) expect(fieldName(columnName(field))).toBe(field);
});

test('an update may change a field, or may not', () => {
	expect([...changeableFields, ...fixedFields, 'settings'].sort()).toEqual([...fields].sort());
});
