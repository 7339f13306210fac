import { z } from 'zod';
import { columnKinds, columnName } from '../../destinations/columns.ts';
import { ConfigurationError } from '../../errors.ts';
import { DataModel, isGuardedTable, type ModelDescription } from './models.ts';
import { type RelationField, relationFieldsOf } from './schema-text.ts';

/**
 * What a generated client carries of its schema: its models, which do not say what is a list, and the text. Prisma has
 * no public name for either since its client has no `Prisma.dmmf` any more.
 */
const generatedClient = z.object({
	_runtimeDataModel: z.object({
		models: z.record(
			z.string(),
			z.object({
				dbName: z.string().nullish(),
				schema: z.string().nullish(),
				fields: z.array(
					z.object({
						name: z.string(),
						kind: z.string(),
						type: z.string(),
						dbName: z.string().nullish(),
						relationName: z.string().nullish(),
					}),
				),
			}),
		),
	}),
	_engineConfig: z.object({ inlineSchema: z.string() }),
});

type GeneratedModel = z.infer<typeof generatedClient>['_runtimeDataModel']['models'][string];

/** The models that a Prisma client was generated from. @throws ConfigurationError if they cannot be guarded. */
export function modelsOf(client: object): DataModel {
	// A client is a proxy, of which zod would list the members.
	const { _runtimeDataModel, _engineConfig } = client as Record<string, unknown>;
	const parsed = generatedClient.safeParse({ _runtimeDataModel, _engineConfig });
	if (!parsed.success) {
		throw new ConfigurationError(
			'destinationsExtension() cannot read the models of this Prisma client. It was tried with clients that Prisma 7 generates.',
		);
	}
	const { models } = parsed.data._runtimeDataModel;
	const texts = relationFieldsOf(parsed.data._engineConfig.inlineSchema);
	checkNames(models);
	const idFields = referredFields(models, texts);
	const byOrganization = organizationRelations(models, texts);
	const descriptions = Object.entries(models).map(([name, model]) => [
		name,
		describe(name, model, texts, { idField: idFields.get(name), byOrganization }),
	]);
	return new DataModel(Object.fromEntries(descriptions));
}

type Texts = ReadonlyMap<string, ReadonlyMap<string, RelationField>>;

/** The fields that destinations refer to, by the model that has them. */
function referredFields(
	models: Readonly<Record<string, GeneratedModel>>,
	texts: Texts,
): ReadonlyMap<string, string> {
	const fields = new Map<string, string>();
	for (const { name, type, kind } of models.Destination?.fields ?? []) {
		const { references = [] } = kind === 'object' ? textOf(texts, 'Destination', name) : {};
		const [field, ...others] = references;
		if (field === undefined) continue;
		if (others.length > 0 || (fields.get(type) ?? field) !== field) {
			throw new ConfigurationError(
				`The relations of the model Destination to ${type} must refer to one field, the same each.`,
			);
		}
		fields.set(type, field);
	}
	return fields;
}

/** The names that Prisma has of relations between destinations and their organization. */
function organizationRelations(
	models: Readonly<Record<string, GeneratedModel>>,
	texts: Texts,
): ReadonlySet<string | null | undefined> {
	const relations = (models.Destination?.fields ?? []).filter(
		({ name, kind }) =>
			kind === 'object' && textOf(texts, 'Destination', name).fields.includes('organizationId'),
	);
	return new Set(relations.map(({ relationName }) => relationName));
}

function describe(
	name: string,
	model: GeneratedModel,
	texts: Texts,
	{ idField, byOrganization }: Referring,
): ModelDescription {
	const table = tableOf(name, model);
	const columns = model.fields.filter(({ kind }) => kind !== 'object');
	const relations = model.fields.filter(({ kind }) => kind === 'object');
	return {
		table: isGuardedTable(table) ? table : undefined,
		fields: columns.map((field) => field.name),
		json: columns.filter(({ type }) => type === 'Json').map((field) => field.name),
		relations: Object.fromEntries(
			relations.map(({ name: relation, type, relationName }) => [
				relation,
				{
					model: type,
					list: textOf(texts, name, relation).list,
					byOrganization: byOrganization.has(relationName),
				},
			]),
		),
		idField,
	};
}

/** How destinations refer to a model. */
interface Referring {
	readonly idField: string | undefined;
	readonly byOrganization: ReadonlySet<string | null | undefined>;
}

function textOf(texts: Texts, model: string, field: string): RelationField {
	const text = texts.get(model)?.get(field);
	if (text !== undefined) return text;
	throw new ConfigurationError(
		`destinationsExtension() cannot read the relation ${field} of the model ${model} in the schema of this Prisma client.`,
	);
}

/** Name of the model's table; nothing in a schema that is not this package's. */
function tableOf(name: string, { dbName, schema }: GeneratedModel): string {
	return (schema ?? 'public') === 'public' ? (dbName ?? name) : '';
}

/** Other code goes by these names, and so do the types. */
function checkNames(models: Readonly<Record<string, GeneratedModel>>): void {
	for (const [name, model] of Object.entries(models)) {
		const table = tableOf(name, model);
		if (!isGuardedTable(table)) continue;
		if (table === 'destinations' && name !== 'Destination') {
			throw new ConfigurationError(
				`The model of the table destinations must be called Destination, not ${name}. ${takeModels}`,
			);
		}
		const expected = table === 'destinations' ? columnKinds : neededOf[table];
		for (const field of Object.keys(expected)) {
			const found = model.fields.find((one) => one.name === field && one.kind !== 'object');
			if (found !== undefined && (found.dbName ?? found.name) === columnName(field)) continue;
			throw new ConfigurationError(
				`The model ${name} must have a field ${field} of the column ${columnName(field)}. ${takeModels}`,
			);
		}
	}
	const destination = models.Destination;
	if (destination !== undefined && tableOf('Destination', destination) === 'destinations') return;
	throw new ConfigurationError(
		`This Prisma client has no model Destination of the table destinations. ${takeModels}`,
	);
}

/** What the extension goes by of models that it lets nobody write. */
const neededOf = { destination_audit_log: {}, destination_settings_history: { settings: 'json' } };

const takeModels =
	'Take the models of prisma/models/destinations.prisma of @consent-io/destinations into the schema.';
