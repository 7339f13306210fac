import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject } from './arguments.ts';
import type { Model } from './models.ts';
import { dataOfUpdate, liveFilter, type RowWriter, seeLive } from './row-writer.ts';
import { markDeleted } from './soft-deletes.ts';
import { restrictTo, rewriteWhere } from './where.ts';

/** A nested write of a relation to one destination. It replaces itself in `nested` where it is sent as another. */
type OneDestinationWrite = (
	rows: RowWriter,
	model: Model,
	nested: Arguments,
	value: unknown,
) => void;

/** The nested writes of a service's relation to one destination. What is not listed is refused. */
export const oneDestinationWrites: Readonly<Record<string, OneDestinationWrite>> = {
	connect(_, model, __, value) {
		seeLive(model, value);
	},
	create(rows, model, _, value) {
		const data = asObject(value);
		if (data !== undefined) rows.createDestination(model, data);
	},
	connectOrCreate(rows, model, _, value) {
		const args = asObject(value);
		if (args === undefined) return;
		liveFilter(model, args);
		const create = asObject(args.create);
		if (create !== undefined) rows.createDestination(model, create);
	},
	disconnect(_, model, nested, value) {
		if (value === true) nested.disconnect = { deletedAt: null };
		else seeLive(model, value);
	},
	delete(_, model, nested, value) {
		if (value === false) return;
		if (nested.update !== undefined) {
			throw new UnsupportedError(
				'The nested writes "delete" and "update" of one destination cannot be sent together.',
			);
		}
		delete nested.delete;
		const where = value === true ? {} : asObject(value);
		if (where === undefined) throw new UnsupportedError('A nested "delete" takes a filter.');
		rewriteWhere(model, where);
		nested.update = { where: restrictTo('live', where), data: markDeleted() };
	},
	update(rows, model, nested, value) {
		const args = asObject(value);
		if (args === undefined) return;
		const data = dataOfUpdate(model, args);
		if (data === undefined) return;
		const whole: Arguments = { where: data === args ? {} : (args.where ?? {}), data };
		const where = liveFilter(model, whole);
		rows.updateDestination(model, data, where);
		nested.update = whole;
	},
	upsert(rows, model, _, value) {
		const args = asObject(value);
		if (args === undefined) return;
		args.where ??= {};
		rows.upsertDestination(model, args);
	},
};
