import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject } from './arguments.ts';
import type { Model } from './models.ts';
import { restrictTo, rewriteWhere } from './where.ts';

/** Nested writes that are sent as another one, which sets `deletedAt`. */
const softDeletes: Readonly<Record<string, string>> = {
	delete: 'update',
	deleteMany: 'updateMany',
};

/** The change that deletes a row. Prisma needs a time; the database writes that of its own clock in its place. */
export function markDeleted(): Arguments {
	return { deletedAt: new Date() };
}

/**
 * Turns nested deletes of destinations into nested updates, each in its place: Prisma runs nested writes
 * in the order of their names, so that a `deleteMany` before a `create` replaces what was there.
 */
export function softDeleteNested(model: Model, nested: Arguments): void {
	const writes = Object.entries(nested).filter(([, value]) => value !== undefined);
	for (const name of Object.keys(nested)) delete nested[name];
	let last: string | undefined;
	for (const [name, value] of writes) {
		const sentAs = softDeletes[name] ?? name;
		const sent = sentAs === name ? value : softDeletesOf(model, name, value);
		if (sentAs !== last && sentAs in nested) {
			throw new UnsupportedError(
				`The nested writes "${name}" and "${sentAs}" are sent together, so no other may stand between them.`,
			);
		}
		nested[sentAs] = sentAs in nested ? [nested[sentAs], sent].flat() : sent;
		last = sentAs;
	}
}

function softDeletesOf(model: Model, name: string, filters: unknown): Arguments[] {
	return [filters].flat().map((filter) => {
		const where = asObject(filter);
		if (where === undefined) throw new UnsupportedError(`A nested "${name}" takes filters.`);
		rewriteWhere(model, where);
		return { where: restrictTo('live', where), data: markDeleted() };
	});
}
