import type { GetResult } from '@prisma/client/runtime/client';
import type { DestinationType, SettingsOf } from '../destinations/registry.ts';
import type { ConnectionStatus, ConsentPurpose, Environment } from '../destinations/vocabulary.ts';
import type { Prisma } from '../generated/prisma/client.ts';

/** A field that Prisma's result types take from an extension instead of from the schema. */
type Computed<T> = () => { needs: Record<never, never>; compute: () => T };

/** Type aliases, not interfaces, because Prisma asks for types with index signatures. */
type DestinationFields = {
	type: Computed<DestinationType>;
	settings: Computed<{ [T in DestinationType]: SettingsOf<T> }[DestinationType]>;
	environment: Computed<Environment>;
	connectionStatus: Computed<ConnectionStatus>;
	requiredConsent: Computed<ConsentPurpose[]>;
};

type ResultOnly = {
	result: { destination: DestinationFields };
	model: Record<never, never>;
	query: Record<never, never>;
	client: Record<never, never>;
};

/** A row whose `settings` TypeScript knows once its `type` is known, where both were selected. */
type SettingsByType<Row> = Row extends { type: DestinationType; settings: unknown }
	? {
			[T in DestinationType]: Omit<Row, 'type' | 'settings'> & { type: T; settings: SettingsOf<T> };
		}[DestinationType]
	: Row;

type Row<A> = SettingsByType<
	GetResult<Prisma.$DestinationPayload<ResultOnly>, A, 'findFirstOrThrow'>
>;

type OneRow<A> = Prisma.Prisma__DestinationClient<Row<A>, never, ResultOnly>;
type OneRowOrNull<A> = Prisma.Prisma__DestinationClient<Row<A> | null, null, ResultOnly>;
type Rows<A> = Prisma.PrismaPromise<Row<A>[]>;

/** Prisma's own operations, but for their results, in which `settings` is typed by `type`. */
interface TypedReads {
	findUnique<A extends Prisma.DestinationFindUniqueArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationFindUniqueArgs<ResultOnly>>,
	): OneRowOrNull<A>;
	findUniqueOrThrow<A extends Prisma.DestinationFindUniqueOrThrowArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationFindUniqueOrThrowArgs<ResultOnly>>,
	): OneRow<A>;
	findFirst<A extends Prisma.DestinationFindFirstArgs>(
		args?: Prisma.SelectSubset<A, Prisma.DestinationFindFirstArgs<ResultOnly>>,
	): OneRowOrNull<A>;
	findFirstOrThrow<A extends Prisma.DestinationFindFirstOrThrowArgs>(
		args?: Prisma.SelectSubset<A, Prisma.DestinationFindFirstOrThrowArgs<ResultOnly>>,
	): OneRow<A>;
	findMany<A extends Prisma.DestinationFindManyArgs>(
		args?: Prisma.SelectSubset<A, Prisma.DestinationFindManyArgs<ResultOnly>>,
	): Rows<A>;
}

/**
 * The reads of `prisma.destination`, for rows that the default hides.
 *
 * @public no file here takes it, but the declarations of the package name it
 */
export type DestinationReads = TypedReads &
	Pick<Prisma.DestinationDelegate<ResultOnly>, 'count' | 'aggregate' | 'groupBy'>;

interface TypedWrites {
	create<A extends Prisma.DestinationCreateArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationCreateArgs<ResultOnly>>,
	): OneRow<A>;
	createManyAndReturn<A extends Prisma.DestinationCreateManyAndReturnArgs>(
		args?: Prisma.SelectSubset<A, Prisma.DestinationCreateManyAndReturnArgs<ResultOnly>>,
	): Rows<A>;
	update<A extends Prisma.DestinationUpdateArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationUpdateArgs<ResultOnly>>,
	): OneRow<A>;
	updateManyAndReturn<A extends Prisma.DestinationUpdateManyAndReturnArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationUpdateManyAndReturnArgs<ResultOnly>>,
	): Rows<A>;
	upsert<A extends Prisma.DestinationUpsertArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationUpsertArgs<ResultOnly>>,
	): OneRow<A>;
	delete<A extends Prisma.DestinationDeleteArgs>(
		args: Prisma.SelectSubset<A, Prisma.DestinationDeleteArgs<ResultOnly>>,
	): OneRow<A>;
}

type RestoreArgs = Pick<Prisma.DestinationUpdateArgs, 'where' | 'select' | 'include' | 'omit'>;

/**
 * What the extension changes and adds of `prisma.destination`.
 *
 * @public no file here takes it, but the declarations of the package name it
 */
export interface DestinationMethods extends TypedReads, TypedWrites {
	/** Reads that see soft-deleted destinations too. Nested destinations stay live ones. */
	withDeleted(): DestinationReads;
	/** Reads that see soft-deleted destinations alone. Nested destinations stay live ones. */
	onlyDeleted(): DestinationReads;
	/**
	 * Brings a soft-deleted destination back. Fails with P2002 if its organization has a live one of the
	 * same type and environment meanwhile, with P2025 if there is no deleted one of this id.
	 */
	restore<A extends RestoreArgs>(args: Prisma.Exact<A, RestoreArgs>): OneRow<A>;
	/** Removes a soft-deleted destination for good. Gives how many rows that were: 1 or 0. */
	purge(args: { where: { id: string } }): Prisma.PrismaPromise<number>;
}

/**
 * What `$extends` takes. It is described by its effect on Prisma's types and not by the type that
 * Prisma's own helper infers, which would put the whole generated client into this package's types.
 */
export type DestinationsExtension = (client: object) => {
	$extends: {
		extArgs: {
			result: { destination: DestinationFields };
			model: { destination: { [K in keyof DestinationMethods]: () => DestinationMethods[K] } };
			query: Record<never, never>;
			client: Record<never, never>;
		};
	};
};
