import { type Arguments, asObject } from './arguments.ts';
import { isDestinationField, type ModelName, relationOf, relationsOf } from './models.ts';
import { checkFields, checkOrderBy, restrictWhere, rewriteWhere } from './where.ts';

/** Where in a result the destinations are, and what was added to them for opening their settings. */
export interface ResultPlan {
	/** Set where the result's rows are destinations with settings. */
	readonly opens?: Opening;
	readonly relations: readonly RelationPlan[];
	/** Set where a single relation is selected and nothing else, as Prisma's fluent API does. */
	readonly fluent?: RelationPlan;
}

/** How the settings of a row are opened. */
export interface Opening {
	/** What the caller did not select and opening needs. */
	readonly added: readonly string[];
	/** Whether another extension may compute a field from what was added. */
	readonly computes: boolean;
	/** Whether the caller named settings in a `select`. */
	readonly selected: boolean;
}

interface RelationPlan {
	readonly name: string;
	readonly list: boolean;
	readonly plan: ResultPlan;
}

/** What an envelope is bound to, and whether there is one: needed to open settings. */
const neededToOpen = ['id', 'organizationId', 'type', 'settingsEncrypted'] as const;

/**
 * Rewrites the arguments of a read, at the top or nested, except for the live filter at the top.
 * Gives the plan by which {@link ResultPlan} results are opened, or nothing where there is nothing to open.
 */
export function rewriteRead(model: ModelName, args: Arguments): ResultPlan | undefined {
	rewriteWhere(model, args.where);
	rewriteWhere(model, args.cursor);
	checkOrderBy(model, args.orderBy);
	checkFields(model, 'distinct', args.distinct);
	return rewriteSelection(model, args);
}

/** Rewrites `select`, `include` and `omit` of any operation that returns rows. */
export function rewriteSelection(model: ModelName, args: Arguments): ResultPlan | undefined {
	const select = asObject(args.select);
	const nested = select ?? asObject(args.include);
	const relations = nested === undefined ? [] : rewriteRelations(model, nested);
	const opens = model === 'Destination' ? addNeeded(args, select) : undefined;
	if (opens === undefined && relations.length === 0) return undefined;
	const [first] = relations;
	const fluent = select !== undefined && Object.keys(select).length === 1 ? first : undefined;
	return {
		relations,
		...(opens === undefined ? {} : { opens }),
		...(fluent === undefined ? {} : { fluent }),
	};
}

function rewriteRelations(model: ModelName, nested: Arguments): RelationPlan[] {
	const plans: RelationPlan[] = [];
	for (const [name, value] of Object.entries(nested)) {
		if (name === '_count') nested._count = liveCount(model, value);
		const relation = relationOf(model, name);
		if (relation === undefined || !value) continue;
		// To Prisma whatever is truthy selects the relation, `1` as well as `true`.
		const args = asObject(value) ?? {};
		nested[name] = args;
		const plan = rewriteRead(relation.model, args);
		if (relation.list) restrictWhere('live', args);
		if (plan !== undefined) plans.push({ name, list: relation.list, plan });
	}
	return plans;
}

/** `_count` of relations, with the deleted ones left out. */
function liveCount(model: ModelName, count: unknown): unknown {
	const listed = asObject(asObject(count)?.select);
	if (listed === undefined && count !== true) return count;
	const select: Arguments = {};
	for (const [name, relation] of Object.entries(relationsOf(model))) {
		const value = listed === undefined ? true : listed[name];
		if (!relation.list || !value) continue;
		const args = asObject(value) ?? {};
		rewriteWhere(relation.model, args.where);
		restrictWhere('live', args);
		select[name] = args;
	}
	// What is listed and no relation of the model is left in, for Prisma to refuse.
	return { select: { ...listed, ...select } };
}

/**
 * What is no field of the schema is one of another extension, for which Prisma reads what it is computed
 * from, settings maybe. Without a select every such field is computed.
 */
function addNeeded(args: Arguments, select: Arguments | undefined): Opening | undefined {
	if (select !== undefined) {
		const selected = Object.keys(select).filter((name) => select[name]);
		const computes = !selected.every(isDestinationField);
		if (!select.settings && !computes) return undefined;
		const added = neededToOpen.filter((name) => !select[name]);
		for (const name of added) select[name] = true;
		return { added, computes, selected: Boolean(select.settings) };
	}
	const omit = asObject(args.omit) ?? {};
	const added = neededToOpen.filter((name) => omit[name]);
	for (const name of added) omit[name] = false;
	return { added, computes: true, selected: false };
}
