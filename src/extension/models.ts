import { UnsupportedError } from '../errors.ts';

/** A relation of a model, as far as the extension must follow it to reach destinations. */
export interface Relation {
	readonly model: ModelName;
	readonly list: boolean;
}

export type ModelName = 'Destination' | 'Organization' | 'User';

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
};

export function relationsOf(model: ModelName): Record<string, Relation> {
	return relations[model];
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
