import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './generated-file.ts';

/** A table. */
export interface Model {
	readonly name: string;
	readonly table: string;
	readonly comment: string;
	readonly fields: readonly Field[];
}

/** A column, or a relation to another table. */
export interface Field {
	readonly name: string;
	readonly column: string;
	/** Of the database: `uuid`, `varchar(50)`. */
	readonly type: string;
	readonly isOptional: boolean;
	readonly isKey: boolean;
	/** The model that it refers to, and by which field. */
	readonly refersTo: { readonly model: string; readonly by: string } | undefined;
}

/** Postgres's names of the types for which the schema has none. */
const nativeTypes: Readonly<Record<string, string>> = {
	String: 'text',
	Boolean: 'boolean',
	Int: 'integer',
	BigInt: 'bigint',
	Json: 'jsonb',
	DateTime: 'timestamp',
	Bytes: 'bytea',
};

/**
 * The models of the schema. Read from its text, which `prisma format` keeps regular: Prisma's own description of it (DMMF)
 * leaves out what is `@@ignore`d.
 */
export function readModels(): Model[] {
	return modelsOf(readFileSync(join(root, 'prisma/schema.prisma'), 'utf8'));
}

function modelsOf(schema: string): Model[] {
	const models = [...schema.matchAll(/((?:^\/\/\/.*\n)*)^model (\w+) \{\n([\s\S]*?)^\}/gm)];
	const names = new Set(models.map(([, , name]) => name));
	return models.map(([, comment = '', name = '', body = '']) => ({
		name,
		table: /@@map\("(\w+)"\)/.exec(body)?.[1] ?? name,
		comment: comment
			.replace(/^\/\/\/ ?/gm, '')
			.trim()
			.replaceAll('\n', ' '),
		fields: body.split('\n').flatMap((line) => fieldOf(line, body, names)),
	}));
}

function fieldOf(line: string, body: string, models: ReadonlySet<string | undefined>): Field[] {
	const [, name = '', type = '', many, attributes = ''] =
		/^\s+(\w+)\s+(\w+)(\[\]|\?)?(.*)$/.exec(line) ?? [];
	if (name === '') return [];
	const by = /@relation\(.*fields: \[(\w+)\]/.exec(attributes)?.[1];
	const isModel = models.has(type);
	if (isModel && by === undefined) return [];
	const native = /@db\.(\w+)(\(\d+\))?/.exec(attributes);
	const ids = /@@id\(\[([^\]]*)\]\)/.exec(body)?.[1]?.split(', ') ?? [];
	const own = native === null ? nativeTypes[type] : `${native[1]?.toLowerCase()}${native[2] ?? ''}`;
	return [
		{
			name,
			column: /@map\("(\w+)"\)/.exec(attributes)?.[1] ?? name,
			type: `${own}${many === '[]' ? '[]' : ''}`,
			isOptional: many === '?',
			isKey: / @id\b/.test(attributes) || ids.includes(name),
			refersTo: isModel && by !== undefined ? { model: type, by } : undefined,
		},
	];
}
