import { type Arguments, asObject } from './arguments.ts';
import { copyArguments, refusalArgument } from './copy-arguments.ts';
import { rowFilterArgument } from './operations.ts';
import { markDeleted } from './soft-deletes.ts';
import type { RowFilter } from './where.ts';

/** Prisma's own methods of `prisma.destination`, of the client or the transaction that is called. */
type Delegate = Record<
	'update' | 'updateMany' | (typeof reads)[number],
	(args: Arguments) => unknown
> & {
	readonly $parent: {
		$executeRaw(query: TemplateStringsArray, ...values: unknown[]): unknown;
	};
};

const reads = [
	'findUnique',
	'findUniqueOrThrow',
	'findFirst',
	'findFirstOrThrow',
	'findMany',
	'count',
	'aggregate',
	'groupBy',
] as const;

/**
 * Methods of `prisma.destination`. They hand back the promise of another Prisma operation, unlike a
 * query extension that would run a second operation, so that they work in every kind of transaction.
 */
export const destinationMethods = {
	delete(this: Delegate, args: unknown): unknown {
		return this.update({ ...copyArguments(args), data: markDeleted() });
	},

	deleteMany(this: Delegate, args: unknown): unknown {
		return this.updateMany({ ...copyArguments(args), data: markDeleted() });
	},

	withDeleted(this: Delegate): unknown {
		return readsWith(this, 'all');
	},

	onlyDeleted(this: Delegate): unknown {
		return readsWith(this, 'deleted');
	},

	restore(this: Delegate, args: unknown): unknown {
		const data = { deletedAt: null };
		return this.update({ ...copyArguments(args), data, [rowFilterArgument]: 'deleted' });
	},

	purge(this: Delegate, args: unknown): unknown {
		const { where, [refusalArgument]: refusal } = copyArguments(args);
		const { id, organizationId, ...others } = asObject(where) ?? {};
		const isNamed = organizationId === undefined || typeof organizationId === 'string';
		// Another condition would go unnoticed in what follows.
		if (typeof id !== 'string' || !isNamed || Object.keys(others).length > 0) {
			const message = 'must name the id, the organizationId if it is known, and nothing else';
			const issue = { path: ['where'], message };
			// An operation that is refused, so that the refusal comes by its promise.
			return this.update({ [refusalArgument]: refusal ?? [issue] });
		}
		return organizationId === undefined
			? this.$parent.$executeRaw`
				DELETE FROM public.destinations WHERE id = ${id}::uuid AND deleted_at IS NOT NULL`
			: this.$parent.$executeRaw`
				DELETE FROM public.destinations
				WHERE id = ${id}::uuid AND organization_id = ${organizationId}::uuid AND deleted_at IS NOT NULL`;
	},
};

function readsWith(delegate: Delegate, rows: Exclude<RowFilter, 'live'>): object {
	return Object.fromEntries(
		reads.map((name) => [
			name,
			(args: unknown) => delegate[name]({ ...copyArguments(args), [rowFilterArgument]: rows }),
		]),
	);
}
