import type { Args, Exact, GetFindResult, PrismaPromise } from '@prisma/client/runtime/client';
import type { Destination } from '../../destinations/destination.ts';
import type { DestinationType, SettingsOf } from '../../destinations/registry.ts';
import type {
	ConnectionStatus,
	ConsentPurpose,
	Environment,
} from '../../destinations/vocabulary.ts';
import type { GlobalOmit, Model, PayloadOf, Relations } from './model-types.ts';

/** A type of destination, and the settings of that type: a union discriminated by `type`. */
export type DestinationSettings = {
	[T in DestinationType]: { type: T; settings: SettingsOf<T> };
}[DestinationType];

/**
 * A column of `destinations` as the extension's results have it: of fewer values than Prisma knows.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationColumn<T> = () => { needs: Record<never, never>; compute: () => T };

/** Type aliases, not interfaces, because Prisma asks for types with index signatures. */
type DestinationColumns = {
	type: DestinationColumn<DestinationType>;
	settings: DestinationColumn<DestinationSettings['settings']>;
	environment: DestinationColumn<Environment>;
	connectionStatus: DestinationColumn<ConnectionStatus>;
	requiredConsent: DestinationColumn<ConsentPurpose[]>;
};

/**
 * Any object. It names literals, because TypeScript infers the type of a literal, such as `'asc'`, as it is
 * only where it knows of literals.
 */
interface Literals {
	[name: string]: '' | 0 | true | Literals | Record<never, never> | null | undefined;
}

/** Arguments with nothing that is not known, which `Exact` sees to, and with all that is needed. */
type Whole<A, W> = Exact<A, W> & (A extends W ? unknown : W);

/** What an operation of the model `T` returns of a row, by its arguments `A`. */
type Row<T, A> = SettingsByType<GetFindResult<PayloadOf<T>, A, GlobalOmit<T>>>;

/** A row whose `settings` TypeScript knows once its `type` is known, where both were selected. */
type SettingsByType<R> = R extends { type: DestinationType; settings: unknown }
	? IsWholeRow<R> extends true
		? Destination
		: Omit<R, keyof DestinationSettings> & DestinationSettings
	: R;

/** Whether a row has the fields of a destination, and those alone. Then it has the name as well. */
type IsWholeRow<R> = [R, Columns] extends [Columns, { [K in keyof R]: R[K] }] ? true : false;
type Columns = Pick<Destination, keyof Destination>;

type Nullable = 'findUnique' | 'findFirst';
type Many = 'findMany' | 'createManyAndReturn' | 'updateManyAndReturn';

type Result<T, A, Name> = Name extends Many
	? PrismaPromise<Row<T, A>[]>
	: PrismaPromise<Row<T, A> | NullOf<Name>> & Relations<T, [], NullOf<Name>>;
type NullOf<Name> = Name extends Nullable ? null : never;

/**
 * An operation of `prisma.destination` that needs no arguments.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationSearch<Name extends 'findFirst' | 'findFirstOrThrow' | 'findMany'> = <
	T,
	A extends Literals,
>(
	this: T,
	args?: Whole<A, Args<T, Name>>,
) => Result<T, A, Name>;

/**
 * An operation of `prisma.destination` that needs arguments.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationOperation<
	Name extends
		| 'findUnique'
		| 'findUniqueOrThrow'
		| 'create'
		| 'createManyAndReturn'
		| 'update'
		| 'updateManyAndReturn'
		| 'upsert'
		| 'delete',
> = <T, A extends Literals>(this: T, args: Whole<A, Args<T, Name>>) => Result<T, A, Name>;

type Reads = {
	findUnique: DestinationOperation<'findUnique'>;
	findUniqueOrThrow: DestinationOperation<'findUniqueOrThrow'>;
	findFirst: DestinationSearch<'findFirst'>;
	findFirstOrThrow: DestinationSearch<'findFirstOrThrow'>;
	findMany: DestinationSearch<'findMany'>;
};

/**
 * The reads of `prisma.destination`, for rows that the default hides.
 *
 * @internal Has a name for declarations to refer to.
 */
export interface DestinationReads<T> extends Reads, Model<T> {
	readonly count: T extends { count: infer Count } ? Count : never;
	readonly aggregate: T extends { aggregate: infer Aggregate } ? Aggregate : never;
	readonly groupBy: T extends { groupBy: infer GroupBy } ? GroupBy : never;
}

/**
 * Returns the reads of `prisma.destination`, for rows that the default hides.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationReadsOf = <T>(this: T) => DestinationReads<T>;

type RestoreArgs<T> = Pick<
	Args<T, 'update'>,
	'where' | Extract<keyof Args<T, 'update'>, 'select' | 'include' | 'omit'>
>;

/**
 * `prisma.destination.restore()`.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationRestore = <T, A extends Literals>(
	this: T,
	args: Whole<A, RestoreArgs<T>>,
) => Result<T, A, 'update'>;

/**
 * `prisma.destination.purge()`.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationPurge = (args: {
	where: { id: string; organizationId?: string };
}) => PrismaPromise<number>;

/** What the extension changes and adds of `prisma.destination`. */
export interface DestinationMethods extends Reads {
	create: DestinationOperation<'create'>;
	createManyAndReturn: DestinationOperation<'createManyAndReturn'>;
	update: DestinationOperation<'update'>;
	updateManyAndReturn: DestinationOperation<'updateManyAndReturn'>;
	upsert: DestinationOperation<'upsert'>;
	delete: DestinationOperation<'delete'>;
	/** Reads that also return soft-deleted destinations. Nested reads still return live ones only. */
	withDeleted: DestinationReadsOf;
	/** Reads that return soft-deleted destinations only. Nested reads still return live ones only. */
	onlyDeleted: DestinationReadsOf;
	/**
	 * Restores a soft-deleted destination. Fails with P2002 if its organization now has a live one of the same type and
	 * environment, and with P2025 if there is no deleted destination with this id.
	 */
	restore: DestinationRestore;
	/** Removes a soft-deleted destination permanently. Returns how many rows were removed: 1 or 0. */
	purge: DestinationPurge;
}

/**
 * The extension's effect on Prisma's types.
 *
 * @internal Has a name for declarations to refer to.
 */
export type DestinationsExtensionArgs = {
	result: { destination: DestinationColumns };
	model: {
		destination: { [K in keyof DestinationMethods]: () => DestinationMethods[K] };
	};
	query: Record<never, never>;
	client: Record<never, never>;
};

/**
 * What `$extends` takes. This type describes its effect on Prisma's types. The type that Prisma's own helper infers would
 * put the whole generated client into the types of this package.
 */
export type DestinationsExtension = (client: object) => {
	$extends: { extArgs: DestinationsExtensionArgs };
};
