import { columnKinds } from '../../destinations/columns.ts';
import { UnsupportedError } from '../../errors.ts';

/** A model of a Prisma schema, as far as the extension must know it to guard destinations. */
export interface Model {
	readonly name: string;
	/** What its table is to this package. */
	readonly table: GuardedTable | undefined;
	/** The fields that are columns. */
	readonly fields: ReadonlySet<string>;
	readonly relations: Readonly<Record<string, Relation>>;
	/** Whether its rows are among those that this package guards, or relations lead from it to such rows. */
	readonly reaches: boolean;
	/** The field that destinations refer to, if they do. */
	readonly idField: string | undefined;
}

/** A relation of a model. */
export interface Relation {
	readonly model: Model;
	readonly list: boolean;
	/** Whether it is that of a destination and its organization, seen from either. */
	readonly byOrganization: boolean;
}

/** The tables that this package guards. */
const guardedTables = [
	'destinations',
	'destination_audit_log',
	'destination_settings_history',
] as const;
export type GuardedTable = (typeof guardedTables)[number];

export function isGuardedTable(table: string): table is GuardedTable {
	return guardedTables.some((name) => name === table);
}

/** A model as a schema has it. */
export interface ModelDescription {
	readonly table: GuardedTable | undefined;
	readonly fields: readonly string[];
	/** The fields of type `Json`. */
	readonly json: readonly string[];
	readonly relations: Readonly<Record<string, RelationDescription>>;
	readonly idField?: string | undefined;
}

interface RelationDescription {
	readonly model: string;
	readonly list: boolean;
	readonly byOrganization?: boolean;
}

/** Names in arguments that are of more meanings than one, by what the schema's models have. */
export interface FieldNames {
	/** The relations of all models. */
	readonly relations: ReadonlySet<PropertyKey>;
	/** Those of them that lead to guarded rows themselves. */
	readonly guarded: ReadonlySet<PropertyKey>;
	/** The columns of the models that are not this package's. */
	readonly columns: ReadonlySet<string>;
	/** Those of them that hold JSON, which nobody but the service looks into. */
	readonly json: ReadonlySet<string>;
}

/** The models of a Prisma schema. */
export class DataModel {
	readonly names: FieldNames;
	readonly #models: ReadonlyMap<string, Model>;
	readonly #byDelegate: ReadonlyMap<PropertyKey, Model>;

	constructor(descriptions: Readonly<Record<string, ModelDescription>>) {
		const models = linkModels(descriptions);
		this.#models = models;
		this.#byDelegate = new Map(
			[...models].map(([name, model]) => [
				`${name.charAt(0).toLowerCase()}${name.slice(1)}`,
				model,
			]),
		);
		this.names = namesIn(descriptions);
	}

	/** The models, by what Prisma calls the methods of each. */
	get byDelegate(): ReadonlyMap<PropertyKey, Model> {
		return this.#byDelegate;
	}

	/** The model of which a member of a client has the methods: Prisma's clients have `Destination` beside `destination`. */
	ofProperty(property: PropertyKey): Model | undefined {
		return (
			this.#byDelegate.get(property) ??
			(typeof property === 'string' ? this.#models.get(property) : undefined)
		);
	}

	/**
	 * A model that the extension does not know could reach destinations by a relation that it does not
	 * follow, so its operations are refused.
	 */
	known(name: string): Model {
		const model = this.#models.get(name);
		if (model !== undefined) return model;
		throw new UnsupportedError(
			`destinationsExtension does not know the model ${name}. Use a Prisma client without the extension for it.`,
		);
	}
}

function linkModels(
	descriptions: Readonly<Record<string, ModelDescription>>,
): ReadonlyMap<string, Model> {
	const reaching = reachingModels(descriptions);
	const models = new Map<string, Model & { relations: Record<string, Relation> }>();
	for (const [name, { table, fields, idField }] of Object.entries(descriptions)) {
		models.set(name, {
			name,
			table,
			fields: new Set(fields),
			relations: {},
			reaches: reaching.has(name),
			idField,
		});
	}
	for (const [name, { relations }] of Object.entries(descriptions)) {
		for (const [field, { model, list, byOrganization = false }] of Object.entries(relations)) {
			const [from, to] = [models.get(name), models.get(model)];
			if (from === undefined || to === undefined)
				throw new TypeError(`There is no model ${model}.`);
			from.relations[field] = { model: to, list, byOrganization };
		}
	}
	return models;
}

/** The models from which relations lead to guarded rows, by however many steps. */
function reachingModels(
	descriptions: Readonly<Record<string, ModelDescription>>,
): ReadonlySet<string> {
	const all = Object.entries(descriptions);
	const reaching = new Set(
		all.filter(([, { table }]) => table !== undefined).map(([name]) => name),
	);
	let before = -1;
	while (before !== reaching.size) {
		before = reaching.size;
		for (const [name, { relations }] of all) {
			if (Object.values(relations).some(({ model }) => reaching.has(model))) reaching.add(name);
		}
	}
	return reaching;
}

function namesIn(descriptions: Readonly<Record<string, ModelDescription>>): FieldNames {
	const models = Object.values(descriptions);
	const all = models.flatMap((model) => Object.entries(model.relations));
	const relations = new Set(all.map(([name]) => name));
	const guarded = all.filter(([, { model }]) => descriptions[model]?.table !== undefined);
	const others = models.filter(({ table }) => table === undefined);
	const namesOf = (of: (model: ModelDescription) => readonly string[]) =>
		new Set(others.flatMap(of).filter((name) => !relations.has(name)));
	return {
		relations,
		guarded: new Set(guarded.map(([name]) => name)),
		columns: namesOf(({ fields }) => fields),
		json: namesOf(({ json }) => json),
	};
}

const destinations = { model: 'Destination', list: true };
const user = { model: 'User', list: false };
const organization = { model: 'Organization', list: false, byOrganization: true };

/** The models of schema.prisma, which the package's own client has. A test holds the two together. */
export const ownModels = new DataModel({
	Destination: {
		table: 'destinations',
		fields: Object.keys(columnKinds),
		json: ['settings'],
		relations: { organization, createdByUser: user, updatedByUser: user },
	},
	Organization: {
		table: undefined,
		fields: ['id'],
		json: [],
		relations: { destinations: { ...destinations, byOrganization: true } },
		idField: 'id',
	},
	User: {
		table: undefined,
		fields: ['id'],
		json: [],
		relations: { createdDestinations: destinations, updatedDestinations: destinations },
		idField: 'id',
	},
	DestinationAuditEntry: {
		table: 'destination_audit_log',
		fields: [],
		json: ['changes', 'configuration'],
		relations: {},
	},
	DestinationSettingsVersion: {
		table: 'destination_settings_history',
		fields: [],
		json: ['settings'],
		relations: {},
	},
});

/** Whether the model's rows are destinations. */
export function isDestination(model: Model): boolean {
	return model.table === 'destinations';
}

/** Whether the database alone writes the model's table. */
export function isReadOnly(model: Model): boolean {
	return model.table !== undefined && model.table !== 'destinations';
}

/** Whether the model's rows have settings, of which the database knows the ciphertext alone. */
export function hasSettings(model: Model): boolean {
	return model.table === 'destinations' || model.table === 'destination_settings_history';
}

/** Whether the schema has this field. What else a client has comes from another extension. */
export function isField(model: Model, name: string): boolean {
	return model.fields.has(name) || Object.hasOwn(model.relations, name);
}

/** The relations that lead to guarded rows. What others lead to is the service's own. */
export function relationsOf({ relations }: Model): readonly (readonly [string, Relation])[] {
	return Object.entries(relations).filter(([, { model }]) => model.reaches);
}

/**
 * A relation that leads to guarded rows, by its name. What every object inherits, such as `constructor`, is
 * not one.
 */
export function relationOf({ relations }: Model, name: string): Relation | undefined {
	const relation = Object.hasOwn(relations, name) ? relations[name] : undefined;
	return relation?.model.reaches ? relation : undefined;
}
