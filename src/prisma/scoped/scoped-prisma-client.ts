import type {
	DynamicModelExtensionFnResult,
	Exact,
	PrismaPromise,
	UnwrapTuple,
} from '@prisma/client/runtime/client';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import type {
	DestinationMethods,
	DestinationsExtensionArgs,
} from '../extension/extension-types.ts';
import type { TransactionOptions } from './transaction-options.ts';

// What a declaration of a service may name is exported from index.ts, by a name of its own: TypeScript writes
// out whatever it has no name for, which would be Prisma's whole client.
export type {
	DynamicModelExtensionFluentApi as PrismaRelations,
	GetBatchResult as PrismaBatchResult,
	JsonValue,
	PrismaPromise,
} from '@prisma/client/runtime/client';

/**
 * Prisma's types of this package's schema, as the extension changes them.
 *
 * @internal Has a name for declarations to refer to.
 */
export interface PrismaTypes extends Prisma.TypeMap<DestinationsExtensionArgs> {}

type ModelName = keyof PrismaTypes['model'];
type Operations<M extends ModelName> = PrismaTypes['model'][M]['operations'];
type Args<M extends ModelName, Name> = Name extends keyof Operations<M>
	? Operations<M>[Name] extends { args: infer A }
		? A
		: never
	: never;

type Result<M extends ModelName, A, Name extends PropertyKey> = DynamicModelExtensionFnResult<
	PrismaTypes,
	M,
	A,
	Name,
	Name extends 'findUnique' | 'findFirst' ? null : never
>;

/**
 * An operation of a model of the scoped client that needs no arguments.
 *
 * @internal Has a name for declarations to refer to.
 */
export type PrismaSearch<M extends ModelName, Name extends PropertyKey> = <A extends Args<M, Name>>(
	args?: Exact<A, Args<M, Name>>,
) => Result<M, A, Name>;

/**
 * An operation of a model of the scoped client that needs arguments.
 *
 * @internal Has a name for declarations to refer to.
 */
export type PrismaOperation<M extends ModelName, Name extends PropertyKey> = <
	A extends Args<M, Name>,
>(
	args: Exact<A, Args<M, Name>>,
) => Result<M, A, Name>;

/**
 * An operation of a model of the scoped client that computes from many rows.
 *
 * @internal Has a name for declarations to refer to.
 */
export type PrismaAggregation<M extends ModelName, Name extends PropertyKey> = <
	A extends Args<M, Name>,
>(
	args: Exact<A, Args<M, Name>>,
) => PrismaPromise<WrittenOut<Awaited<Result<M, A, Name>>>>;
type WrittenOut<T> = { [K in keyof T]: WrittenOut<T[K]> };

/**
 * The columns of a model, to compare one with another in a filter.
 *
 * @internal Has a name for declarations to refer to.
 */
export type PrismaFields<M extends ModelName> = {
	readonly [F in keyof PrismaTypes['model'][M]['fields']]: PrismaTypes['model'][M]['fields'][F];
};

/**
 * Prisma's operations on one model, in a scope.
 *
 * @internal Has a name for declarations to refer to.
 */
export interface PrismaModel<M extends ModelName> {
	[K: symbol]: { types: PrismaTypes['model'][M]; globalOmitOptions: Record<never, never> };
	readonly fields: PrismaFields<M>;
	readonly findUnique: PrismaOperation<M, 'findUnique'>;
	readonly findUniqueOrThrow: PrismaOperation<M, 'findUniqueOrThrow'>;
	readonly findFirst: PrismaSearch<M, 'findFirst'>;
	readonly findFirstOrThrow: PrismaSearch<M, 'findFirstOrThrow'>;
	readonly findMany: PrismaSearch<M, 'findMany'>;
	readonly create: PrismaOperation<M, 'create'>;
	readonly createMany: PrismaOperation<M, 'createMany'>;
	readonly createManyAndReturn: PrismaOperation<M, 'createManyAndReturn'>;
	readonly update: PrismaOperation<M, 'update'>;
	readonly updateMany: PrismaOperation<M, 'updateMany'>;
	readonly updateManyAndReturn: PrismaOperation<M, 'updateManyAndReturn'>;
	readonly upsert: PrismaOperation<M, 'upsert'>;
	readonly delete: PrismaOperation<M, 'delete'>;
	readonly deleteMany: PrismaSearch<M, 'deleteMany'>;
	readonly count: PrismaSearch<M, 'count'>;
	readonly aggregate: PrismaAggregation<M, 'aggregate'>;
	readonly groupBy: PrismaAggregation<M, 'groupBy'>;
}

/**
 * Prisma's operations on destinations, in a scope, and those that the extension adds.
 *
 * @internal Has a name for declarations to refer to.
 */
export interface PrismaDestinations
	extends Omit<PrismaModel<'Destination'>, keyof DestinationMethods>,
		DestinationMethods {
	[K: symbol]: PrismaModel<'Destination'>[symbol];
}

/** Prisma's API, without the methods that would reach outside the scope. */
export interface ScopedPrismaClient
	extends Pick<
		PrismaClient,
		'$queryRaw' | '$queryRawUnsafe' | '$executeRaw' | '$executeRawUnsafe'
	> {
	/** Destinations, with their settings decrypted. Deleted rows are hidden. */
	readonly destination: PrismaDestinations;
	/** The organization of the scope; in the scope of the service, all organizations. */
	readonly organization: PrismaModel<'Organization'>;
	/** The users that the scope can see. */
	readonly user: PrismaModel<'User'>;
	/** The audit log, for reading only. */
	readonly destinationAuditEntry: PrismaModel<'DestinationAuditEntry'>;
	/** Earlier settings as they were stored, encrypted, for reading only. */
	readonly destinationSettingsVersion: PrismaModel<'DestinationSettingsVersion'>;
	/** Runs the operations one after another in one transaction: if one fails, nothing is saved. */
	$transaction<P extends PrismaPromise<unknown>[]>(
		operations: [...P],
		options?: TransactionOptions,
	): Promise<UnwrapTuple<P>>;
	/** Runs `work` in one transaction. It is committed when `work` resolves, and rolled back if `work` throws. */
	$transaction<R>(
		work: (transaction: ScopedPrismaClient) => Promise<R>,
		options?: TransactionOptions,
	): Promise<R>;
}
