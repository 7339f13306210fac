import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject, objectsIn } from './arguments.ts';
import type { Model } from './models.ts';
import { restrictTo, rewriteWhere } from './where.ts';

/** Takes the data of each row that a write reaches, and rewrites it in place. */
export interface RowWriter {
	createDestination(model: Model, data: Arguments, organizationId?: string): unknown;
	updateDestination(model: Model, data: Arguments, where: Arguments): void;
	updateDestinations(data: Arguments): void;
	upsertDestination(model: Model, args: Arguments, organizationId?: string): void;
	/** A new row of another model. Returns its id where destinations refer to it. */
	createOther(model: Model, data: Arguments): string | undefined;
	updateOther(model: Model, data: Arguments): void;
}

/** Rewrites the filter of a write, and makes it see live destinations only. Prisma refuses a write without one. */
export function liveFilter(model: Model, args: Arguments): Arguments {
	rewriteWhere(model, args.where);
	const where = asObject(args.where);
	return where === undefined ? {} : restrictTo('live', where);
}

/** Rewrites filters that a write has by themselves, and makes them see live destinations only. */
export function seeLive(model: Model, filters: unknown): void {
	for (const where of objectsIn(filters)) {
		rewriteWhere(model, where);
		restrictTo('live', where);
	}
}

/** The data of a nested update of one row, which stands beside a filter or alone. */
export function dataOfUpdate(model: Model, args: Arguments): Arguments | undefined {
	if (!('data' in args)) return args;
	if (model.fields.has('data') && args.where === undefined && asObject(args.data) !== undefined) {
		throw new UnsupportedError(
			`${model.name} has a column \`data\`, so a nested update of it needs a filter: { where: {}, data: { … } }.`,
		);
	}
	return model.fields.has('data') && args.where === undefined ? args : asObject(args.data);
}
