/** A relation as the text of a Prisma schema has it. */
export interface RelationField {
	readonly list: boolean;
	/** The fields that hold what it refers to, where they are in this model. */
	readonly fields: readonly string[];
	/** The fields of the other model that it refers to. */
	readonly references: readonly string[];
}

/**
 * The fields of every model in the text of a Prisma schema, as far as relations need them. The grammar:
 * https://www.prisma.io/docs/orm/reference/prisma-schema-reference
 */
export function relationFieldsOf(schema: string): ReadonlyMap<string, Map<string, RelationField>> {
	const text = schema.replace(commentsAndTexts, (found) => (found.startsWith('"') ? '""' : ' '));
	const models = new Map<string, Map<string, RelationField>>();
	for (const [, name = '', body = ''] of text.matchAll(
		/^\s*(?:model|view)\s+(\w+)\s*\{([^{}]*)\}/gm,
	)) {
		models.set(name, fieldsIn(body));
	}
	return models;
}

/** Braces and parentheses in them mean nothing. */
const commentsAndTexts = /"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function fieldsIn(body: string): Map<string, RelationField> {
	const fields = new Map<string, RelationField>();
	// An attribute may go over several lines, inside its parentheses.
	const lines = body.replace(/\([^()]*\)/g, (inner) => inner.replaceAll('\n', ' ')).split('\n');
	for (const line of lines) {
		const [, name, , list = '', attributes = ''] =
			/^\s*(\w+)\s+(\w+)(\[\])?\??\s*(.*)$/.exec(line) ?? [];
		if (name === undefined) continue;
		const relation = /@relation\s*\(([^()]*)\)/.exec(attributes)?.[1] ?? '';
		fields.set(name, {
			list: list !== '',
			fields: namesIn('fields', relation),
			references: namesIn('references', relation),
		});
	}
	return fields;
}

function namesIn(argument: string, relation: string): string[] {
	const names = new RegExp(`\\b${argument}\\s*:\\s*\\[([^\\]]*)\\]`).exec(relation)?.[1] ?? '';
	return names
		.split(',')
		.map((name) => name.trim())
		.filter((name) => name !== '');
}
