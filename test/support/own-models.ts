import {
	isField,
	isReadOnly as isReadOnlyModel,
	ownModels,
	relationsOf as relationsOfModel,
} from '../../src/prisma/extension/models.ts';
import { planOperation as plan } from '../../src/prisma/extension/operations.ts';

// The models of this package's own schema, by their names.

export type ModelName =
	| 'Destination'
	| 'Organization'
	| 'User'
	| 'DestinationAuditEntry'
	| 'DestinationSettingsVersion';

export const modelsByDelegate: ReadonlyMap<PropertyKey, ModelName> = new Map(
	[...ownModels.byDelegate].map(([delegate, { name }]) => [delegate, name as ModelName]),
);

export const relationNames = [...ownModels.names.relations].map(String);

export function relationsOf(model: ModelName): Record<string, { model: ModelName; list: boolean }> {
	return Object.fromEntries(
		relationsOfModel(ownModels.known(model)).map(([name, { model: related, list }]) => [
			name,
			{ model: related.name as ModelName, list },
		]),
	);
}

export function isReadOnly(model: ModelName): boolean {
	return isReadOnlyModel(ownModels.known(model));
}

export function knownModel(model: string): ModelName {
	return ownModels.known(model).name as ModelName;
}

export function isDestinationField(name: string): boolean {
	return isField(ownModels.known('Destination'), name);
}

export function planOperation(
	model: ModelName,
	operation: string,
	args: Parameters<typeof plan>[2],
): ReturnType<typeof plan> {
	return plan(ownModels.known(model), operation, args);
}
