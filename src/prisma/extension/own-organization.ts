import { type Arguments, asObject, objectsIn } from './arguments.ts';
import { isDestination, type Model, relationOf } from './models.ts';
import { addCondition, restrictBy } from './where.ts';

/**
 * Has a rewritten operation name the organization of its scope wherever it looks for rows that belong to one: in its filters, in those on relations,
 * of nested reads, of counts and of nested writes. Row level security is what separates organizations, so this finds nothing else;
 * but by it a statement leads to one partition, or one shard.
 *
 * What is not an object is left for Prisma to refuse.
 */
export function nameOrganization(
	model: Model,
	operation: string,
	args: Arguments,
	organizationId: string,
): void {
	const named = new OwnOrganization(organizationId);
	if (operation.startsWith('create')) named.selection(model, args);
	else named.read(model, args);
	for (const part of [args.data, args.create, args.update]) named.write(model, part);
}

class OwnOrganization {
	readonly #id: string;

	constructor(organizationId: string) {
		this.#id = organizationId;
	}

	/** Arguments that find rows, at the top or nested. */
	read(model: Model, args: Arguments): void {
		args.where = this.#found(model, args.where === undefined ? {} : args.where);
		if (args.cursor !== undefined) this.#found(model, args.cursor);
		this.selection(model, args);
	}

	/** The data of a row, for the nested writes in it. */
	write(model: Model, data: unknown): void {
		for (const row of objectsIn(data)) {
			for (const [name, value] of Object.entries(row)) {
				const relation = relationOf(model, name);
				if (relation === undefined) continue;
				for (const [kind, nested] of Object.entries(asObject(value) ?? {})) {
					for (const one of objectsIn(nested)) this.#nestedWrite(relation.model, kind, one);
				}
			}
		}
	}

	#nestedWrite(model: Model, kind: string, nested: Arguments): void {
		if (filtersAlone.has(kind)) {
			this.#found(model, nested);
		} else if (kind === 'create') {
			this.write(model, nested);
		} else {
			if (nested.where !== undefined) this.#found(model, nested.where);
			const { data = kind === 'update' ? nested : undefined, create, update } = nested;
			for (const part of [data, create, update]) this.write(model, part);
		}
	}

	/** A filter, with the organization in it. */
	#found(model: Model, given: unknown): unknown {
		const where = asObject(given);
		if (where === undefined) return given;
		this.#relationsIn(model, where);
		const field = organizationField(model);
		if (field === 'organizationId') restrictBy(where, { organizationId: this.#id });
		// Beside a filter without an id, so that it does not become one that finds a row.
		else if (field === 'id' && where.id !== this.#id) addCondition(where, { id: this.#id });
		return where;
	}

	/** Filters on relations, inside of a filter. */
	#relationsIn(model: Model, where: Arguments): void {
		for (const [name, value] of Object.entries(where)) {
			if (name === 'AND' || name === 'OR' || name === 'NOT') {
				for (const part of objectsIn(value)) this.#relationsIn(model, part);
				continue;
			}
			const relation = relationOf(model, name);
			const filter = asObject(value);
			if (relation === undefined || filter === undefined) continue;
			const { model: related, list } = relation;
			if (list) {
				for (const some of [filter.some, filter.none]) this.#found(related, some);
				this.#everyIn(related, filter);
			} else {
				for (const one of [filter, filter.is, filter.isNot]) {
					this.#relationsIn(related, asObject(one) ?? {});
				}
			}
		}
	}

	/** What every row must meet, those of others need not. */
	#everyIn(model: Model, filter: Arguments): void {
		const every = asObject(filter.every);
		if (every === undefined) return;
		this.#relationsIn(model, every);
		// As it was rewritten, so that none of its parts is empty, which Prisma would drop.
		if (isDestination(model) && Array.isArray(every.OR)) {
			every.OR = [...every.OR, { organizationId: { not: this.#id } }];
		}
	}

	/** The relations that are read with a row. */
	selection(model: Model, { select, include }: Arguments): void {
		for (const nested of [asObject(select), asObject(include)]) {
			for (const [name, value] of Object.entries(nested ?? {})) {
				if (name === '_count') this.#counts(model, value);
				const relation = relationOf(model, name);
				const args = asObject(value);
				if (relation === undefined || args === undefined) continue;
				if (relation.list) this.read(relation.model, args);
				else this.selection(relation.model, args);
			}
		}
	}

	/** Counts of relations, each with a filter since they were rewritten. */
	#counts(model: Model, count: unknown): void {
		for (const [name, value] of Object.entries(asObject(asObject(count)?.select) ?? {})) {
			const relation = relationOf(model, name);
			const args = asObject(value);
			if (relation !== undefined && args !== undefined) this.read(relation.model, args);
		}
	}
}

/** Nested writes that are given the filters of rows, and nothing else. */
const filtersAlone: ReadonlySet<string> = new Set([
	'connect',
	'disconnect',
	'delete',
	'deleteMany',
]);

/** The field of a model by which its rows belong to an organization, where they do. */
function organizationField({ table, relations }: Model): 'id' | 'organizationId' | undefined {
	if (table !== undefined) return 'organizationId';
	const isOrganization = Object.values(relations).some(
		({ byOrganization, list }) => byOrganization && list,
	);
	return isOrganization ? 'id' : undefined;
}
