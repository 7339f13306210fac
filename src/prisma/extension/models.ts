import { columnKinds } from '../../destinations/columns.ts';
import { UnsupportedError } from '../../errors.ts';

/** A relation of a model, as far as the extension must follow it to reach destinations. */
export interface Relation {
	readonly model: ModelName;
	readonly list: boolean;
}

export type ModelName =
	| 'Destination'
	| 'Organization'
	| 'User'
	| 'DestinationAuditEntry'
	| 'DestinationSettingsVersion';

/** The relations of every model in schema.prisma. A test holds the two together. */
const relations: Record<ModelName, Record<string, Relation>> = {
	Destination: {
		organization: { model: 'Organization', list: false },
		createdByUser: { model: 'User', list: false },
		updatedByUser: { model: 'User', list: false },
	},
	Organization: {
		destinations: { model: 'Destination', list: true },
	},
	User: {
		createdDestinations: { model: 'Destination', list: true },
		updatedDestinations: { model: 'Destination', list: true },
	},
	DestinationAuditEntry: {},
	DestinationSettingsVersion: {},
};

/** The relations of all models. */
export const relationNames: readonly string[] = Object.values(relations).flatMap(Object.keys);

/** Whether the database alone writes the model's table. */
export function isReadOnly(model: ModelName): boolean {
	return model === 'DestinationAuditEntry' || model === 'DestinationSettingsVersion';
}

/** Whether the model's rows have settings, of which the database knows the ciphertext alone. */
export function hasSettings(model: ModelName): boolean {
	return model === 'Destination' || model === 'DestinationSettingsVersion';
}

/** The models, by what Prisma calls the methods of each. */
export const modelsByDelegate: ReadonlyMap<PropertyKey, ModelName> = new Map(
	// These are exactly the names of the models.
	(Object.keys(relations) as ModelName[]).map((model) => [
		`${model.charAt(0).toLowerCase()}${model.slice(1)}`,
		model,
	]),
);

/** Whether the schema has this field. What else a client has comes from another extension. */
export function isDestinationField(name: string): boolean {
	return Object.hasOwn(columnKinds, name) || Object.hasOwn(relations.Destination, name);
}

export function relationsOf(model: ModelName): Record<string, Relation> {
	return relations[model];
}

/** A relation by its name. What every object inherits, such as `constructor`, is not one. */
export function relationOf(model: ModelName, name: string): Relation | undefined {
	return Object.hasOwn(relations[model], name) ? relations[model][name] : undefined;
}

/**
 * A model that the extension does not know could reach destinations by a relation that it does not
 * follow, so its operations are refused.
 */
export function knownModel(model: string): ModelName {
	if (Object.hasOwn(relations, model)) return model as ModelName; // hasOwn has checked it
	throw new UnsupportedError(
		`destinationsExtension does not know the model ${model}. Use a Prisma client without the extension for it.`,
	);
}
