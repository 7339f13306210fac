import { type Arguments, asObject } from './arguments.ts';
import { isDestination, isField, type Model, relationOf } from './models.ts';
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

export interface RelationPlan {
	readonly name: string;
	readonly list: boolean;
	/** Set where it leads to one destination, which is not there if it is deleted. */
	readonly hides?: Hiding | undefined;
	readonly plan: ResultPlan;
}

/** How one deleted destination is hidden. No filter does so where a row refers to it. */
export interface Hiding {
	/** Whether the caller did not select `deletedAt`. */
	readonly added: boolean;
}

/** What an envelope is bound to, and whether there is one: needed to open settings. */
const neededToOpen = ['id', 'organizationId', 'type', 'settingsEncrypted'] as const;

/**
 * Rewrites the arguments of a read, at the top or nested, except for the live filter at the top.
 * Returns the plan by which {@link ResultPlan} results are opened, or nothing where there is nothing to open.
 */
export function rewriteRead(model: Model, args: Arguments): ResultPlan | undefined {
	rewriteWhere(model, args.where);
	rewriteWhere(model, args.cursor);
	checkOrderBy(model, args.orderBy);
	checkFields(model, 'distinct', args.distinct);
	return rewriteSelection(model, args);
}

/** Rewrites `select`, `include` and `omit` of any operation that returns rows. */
export function rewriteSelection(model: Model, args: Arguments): ResultPlan | undefined {
	const select = asObject(args.select);
	const nested = select ?? asObject(args.include);
	const relations = nested === undefined ? [] : rewriteRelations(model, nested);
	const opens = isDestination(model) ? addNeeded(model, args, select) : undefined;
	if (opens === undefined && relations.length === 0) return undefined;
	const [first] = relations;
	const fluent = select !== undefined && Object.keys(select).length === 1 ? first : undefined;
	return {
		relations,
		...(opens === undefined ? {} : { opens }),
		...(fluent === undefined ? {} : { fluent }),
	};
}

function rewriteRelations(model: Model, nested: Arguments): RelationPlan[] {
	const plans: RelationPlan[] = [];
	for (const [name, value] of Object.entries(nested)) {
		if (name === '_count') nested._count = liveCount(model, value);
		const relation = relationOf(model, name);
		if (relation === undefined || !value) continue;
		// To Prisma whatever is truthy selects the relation, `1` as well as `true`.
		const args = asObject(value) ?? {};
		nested[name] = args;
		const { model: related, list } = relation;
		const plan = rewriteRead(related, args);
		if (!isDestination(related)) {
			if (plan !== undefined) plans.push({ name, list, plan });
		} else if (list) {
			restrictWhere('live', args);
			if (plan !== undefined) plans.push({ name, list, plan });
		} else {
			plans.push({ name, list, hides: addDeletedAt(args), plan: plan ?? { relations: [] } });
		}
	}
	return plans;
}

/** `_count` of relations, with the deleted ones left out. */
function liveCount(model: Model, count: unknown): unknown {
	const listed = asObject(asObject(count)?.select);
	if (listed === undefined && count !== true) return count;
	const select: Arguments = {};
	for (const [name, { model: related, list }] of Object.entries(model.relations)) {
		const value = listed === undefined ? true : listed[name];
		if (!list || !value) continue;
		const args = asObject(value) ?? {};
		rewriteWhere(related, args.where);
		if (isDestination(related)) restrictWhere('live', args);
		select[name] = args;
	}
	// What is listed and no relation of the model is left in, for Prisma to refuse.
	return { select: { ...listed, ...select } };
}

/** Selects `deletedAt`, also where the whole client omits it. */
function addDeletedAt(args: Arguments): Hiding {
	const select = asObject(args.select);
	if (select !== undefined) {
		const added = !select.deletedAt;
		select.deletedAt = true;
		return { added };
	}
	const omit = asObject(args.omit) ?? {};
	const added = Boolean(omit.deletedAt);
	args.omit = { ...omit, deletedAt: false };
	return { added };
}

/**
 * What is not a field of the schema is one of another extension, for which Prisma reads what it is computed
 * from, settings maybe. Without a select every such field is computed.
 */
function addNeeded(
	model: Model,
	args: Arguments,
	select: Arguments | undefined,
): Opening | undefined {
	if (select !== undefined) {
		const selected = Object.keys(select).filter((name) => select[name]);
		const computes = !selected.every((name) => isField(model, name));
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
