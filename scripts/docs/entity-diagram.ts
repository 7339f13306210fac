import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GeneratedFile, root } from './generated-file.ts';

interface Model {
	readonly name: string;
	readonly table: string;
	readonly comment: string;
	readonly fields: readonly Field[];
}

interface Field {
	readonly name: string;
	readonly column: string;
	/** Of the database: `uuid`, `varchar(50)`. */
	readonly type: string;
	readonly isOptional: boolean;
	readonly isKey: boolean;
	/** The model that it refers to, and by which field. */
	readonly refersTo: { readonly model: string; readonly by: string } | undefined;
}

/** Postgres's names of the types for which the schema gives none. */
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
 * The tables and how they refer to each other. Read from the schema's text, which `prisma format` keeps
 * regular: Prisma's own description of it (DMMF) leaves out what is `@@ignore`d.
 */
export function entityDiagram(): GeneratedFile {
	const models = modelsOf(readFileSync(join(root, 'prisma/schema.prisma'), 'utf8'));
	const tables = models.map(
		({ table, comment }) => `| \`${table}\` | ${comment.replaceAll('|', '\\|')} |`,
	);
	const text = `# Tables

Made from [prisma/schema.prisma](../prisma/schema.prisma) by \`npm run docs\`. CHECKs, triggers, policies, grants and partial
indexes are in [prisma/migrations/](../prisma/migrations); \`npx consent-destinations doctor\` compares a database with them.

\`\`\`mermaid
erDiagram
${models.flatMap((model) => relationsOf(model, models)).join('\n')}
${models.map(entityOf).join('\n')}
\`\`\`

| Table | What |
| --- | --- |
${tables.join('\n')}

The log and the earlier settings refer to nothing, so that they outlive the rows that they describe.
`;
	return { path: 'docs/entities.md', text };
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

function entityOf({ table, fields }: Model): string {
	const foreign = new Set(fields.map(({ refersTo }) => refersTo?.by));
	const lines = fields
		.filter(({ refersTo }) => refersTo === undefined)
		.map(({ name, column, type, isKey, isOptional }) => {
			const keys = [...(isKey ? ['PK'] : []), ...(foreign.has(name) ? ['FK'] : [])].join(', ');
			return `    ${[type, column, keys, isOptional ? '"may be null"' : ''].filter(Boolean).join(' ')}`;
		});
	return `  ${table} {\n${lines.join('\n')}\n  }`;
}

/** Many to one: `||--o{`, or `|o--o{` where it may refer to nothing. */
function relationsOf({ table, fields }: Model, models: readonly Model[]): string[] {
	return fields.flatMap(({ refersTo, isOptional }) => {
		const target = models.find(({ name }) => name === refersTo?.model);
		const column = fields.find(({ name }) => name === refersTo?.by)?.column;
		if (target === undefined || column === undefined) return [];
		return [`  ${target.table} ${isOptional ? '|o' : '||'}--o{ ${table} : ${column}`];
	});
}
