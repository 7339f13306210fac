import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject, objectsIn } from './arguments.ts';
import { isDestination, isReadOnly, type Model } from './models.ts';
import type { OpenOptions } from './open-result.ts';
import { type ResultPlan, rewriteRead, rewriteSelection } from './selection.ts';
import { checkFields, checkOrderBy, type RowFilter, restrictWhere, rewriteWhere } from './where.ts';
import { WriteRewriter } from './writes.ts';

/** An operation whose arguments have been rewritten, and what is left to do around it. */
export interface PlannedOperation {
	/** Where the result has settings to open. */
	readonly result?: ResultPlan | undefined;
	/** How it is opened. */
	readonly opening?: OpenOptions;
	/** What must be encrypted before the operation is sent. */
	readonly writes?: WriteRewriter;
}

/** The argument by which `withDeleted()` and `onlyDeleted()` reach the operation; Prisma never sees it. */
export const rowFilterArgument = '$rows';

/** The argument by which a look-up on the client of a transaction reads settings as they are stored. */
export const storedArgument = '$stored';

type Planner = (model: Model, args: Arguments) => PlannedOperation;

/** Every operation of Prisma Client on PostgreSQL. What is not listed is refused. */
const planners: Readonly<Record<string, Planner>> = {
	findUnique: (model, args) => planRead(model, args, false),
	findUniqueOrThrow: (model, args) => planRead(model, args, false),
	findFirst: (model, args) => planRead(model, args, false),
	findFirstOrThrow: (model, args) => planRead(model, args, false),
	findMany: (model, args) => planRead(model, args, true),
	count: planAggregate,
	aggregate: planAggregate,
	groupBy: planAggregate,
	create: planCreate,
	createMany: (model, args) => planCreateMany(model, args, false),
	createManyAndReturn: (model, args) => planCreateMany(model, args, true),
	update: planUpdate,
	updateMany: (model, args) => planUpdateMany(model, args, false),
	updateManyAndReturn: (model, args) => planUpdateMany(model, args, true),
	upsert: planUpsert,
	delete: planDelete,
	deleteMany: planDelete,
};

const reads: ReadonlySet<Planner | undefined> = new Set([
	planners.findUnique,
	planners.findUniqueOrThrow,
	planners.findFirst,
	planners.findFirstOrThrow,
	planners.findMany,
	planAggregate,
]);

/** Every operation that is known. A test holds them to what becomes of a row that does not decrypt. */
export const operationNames: readonly string[] = Object.keys(planners);

export function isOperation(name: PropertyKey): boolean {
	return Object.hasOwn(planners, name);
}

/** Whether an operation does nothing but read. */
export function isRead(name: string): boolean {
	return isOperation(name) && reads.has(planners[name]);
}

/** Rewrites the arguments in place. @throws UnsupportedError for what cannot work on encrypted settings. */
export function planOperation(model: Model, operation: string, args: Arguments): PlannedOperation {
	const planner = Object.hasOwn(planners, operation) ? planners[operation] : undefined;
	if (planner === undefined) {
		throw new UnsupportedError(`destinationsExtension does not know the operation ${operation}.`);
	}
	if (isReadOnly(model) && !reads.has(planner)) {
		throw new UnsupportedError(`Only the database writes ${model.name}.`);
	}
	return planner(model, args);
}

function planRead(model: Model, args: Arguments, manyRows: boolean): PlannedOperation {
	const stored = args[storedArgument] === true;
	delete args[storedArgument];
	const rows = takeRowFilter(args);
	const result = rewriteRead(model, args);
	seeOnly(model, args, rows);
	if (stored) return {};
	return { result, opening: { manyRows, mustOpen: !manyRows } };
}

function planAggregate(model: Model, args: Arguments): PlannedOperation {
	const rows = takeRowFilter(args);
	rewriteWhere(model, args.where);
	rewriteWhere(model, args.cursor);
	rewriteWhere(model, args.having);
	checkOrderBy(model, args.orderBy);
	checkFields(model, 'by', args.by);
	seeOnly(model, args, rows);
	return {};
}

function planCreate(model: Model, args: Arguments): PlannedOperation {
	const writes = new WriteRewriter();
	// Prisma allows a create without data, where every field has a default.
	args.data ??= {};
	const data = asObject(args.data);
	if (data !== undefined) {
		if (isDestination(model)) writes.createDestination(model, data);
		else writes.createOther(model, data);
	}
	return { result: rewriteSelection(model, args), writes };
}

function planCreateMany(model: Model, args: Arguments, returnsRows: boolean): PlannedOperation {
	const writes = new WriteRewriter();
	if (isDestination(model)) {
		for (const data of objectsIn(args.data)) writes.createDestination(model, data);
	}
	if (!returnsRows) return { writes };
	return { result: rewriteSelection(model, args), opening: { manyRows: true }, writes };
}

function planUpdate(model: Model, args: Arguments): PlannedOperation {
	const rows = takeRowFilter(args);
	const writes = new WriteRewriter();
	rewriteWhere(model, args.where);
	seeOnly(model, args, rows);
	const where = asObject(args.where);
	const data = asObject(args.data);
	if (where !== undefined && data !== undefined) {
		if (isDestination(model)) writes.updateDestination(model, data, where);
		else writes.updateOther(model, data, where);
	}
	return { result: rewriteSelection(model, args), writes };
}

function planUpdateMany(model: Model, args: Arguments, returnsRows: boolean): PlannedOperation {
	const writes = new WriteRewriter();
	rewriteWhere(model, args.where);
	seeOnly(model, args, 'live');
	const data = asObject(args.data);
	if (isDestination(model) && data !== undefined) writes.updateDestinations(data);
	if (!returnsRows) return { writes };
	return { result: rewriteSelection(model, args), opening: { manyRows: true }, writes };
}

function planUpsert(model: Model, args: Arguments): PlannedOperation {
	const writes = new WriteRewriter();
	if (isDestination(model)) {
		writes.upsertDestination(model, args);
	} else {
		rewriteWhere(model, args.where);
		const create = asObject(args.create);
		const update = asObject(args.update);
		if (create !== undefined) writes.createOther(model, create);
		if (update !== undefined) writes.updateOther(model, update, asObject(args.where));
	}
	return { result: rewriteSelection(model, args), writes };
}

function planDelete(model: Model, args: Arguments): PlannedOperation {
	if (isDestination(model)) {
		throw new UnsupportedError(
			'A destination is never deleted by Prisma. Call `delete` or `deleteMany` of the extended client, which soft-delete, or `purge`.',
		);
	}
	rewriteWhere(model, args.where);
	return { result: rewriteSelection(model, args) };
}

/** Applies the row filter to the top-level filter. */
function seeOnly(model: Model, args: Arguments, rows: RowFilter): void {
	if (isDestination(model)) restrictWhere(rows, args);
}

function takeRowFilter(args: Arguments): RowFilter {
	const rows = args[rowFilterArgument];
	delete args[rowFilterArgument];
	if (rows === undefined) return 'live';
	if (rows === 'all' || rows === 'deleted') return rows;
	throw new UnsupportedError(
		'Deleted destinations are reached by withDeleted() and onlyDeleted().',
	);
}
