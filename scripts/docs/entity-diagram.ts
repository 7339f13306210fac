import { entityPicture } from './entity-picture.ts';
import type { GeneratedFile } from './generated-file.ts';
import { type Model, readModels } from './models.ts';

/** The document of the tables, and its picture of how they refer to each other. */
export function entityDiagram(): readonly [document: GeneratedFile, picture: GeneratedFile] {
	const models = readModels();
	const text = `# Tables

Made from [prisma/schema.prisma](../prisma/schema.prisma) by \`npm run docs\`. CHECKs, triggers, policies, grants and partial
indexes are in [prisma/migrations/](../prisma/migrations); \`npx consent-destinations doctor\` compares a database with them.

![The tables, their columns, and the foreign keys between them](pictures/entities.svg)

The log and the earlier settings refer to nothing, so that they outlive the rows that they describe.

${models.map((model) => columnsOf(model, models)).join('\n\n')}
`;
	return [
		{ path: 'docs/entities.md', text },
		{ path: 'docs/pictures/entities.svg', text: entityPicture(models) },
	];
}

/** The columns of a table, as text: for searches, and for those who do not see the picture. */
function columnsOf({ table, comment, fields }: Model, models: readonly Model[]): string {
	const rows = fields
		.filter(({ refersTo }) => refersTo === undefined)
		.map(({ name, column, type, isKey, isOptional }) => {
			const model = fields.find(({ refersTo }) => refersTo?.by === name)?.refersTo?.model;
			const target = models.find((each) => each.name === model)?.table;
			const notes = [
				...(isKey ? ['primary key'] : []),
				...(target === undefined ? [] : [`refers to \`${target}\``]),
				...(isOptional ? ['can be null'] : []),
			];
			return `| \`${column}\` | \`${type}\` | ${notes.join(', ')} |`;
		});
	return `## ${table}\n\n${comment}\n\n| Column | Type | Notes |\n| --- | --- | --- |\n${rows.join('\n')}`;
}
