import { UnsupportedError } from '../../errors.ts';
import { isPlainObject } from '../../input/plain-object.ts';
import { type Arguments, asObject, objectsIn } from './arguments.ts';
import { hasSettings, isDestination, type Model, relationOf } from './models.ts';

/** Which destinations an operation may see. */
export type RowFilter = 'live' | 'all' | 'deleted';

/** Adds the condition on `deleted_at` to a filter, which keeps its own, a unique one included. */
export function restrictTo(rows: RowFilter, where: Arguments): Arguments {
	if (rows === 'all') return where;
	// Prisma would take `Prisma.skip`, for one, with the condition and all, for no filter.
	if (!isPlainObject(where)) throw new UnsupportedError('A filter must be a plain object.');
	restrictBy(where, { deletedAt: rows === 'live' ? null : { not: null } });
	return where;
}

/** Adds conditions on fields, beside those that the filter has on the same fields. */
export function restrictBy(where: Arguments, conditions: Arguments): void {
	for (const [name, condition] of Object.entries(conditions)) {
		if (where[name] === undefined) where[name] = condition;
		else if (where[name] !== condition) addCondition(where, { [name]: condition });
	}
}

/** Adds a condition to a filter. What stands in `AND` and is not a filter is left in, for Prisma to refuse. */
export function addCondition(where: Arguments, condition: Arguments): void {
	const others: unknown = where.AND;
	if (others === undefined) where.AND = condition;
	else where.AND = [others, condition].flat();
}

/**
 * Adds the condition to the filter in the argument `where`, also where there is none. What is not a filter,
 * null included, is left for Prisma to refuse: in its place the condition alone would find every live row.
 */
export function restrictWhere(rows: RowFilter, args: Arguments): void {
	const where = args.where === undefined ? {} : asObject(args.where);
	if (where !== undefined) args.where = restrictTo(rows, where);
}

/** A filter that no row meets. */
export const nothing = { id: { in: [] } };

/**
 * Makes a filter, and every filter on relations in it, see live destinations only, and refuses
 * conditions on settings: on ciphertext they would silently match nothing.
 */
export function rewriteWhere(model: Model, where: unknown): void {
	const filter = asObject(where);
	if (filter === undefined) return;
	for (const [name, value] of Object.entries(filter)) {
		if (value === undefined) continue;
		if (name === 'AND' || name === 'OR' || name === 'NOT') {
			for (const part of objectsIn(value)) rewriteWhere(model, part);
		} else if (hasSettings(model) && name === 'settings') {
			throw new UnsupportedError(
				'Settings are encrypted, so they cannot be filtered. Filter by other fields, and by settings after reading.',
			);
		} else {
			rewriteRelationFilter(model, filter, name);
		}
	}
}

function rewriteRelationFilter(model: Model, where: Arguments, name: string): void {
	const relation = relationOf(model, name);
	if (relation === undefined) return;
	const filter = asObject(where[name]);
	const { model: related, list } = relation;
	if (where[name] === null && isDestination(related)) where[name] = { isNot: { deletedAt: null } };
	if (filter === undefined) return;
	if (list) {
		rewriteListFilter(related, filter);
		return;
	}
	rewriteOneFilter(related, filter);
	if (isDestination(related)) seeOneLive(filter);
}

/** Makes the filter on a relation to one destination take a deleted one for none. */
function seeOneLive(filter: Arguments): void {
	const { is, isNot } = filter;
	if (is === undefined && isNot === undefined) {
		restrictTo('live', filter);
	} else if (is === null) {
		if (isNot !== undefined) {
			throw new UnsupportedError('A filter on a relation to a destination takes `is` or `isNot`.');
		}
		delete filter.is;
		filter.isNot = { deletedAt: null };
	} else {
		const condition = is === undefined ? undefined : asObject(is);
		if (condition !== undefined) restrictTo('live', condition);
		if (isNot === null) {
			delete filter.isNot;
			filter.is = condition ?? { deletedAt: null };
		} else if (asObject(isNot) !== undefined) {
			filter.isNot = restrictTo('live', asObject(isNot) ?? {});
		}
	}
}

function rewriteOneFilter(model: Model, filter: Arguments): void {
	// Beside `is: undefined` Prisma reads the fields themselves, so both forms are looked at.
	rewriteWhere(model, filter);
	rewriteWhere(model, filter.is);
	rewriteWhere(model, filter.isNot);
}

function rewriteListFilter(model: Model, filter: Arguments): void {
	for (const quantifier of Object.keys(filter)) {
		const inner = asObject(filter[quantifier]);
		if (inner === undefined) continue;
		rewriteWhere(model, inner);
		const known = quantifier === 'some' || quantifier === 'none' || quantifier === 'every';
		if (known && !isDestination(model)) continue;
		if (quantifier === 'some' || quantifier === 'none') {
			filter[quantifier] = restrictTo('live', inner);
		} else if (quantifier === 'every') {
			filter.every = everyLive(inner);
		} else {
			throw new UnsupportedError(`The relation filter "${quantifier}" is not supported.`);
		}
	}
}

/**
 * The condition on every row where only live ones must meet it. Inside an OR, Prisma drops what says nothing:
 * the condition does not, because it names `deletedAt`. An empty `OR` in it, which no row meets where it
 * stands now, would say nothing there, so it gets a member that no row meets.
 */
function everyLive(condition: Arguments): Arguments {
	if (condition.OR !== undefined) condition.OR = [condition.OR, nothing].flat();
	return { OR: [{ deletedAt: { not: null } }, restrictTo('live', condition)] };
}

/**
 * Refuses an order by settings, which would be the order of ciphertexts, and one by the number of
 * destinations, in which Prisma counts deleted ones.
 */
export function checkOrderBy(model: Model, orderBy: unknown): void {
	for (const order of objectsIn(orderBy)) {
		for (const [name, value] of Object.entries(order)) {
			if (value === undefined) continue;
			if (hasSettings(model) && name === 'settings') {
				throw new UnsupportedError(
					'Settings are encrypted, so rows cannot be ordered by them. Sort after reading.',
				);
			}
			const relation = relationOf(model, name);
			if (relation?.list && !isDestination(relation.model)) continue;
			if (relation?.list) {
				throw new UnsupportedError(
					`An order by ${name} counts soft-deleted destinations too. Read the counts with _count and sort them.`,
				);
			}
			if (relation !== undefined) checkOrderBy(relation.model, value);
		}
	}
}

/** Refuses settings among the fields of `distinct` and of `groupBy`'s `by`: every ciphertext differs. */
export function checkFields(model: Model, argument: string, fields: unknown): void {
	const names: unknown[] = Array.isArray(fields) ? fields : [fields];
	if (hasSettings(model) && names.includes('settings')) {
		throw new UnsupportedError(
			`Settings are encrypted, and every ciphertext differs, so "${argument}" cannot use them. Compare them after reading.`,
		);
	}
}
